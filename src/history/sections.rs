use std::{collections::VecDeque, mem};

use crate::history::{
    beside::Beside,
    bounds::Bounds,
    keys::{Keys, Place, Superseded},
    position::Position,
    prepared::Prepared,
    run::Run,
    section::Section,
    stretch::Stretch,
    tags::Tag,
};

/// A history with keys or labels: sections in order, and the newest event of each key.
///
/// An event that is superseded is marked in its section, which takes one look-up of the key and a binary
/// search among the sections. A section of which three quarters are superseded is rebuilt without them, and
/// joined with a neighbour once it is small. So one event at the front pins nothing behind it, one operation
/// copies a few sections at most, and each publish pays for less than one copy of an event.
///
/// Superseded events take about as much memory as the others, at most: while they take more, sections of
/// which they are the majority are rebuilt as well, one with each publish.
///
/// These hold after each operation:
///
/// - The oldest event held is not superseded. So what the history tells of its front is true of the oldest
///   live event.
/// - Each section but the newest has an event that is not superseded. So a reader looks at two sections at
///   most.
/// - The slots of the events that are not superseded are exactly those of `keys`.
#[derive(Debug)]
pub(super) struct Sections {
    older: VecDeque<Older>,
    newest: Section,
    /// The number of the newest section. Sections are numbered in their order, some are left out.
    number: u32,
    keys: Keys,
    /// The number of events that remove a key and are not superseded.
    removals: usize,
    /// The bytes of memory of the older sections.
    memory: usize,
    /// The bytes that the events that are not superseded count for, without their keys and labels.
    live: usize,
    /// The older section that was checked last for superseded events.
    swept: usize,
}

/// A section to which nothing is appended any more.
#[derive(Debug)]
struct Older {
    section: Box<Section>,
    /// The position of its last event when it was closed. No later section has an event up to it.
    last: Position,
    number: u32,
}

/// An event that was appended.
pub(super) struct Appended {
    pub(super) cost: usize,
    /// The cost of the event that it superseded, if it did.
    pub(super) superseded: Option<usize>,
}

/// An event that was evicted.
pub(super) struct Evicted {
    pub(super) position: Position,
    pub(super) cost: usize,
    pub(super) was_removal: bool,
}

impl Sections {
    /// Creates a history with keys from one without.
    pub(super) fn of_plain(stretch: Stretch) -> Self {
        let is_empty = stretch.is_empty();
        let live = stretch.text_len() + stretch.len() * Bounds::EVENT_OVERHEAD;
        let newest = Section::of_plain(stretch);
        let mut sections = Self {
            older: VecDeque::new(),
            newest,
            number: 0,
            keys: Keys::new(),
            removals: 0,
            memory: 0,
            live,
            swept: 0,
        };
        if !is_empty {
            sections.close_newest(Section::new());
        }
        sections
    }

    /// Appends an event, and supersedes the earlier one with its key.
    pub(super) fn append(
        &mut self,
        position: Position,
        at: u64,
        id_line: &[u8],
        event: &mut Prepared<'_>,
    ) -> Appended {
        let (mut tag, mut beside, mut superseded) = (Tag::Plain, 0, None);
        if event.event().has_beside() {
            let (slot, earlier) = self.keys.enter(event.event());
            tag = Tag::Slot(slot);
            beside = Beside::cost_of(event.event());
            self.removals += usize::from(event.event().is_removal());
            superseded = earlier.map(|earlier| self.supersede(slot, &earlier));
        }
        // After superseding, which may have made room, and before the event has its index.
        if self.newest.is_full() {
            self.close_newest(Section::to_follow());
        }
        let index = self.newest.next();
        let len = self.newest.append(position, at, id_line, event, tag);
        if let Tag::Slot(slot) = tag {
            self.keys.moved(slot, Place::new(self.number, index, len));
        }
        let cost = len + Bounds::EVENT_OVERHEAD;
        self.live += cost;
        Appended { cost: cost + beside, superseded }
    }

    /// Marks an event as superseded, and rebuilds its section if that is the majority. Returns what it cost.
    fn supersede(&mut self, slot: u32, superseded: &Superseded) -> usize {
        self.removals -= usize::from(superseded.was_removal);
        self.newest.forget_cached();
        let at = self.numbered(superseded.place.section);
        let len = match self.older.get_mut(at) {
            None => {
                let len = self.newest.supersede(slot, superseded.place);
                // A rebuild copies what is live, at most as much as was superseded, so that it
                // costs constant time for each event on average.
                if self.newest.wastes(1) && self.newest.has_much_superseded() {
                    self.newest = Section::rebuilt(&mut [&mut self.newest], self.number, &mut self.keys);
                }
                len
            }
            Some(older) => {
                let before = older.section.memory();
                let len = older.section.supersede(slot, superseded.place);
                self.memory = (self.memory + older.section.memory()) - before;
                if older.section.wastes(MOST_WASTE) {
                    self.tidy(at);
                }
                len
            }
        };
        // Only a change of the first section can leave a superseded event in front.
        if at == 0 {
            self.drop_superseded_front();
        }
        debug_assert!(
            self.front().is_empty() || !self.front_section().begins_superseded(),
            "superseding leaves a live event in front"
        );
        let cost = len + Bounds::EVENT_OVERHEAD;
        self.live -= cost;
        if self.memory > 2 * self.live {
            self.sweep();
        }
        cost + superseded.cost
    }

