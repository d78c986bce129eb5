use std::mem;

use crate::history::{
    beside::Beside,
    bounds::Bounds,
    position::Position,
    prepared::Prepared,
    run::Run,
    sections::{Appended, Evicted, Sections},
    stretch::Stretch,
    tags::Tag,
};

/// The history of one topic or buffer: events in the order of their positions.
///
/// A reader's place in it is a position, the one that it has read up to; so it does not change when events
/// before or behind it leave. An event leaves in one of two ways: a newer one with its key *supersedes* it,
/// which nobody misses, or it is *evicted*, which is a gap for those that have not read it. Only an eviction
/// moves the two marks: [`evicted`](Self::evicted) for readers that resume, and [`has_lost`](Self::has_lost)
/// for those that begin at the oldest event, for which the removal of a key is no loss.
///
/// All that it tells and counts is of the events that are not superseded.
#[derive(Debug)]
pub(crate) struct Log {
    /// The events, if none has had a key or a label since the history was empty. Otherwise it is empty.
    plain: Stretch,
    /// The events, otherwise.
    keyed: Option<Box<Sections>>,
    len: usize,
    cost: usize,
    /// The bytes of memory of the events with keys, counted after each change.
    keyed_memory: usize,
    /// The position of the newest event, even if it is no longer held.
    last: Position,
    evicted: Position,
    has_lost: bool,
}

impl Log {
    /// Creates an empty history. Events up to the position `evicted` are not held.
    pub(crate) fn new(evicted: Position) -> Self {
        Self {
            plain: Stretch::new(),
            keyed: None,
            len: 0,
            cost: 0,
            keyed_memory: 0,
            last: evicted,
            evicted,
            has_lost: false,
        }
    }

    /// Appends an event. Returns whether that superseded an earlier event with the same key.
    #[inline]
    pub(crate) fn append(
        &mut self,
        position: Position,
        at: u64,
        id_line: &[u8],
        event: &mut Prepared<'_>,
    ) -> bool {
        debug_assert!(self.last < position, "events are appended in their order");
        self.last = position;
        // Fast path: without keys and labels there is one stretch and no tags. Once there was a
        // key, the history stays in sections until it is empty.
        if self.keyed.is_some() || event.event().has_beside() {
            return self.append_keyed(position, at, id_line, event);
        }
        let len = self.plain.append(position, at, id_line, event);
        self.len += 1;
        self.cost += len + Bounds::EVENT_OVERHEAD;
        false
    }

    fn append_keyed(
        &mut self,
        position: Position,
        at: u64,
        id_line: &[u8],
        event: &mut Prepared<'_>,
    ) -> bool {
        // What it holds becomes the first section.
        let sections = self.keyed.get_or_insert_with(|| {
            let plain = mem::replace(&mut self.plain, Stretch::new());
            Box::new(Sections::of_plain(plain))
        });
        let Appended { cost, superseded } = sections.append(position, at, id_line, event);
        self.len += 1 - usize::from(superseded.is_some());
        // In this order the number does not go below zero in between.
        self.cost = (self.cost + cost) - superseded.unwrap_or(0);
        self.keyed_memory = sections.memory();
        self.assert_sound();
        superseded.is_some()
    }

    /// Evicts the oldest event. Returns whether there was one.
    #[inline]
    pub(crate) fn evict(&mut self) -> bool {
        if self.keyed.is_some() {
            return self.evict_keyed();
        }
        let Some((position, len)) = self.plain.pop_front() else { return false };
        self.note_evicted(position, len + Bounds::EVENT_OVERHEAD);
        self.has_lost = true;
        true
    }

    fn evict_keyed(&mut self) -> bool {
        let Some(sections) = &mut self.keyed else { return false };
        let Some(Evicted { position, cost, was_removal }) = sections.evict() else { return false };
        self.keyed_memory = sections.memory();
        self.note_evicted(position, cost);
        // A removal is part of no state: a client without it has the same state.
        self.has_lost |= !was_removal;
        // Empty, so it may go back to the plain form.
        if self.len == 0 {
            (self.keyed, self.keyed_memory) = (None, 0);
        }
        self.assert_sound();
        true
    }

    #[inline]
    fn note_evicted(&mut self, position: Position, cost: usize) {
        debug_assert!(self.evicted < position, "events are evicted in their order");
        self.evicted = position;
        self.len -= 1;
        self.cost -= cost;
    }

    fn assert_sound(&self) {
        debug_assert!(self.plain.is_empty() || self.keyed.is_none(), "events are in one place");
        debug_assert_eq!(self.len == 0, self.cost == 0, "only an empty history costs nothing");
        debug_assert_eq!(
            self.keyed.as_ref().map_or(self.last, |sections| sections.last()),
            self.last,
            "the newest event is in the newest section"
        );
    }