    /// Rebuilds an older section of which the majority is superseded, if it is one of the next few.
    #[cold]
    fn sweep(&mut self) {
        // While superseded events take more memory than the others, there is such a section.
        for _ in 0..self.older.len().min(SWEPT) {
            self.swept = (self.swept + 1) % self.older.len();
            if self.older.get(self.swept).is_some_and(|older| older.section.wastes(1)) {
                return self.tidy(self.swept);
            }
        }
    }

    /// Evicts the oldest event.
    pub(super) fn evict(&mut self) -> Option<Evicted> {
        let before = self.older.front().map(|older| older.section.memory());
        let front = self.front_mut();
        // The front is live, because superseded ones are dropped from it after each change.
        let (position, len, tag) = front.pop_front()?;
        debug_assert_ne!(tag, Tag::Superseded, "the oldest event held is not superseded");
        let after = front.memory();
        if let Some(before) = before {
            self.memory = (self.memory + after) - before;
        }
        let (mut cost, mut was_removal) = (len + Bounds::EVENT_OVERHEAD, false);
        self.live -= cost;
        if let Tag::Slot(slot) = tag {
            let beside = self.keys.leave(slot)?;
            cost += beside.cost();
            was_removal = beside.is_removal();
            self.removals -= usize::from(was_removal);
        }
        self.drop_superseded_front();
        if self.older.front().is_some_and(|older| older.section.wastes(MOST_WASTE)) {
            self.tidy(0);
        }
        Some(Evicted { position, cost, was_removal })
    }

    /// Removes superseded events from the front, so that the oldest event held is not superseded.
    #[inline]
    fn drop_superseded_front(&mut self) {
        if self.front_section().begins_superseded() {
            self.drop_superseded();
        }
    }

    fn drop_superseded(&mut self) {
        while let Some(older) = self.older.front_mut() {
            let before = older.section.memory();
            older.section.drop_superseded_front();
            self.memory = (self.memory + older.section.memory()) - before;
            if !older.section.stretch().is_empty() {
                return;
            }
            self.older.pop_front();
        }
        self.newest.drop_superseded_front();
    }

    /// Rebuilds an older section without its superseded events, together with a neighbour if it has become
    /// small.
    fn tidy(&mut self, at: usize) {
        let Some(older) = self.older.get(at) else { return };
        // All of it was superseded, so there is nothing to copy.
        if older.section.live() == 0 {
            self.remove(at);
            return;
        }
        let is_neighbour = |other: &usize| {
            older.section.is_small()
                && self.older.get(*other).is_some_and(|other| older.section.fits_with(&other.section))
        };
        // Small ones are joined, so that the number of sections stays in proportion to what is
        // live.
        let neighbour = [at.wrapping_sub(1), at + 1].into_iter().find(is_neighbour);
        let first = neighbour.map_or(at, |neighbour| neighbour.min(at));
        let mut replaced: Vec<_> = self.remove(first).into_iter().collect();
        if neighbour.is_some() {
            replaced.extend(self.remove(first));
        }
        let Some(&Older { last, number, .. }) = replaced.last() else { return };
        let mut parts: Vec<&mut Section> = replaced.iter_mut().map(|older| &mut *older.section).collect();
        let section = Box::new(Section::rebuilt(&mut parts, number, &mut self.keys));
        self.memory += section.memory();
        self.older.insert(first, Older { section, last, number });
    }

    fn remove(&mut self, at: usize) -> Option<Older> {
        let removed = self.older.remove(at)?;
        self.memory -= removed.section.memory();
        Some(removed)
    }

    /// Begins a new section.
    fn close_newest(&mut self, next: Section) {
        let mut section = Box::new(mem::replace(&mut self.newest, next));
        section.close();
        // An empty section is not kept, because nothing would ever remove it.
        let Some(last) = section.stretch().last() else { return };
        self.memory += section.memory();
        self.older.push_back(Older { section, last, number: self.number });
        self.number = self.number.wrapping_add(1);
    }

    /// Reads events after a position, up to another one. Returns `None` if there are none.
    pub(super) fn read(&mut self, after: Position, up_to: Position) -> Option<Run> {
        for at in self.first_after(after).. {
            let Some(older) = self.older.get_mut(at) else { break };
            let memory = older.section.memory();
            let run = older.section.read(after, up_to);
            self.memory = (self.memory + older.section.memory()) - memory;
            // A section may have nothing live after the position; then the next one is asked.
            if run.is_some() || older.last >= up_to {
                return run;
            }
        }
        self.newest.read(after, up_to)
    }