    /// Takes everything held, so that it can be dropped elsewhere. Leaves the history as if all had been
    /// evicted.
    pub(crate) fn take(&mut self) -> Self {
        let removals = self.keyed.as_ref().map_or(0, |sections| sections.removals());
        // All events taken count as lost, except for removals.
        let has_lost = self.has_lost || self.len > removals;
        let empty = Self { has_lost, ..Self::new(self.last) };
        mem::replace(self, empty)
    }

    /// Reads the events after a position, up to another one, that lie in one piece. Returns `None` if there
    /// are none.
    #[inline]
    pub(crate) fn read(&mut self, after: Position, up_to: Position) -> Option<Run> {
        let Some(sections) = &mut self.keyed else { return self.plain.read(after, up_to) };
        let run = sections.read(after, up_to);
        self.keyed_memory = sections.memory();
        run
    }

    /// Drops the copy of the run that was read last and ends at a position, if it has one.
    pub(crate) fn forget_copy(&mut self, last: Position) {
        if let Some(sections) = &mut self.keyed {
            sections.forget_copy(last);
            self.keyed_memory = sections.memory();
        }
    }

    /// Returns the offset at which each event of a run ends in its text. The run must be the last one read.
    ///
    /// Also returns the key and label of each event, or nothing if none of the events ever had any.
    pub(crate) fn parts(&self, run: &Run) -> (Vec<usize>, Vec<Option<Beside>>) {
        match &self.keyed {
            None => (self.plain.ends(run).collect(), Vec::new()),
            Some(sections) => {
                let (mut ends, mut beside) = (Vec::new(), Vec::new());
                let mut end = 0;
                sections.each_of(run, |len, tag| {
                    end += len;
                    ends.push(end);
                    beside.push(match tag {
                        Tag::Slot(slot) => sections.keys().get(slot).cloned(),
                        _ => None,
                    });
                });
                debug_assert_eq!(
                    (ends.len() as u64, end),
                    (run.events, run.bytes.len()),
                    "a run is told apart into all of its events"
                );
                (ends, beside)
            }
        }
    }

    /// Returns the position of the first event after a position.
    #[inline]
    pub(crate) fn position_after(&self, after: Position) -> Option<Position> {
        match &self.keyed {
            None => {
                let index = self.plain.index_after(after);
                (index < self.plain.next()).then(|| self.plain.entry(index).position)
            }
            Some(sections) => sections.position_after(after),
        }
    }

    /// Returns the position of the first event after a run that was just read.
    #[inline]
    pub(crate) fn position_after_run(&self, run: &Run) -> Option<Position> {
        match &self.keyed {
            // Fast path: it needs no search.
            None => self.plain.entries.get((run.end - self.plain.first) as usize).map(|entry| entry.position),
            Some(sections) => sections.position_after(run.last),
        }
    }

    /// Returns the number of events after a position.
    pub(crate) fn count_after(&self, after: Position) -> usize {
        match &self.keyed {
            None => (self.plain.next() - self.plain.index_after(after)) as usize,
            Some(sections) => sections.count_after(after),
        }
    }

    /// Returns the position of the newest event, even if it is no longer held. Nothing follows it.
    #[inline]
    pub(crate) fn last(&self) -> Position {
        self.last
    }

    pub(crate) fn first_position(&self) -> Option<Position> {
        self.front().front().map(|entry| entry.position)
    }

    pub(crate) fn first_at(&self) -> Option<u64> {
        self.front().front().map(|entry| entry.at)
    }

    /// Returns the text of the oldest event held.
    pub(crate) fn first_text(&self) -> Option<&[u8]> {
        self.front().first_text()
    }

    /// Returns the part with the oldest event held.
    #[inline]
    fn front(&self) -> &Stretch {
        match &self.keyed {
            None => &self.plain,
            Some(sections) => sections.front(),
        }
    }

    /// Returns the newest position that is no longer held: a reader that has not read up to there has lost an
    /// event.
    #[inline]
    pub(crate) fn evicted(&self) -> Position {
        self.evicted
    }

    /// Returns whether a reader at a position has lost an event.
    #[inline]
    pub(crate) fn has_evicted_after(&self, position: Position) -> bool {
        position < self.evicted
    }

    /// Returns whether an event was evicted that did not remove a key.
    pub(crate) fn has_lost(&self) -> bool {
        self.has_lost
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns whether the history exceeds the bounds of a topic.
    #[inline]
    pub(crate) fn is_over(&self, bounds: &Bounds) -> bool {
        self.len > bounds.events || self.cost > bounds.bytes
    }

    /// Returns the bytes held, as [`Bounds`] counts them.
    #[inline]
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Returns the bytes of memory allocated: text, index, keys and spare capacity.
    #[inline]
    pub(crate) fn memory(&self) -> usize {
        if self.keyed.is_some() { self.keyed_memory } else { self.plain.memory() }
    }
}