    /// Drops the run that was read last from the section with its last event.
    pub(super) fn forget_copy(&mut self, last: Position) {
        let at = self.section_of(last);
        let Some(older) = self.older.get_mut(at) else { return self.newest.forget_cached() };
        let memory = older.section.memory();
        older.section.forget_cached();
        self.memory = (self.memory + older.section.memory()) - memory;
    }

    /// Returns the position of the first event after a position.
    pub(super) fn position_after(&self, after: Position) -> Option<Position> {
        let older = self.older.range(self.first_after(after)..).map(|older| &*older.section);
        older.chain([&self.newest]).find_map(|section| section.position_after(after))
    }

    /// Calls a function with the length of each event of a run that was just read, and its tag.
    pub(super) fn each_of(&self, run: &Run, call: impl FnMut(usize, Tag)) {
        let section = self.older.get(self.section_of(run.last)).map_or(&self.newest, |older| &older.section);
        section.each_of(run, call);
    }

    /// Returns the number of events after a position.
    pub(super) fn count_after(&self, after: Position) -> usize {
        let mut older = self.older.range(self.first_after(after)..);
        let first = older.next().map_or(0, |older| older.section.count_after(after));
        let others: usize = older.map(|older| older.section.live()).sum();
        first + others + self.newest.count_after(after)
    }

    /// Returns the section with an event; the number of older ones for the newest.
    fn section_of(&self, position: Position) -> usize {
        // Fast path: most readers have read all but the newest events.
        if self.older.back().is_none_or(|older| older.last < position) {
            return self.older.len();
        }
        // Sections are in order, and each position lies in the first that ends at it or behind it.
        self.older.partition_point(|older| older.last < position)
    }

    /// Returns the section with a number; the number of older ones for the newest.
    fn numbered(&self, number: u32) -> usize {
        let first = self.older.front().map_or(self.number, |older| older.number);
        // Fast path: what changes often has changed lately, and what changes in turn has not for the longest time.
        if number == self.number {
            self.older.len()
        } else if number == first {
            0
        } else {
            // Numbers begin anew after a long time, so that they are compared from the first one on.
            let ordinal = number.wrapping_sub(first);
            self.older.partition_point(|older| older.number.wrapping_sub(first) < ordinal)
        }
    }

    /// Returns the first section that may have an event after a position; the number of older ones for the
    /// newest.
    fn first_after(&self, after: Position) -> usize {
        self.section_of(after.saturating_add(1))
    }

    /// Returns the stretch with the oldest event held.
    pub(super) fn front(&self) -> &Stretch {
        self.front_section().stretch()
    }

    fn front_section(&self) -> &Section {
        self.older.front().map_or(&self.newest, |older| &older.section)
    }

    fn front_mut(&mut self) -> &mut Section {
        match self.older.front_mut() {
            Some(older) => &mut older.section,
            None => &mut self.newest,
        }
    }

    /// Returns the position of the newest event held, or zero.
    pub(super) fn last(&self) -> Position {
        self.newest.stretch().last().unwrap_or(0)
    }

    /// Returns the number of events that remove a key.
    pub(super) fn removals(&self) -> usize {
        self.removals
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Returns the bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        let older =
            self.older.capacity() * mem::size_of::<Older>() + self.older.len() * mem::size_of::<Section>();
        mem::size_of::<Self>() + older + self.memory + self.newest.memory() + self.keys.memory()
    }
}

/// An older section is rebuilt when it has so many times more superseded events than others. With random
/// keys, a third of an event is copied for each publish, and the superseded events take most of the memory
/// that they may.
const MOST_WASTE: usize = 3;
/// The sections that are checked with each publish, if superseded events take too much memory.
const SWEPT: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::value::Event,
        history::scheme::{Epoch, Scheme},
    };

    #[test]
    fn the_numbers_of_sections_begin_anew_and_each_key_still_leads_to_its_event() {
        let mut sections = Sections::of_plain(Stretch::new());
        sections.number = u32::MAX - 2;
        let keys = |n: usize| n * 7 % 3_000;
        let mut live = 0;
        for n in 0..9_000 {
            let event = Event::new(n.to_string()).with_key(keys(n).to_string());
            let mut prepared = Prepared::new(&event, &Scheme::Own(Epoch::new(1)), usize::MAX).unwrap();
            let appended = sections.append(n as Position + 1, 0, b"", &mut prepared);
            assert_eq!(appended.superseded.is_some(), n >= 3_000);
            live = live + appended.cost - appended.superseded.unwrap_or(0);
        }
        assert!(sections.number < 100, "{}", sections.number);
        assert_eq!(sections.count_after(0), 3_000);
        let costs = std::iter::from_fn(|| sections.evict()).map(|evicted| evicted.cost);
        assert_eq!(costs.sum::<usize>(), live);
    }
}
