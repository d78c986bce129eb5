use bytes::{Bytes, BytesMut};

use crate::history::{
    keys::{Keys, Place},
    position::Position,
    prepared::Prepared,
    run::Run,
    stretch::Stretch,
    tags::{Tag, Tags},
};

/// A section of a history with keys: a stretch of bounded size, of which some events may be superseded.
///
/// Superseded events stay, marked, until they are the [majority](Self::wastes); then the section is
/// [rebuilt](Self::rebuilt) without them.
#[derive(Debug)]
pub(super) struct Section {
    stretch: Stretch,
    tags: Tags,
    /// The bytes of the text of superseded events.
    wasted: usize,
}

impl Section {
    pub(super) fn new() -> Self {
        Self::of_plain(Stretch::new())
    }

    /// Creates a section of events without keys and labels. It may be of any size, because none is
    /// superseded.
    pub(super) fn of_plain(stretch: Stretch) -> Self {
        Self { stretch, tags: Tags::default(), wasted: 0 }
    }

    /// Creates a section to follow one that is full.
    pub(super) fn to_follow() -> Self {
        Self::of_plain(Stretch::with_room(FOLLOWING_CHUNK))
    }

    /// Appends an event. Returns the length of its text.
    pub(super) fn append(
        &mut self,
        position: Position,
        at: u64,
        id_line: &[u8],
        event: &mut Prepared<'_>,
        tag: Tag,
    ) -> usize {
        self.tags.push(tag);
        let len = self.stretch.append(position, at, id_line, event);
        self.assert_sound();
        len
    }

    /// Removes the oldest event. Returns its position, the length of its text, and its tag.
    pub(super) fn pop_front(&mut self) -> Option<(Position, usize, Tag)> {
        let (position, len) = self.stretch.pop_front()?;
        let tag = self.tags.pop_front();
        if tag == Tag::Superseded {
            self.wasted -= len;
        }
        self.assert_sound();
        Some((position, len, tag))
    }

    /// Returns whether its oldest event is superseded, or it has none.
    #[inline]
    pub(super) fn begins_superseded(&self) -> bool {
        self.stretch.is_empty() || self.tags.superseded() > 0 && self.tags.get(0) == Tag::Superseded
    }

    /// Removes the superseded events before the oldest one that is not. Evicts nothing.
    pub(super) fn drop_superseded_front(&mut self) {
        while !self.stretch.is_empty() && self.tags.get(0) == Tag::Superseded {
            self.pop_front();
        }
    }

    /// Marks the event of a slot as superseded. Returns the length of its text.
    pub(super) fn supersede(&mut self, slot: u32, Place { index, len, .. }: Place) -> usize {
        let first = self.stretch.first();
        let at = usize::from(index.wrapping_sub(first as u16));
        debug_assert_eq!(self.tags.get(at), Tag::Slot(slot), "the key knows where its event lies");
        self.tags.supersede(at);
        let len = match len {
            Place::LONG => self.stretch.len_of(first + at as u64),
            // Fast path: the index of the stretch, which may be in no cache, is not asked.
            len => usize::from(len),
        };
        self.wasted += len;
        // The run that was read last may have its text.
        self.stretch.forget_cached();
        len
    }

    pub(super) fn forget_cached(&mut self) {
        self.stretch.forget_cached();
    }

    /// Returns the position of the first event after a position that is not superseded.
    pub(super) fn position_after(&self, after: Position) -> Option<Position> {
        let index = self.next_live(self.stretch.index_after(after));
        (index < self.stretch.next()).then(|| self.stretch.entry(index).position)
    }

    /// Reads the events after a position, up to another one, without those that are superseded. Returns
    /// `None` if there are none.
    ///
    /// Fast path: if none is superseded, returns those that lie in one piece. Otherwise joins what lies
    /// between superseded events, with one copy of at most [`MOST_JOINED`] bytes, or of one event.
    pub(super) fn read(&mut self, after: Position, up_to: Position) -> Option<Run> {
        if self.tags.superseded() == 0 {
            return self.stretch.read(after, up_to);
        }
        if let Some(run) = self.stretch.cached(after, up_to) {
            return Some(run.clone());
        }
        let end = self.stretch.index_after(up_to);
        let mut at = self.next_live(self.stretch.index_after(after));
        let (mut pieces, mut len, mut events, mut last) = (Vec::new(), 0, 0, after);
        let mut first = None;
        while at < end {
            let until = self.next_superseded(at).min(end);
            let (bytes, next) = self.stretch.find(at, until);
            // Pieces are copied into one run, under the hub's lock, so that their sum is bounded.
            // One piece alone is a slice and costs nothing.
            if len > 0 && len + bytes.len() > MOST_JOINED {
                break;
            }
            len += bytes.len();
            events += next - at;
            first = first.or(Some(self.stretch.entry(at).position));
            last = self.stretch.entry(next - 1).position;
            pieces.push(bytes);
            at = self.next_live(next);
        }
        let first = first?;
        // A copy takes memory beside the segments, which counts as long as it is cached.
        let copied = if pieces.len() > 1 { len } else { 0 };
        let run = Run { bytes: join(pieces, len), after, first, last, events, end: at.min(end) };
        self.stretch.cache(&run, copied);
        Some(run)
    }

    /// Calls a function with the length of each event of a run, and its tag.
    pub(super) fn each_of(&self, run: &Run, mut call: impl FnMut(usize, Tag)) {
        // Positions and indices outlive evictions, so the events are found even if older ones have
        // gone since the run was read.
        for index in self.stretch.index_after(run.after)..run.end {
            let tag = self.tags.get((index - self.stretch.first()) as usize);
            if tag != Tag::Superseded {
                call(self.stretch.len_of(index), tag);
            }
        }
    }

    /// Returns the number of events after a position that are not superseded.
    pub(super) fn count_after(&self, after: Position) -> usize {
        let first = self.stretch.first();
        let from = (self.stretch.index_after(after) - first) as usize;
        (from..self.stretch.len()).filter(|at| self.tags.get(*at) != Tag::Superseded).count()
    }

    /// Returns the number of events that are not superseded.
    pub(super) fn live(&self) -> usize {
        self.stretch.len() - self.tags.superseded()
    }

    /// Returns the bytes of the text of events that are not superseded.
    pub(super) fn live_text(&self) -> usize {
        self.stretch.text_len() - self.wasted
    }

    /// Returns whether more than so many times of it are superseded than not, by number or by bytes.
    pub(super) fn wastes(&self, times: usize) -> bool {
        self.tags.superseded() > times * self.live() || self.wasted > times * self.live_text()
    }

    /// Returns whether enough is superseded that rebuilding it pays, even if only a few events are left.
    pub(super) fn has_much_superseded(&self) -> bool {
        self.tags.superseded() >= MUCH_SUPERSEDED || self.wasted >= MUCH_WASTED
    }

    pub(super) fn is_full(&self) -> bool {
        self.stretch.len() >= MAX_EVENTS || self.stretch.text_len() >= MAX_TEXT
    }

    /// Returns whether it has so few events left that it is joined with its neighbour.
    pub(super) fn is_small(&self) -> bool {
        self.live() * 4 <= MAX_EVENTS && self.live_text() * 4 <= MAX_TEXT
    }

    /// Returns whether two sections fit into one that is at most half full, so that it is not rebuilt again
    /// soon.
    pub(super) fn fits_with(&self, other: &Self) -> bool {
        (self.live() + other.live()) * 2 <= MAX_EVENTS
            && (self.live_text() + other.live_text()) * 2 <= MAX_TEXT
    }

    /// Frees the memory that only further events would need.
    pub(super) fn close(&mut self) {
        self.stretch.close();
    }

    /// Creates a section from consecutive ones, without their superseded events. Positions are kept; the keys
    /// learn the new number and indices.
    ///
    /// Copies the text once, except that of long events, which keep their segment.
    pub(super) fn rebuilt(sections: &mut [&mut Self], number: u32, keys: &mut Keys) -> Self {
        // Sealed first, so that the text that is taken over is shared or copied from segments.
        sections.iter_mut().for_each(|section| section.stretch.seal());
        let room = sections.iter().map(|section| section.live_text() - section.text_to_keep()).sum();
        let mut rebuilt = Self::of_plain(Stretch::with_room(room));
        for section in sections {
            let first = section.stretch.first();
            let (mut at, end) = (section.next_live(first), section.stretch.next());
            while at < end {
                let until = section.next_superseded(at);
                rebuilt.stretch.append_from(&mut section.stretch, at..until);
                (at..until).for_each(|index| rebuilt.tags.push(section.tags.get((index - first) as usize)));
                at = section.next_live(until);
            }
        }
        rebuilt.stretch.finish();
        // The key of each event must know where it lies now, or superseding would strike another one.
        // In a loop of its own, which waits for the memory of several keys at once.
        for index in rebuilt.stretch.first()..rebuilt.stretch.next() {
            if let Tag::Slot(slot) = rebuilt.tags.get((index - rebuilt.stretch.first()) as usize) {
                keys.moved(slot, Place::new(number, index, rebuilt.stretch.len_of(index)));
            }
        }
        rebuilt.assert_sound();
        rebuilt
    }

    /// Returns the bytes of the text that rebuilding it does not copy, once that is sealed.
    fn text_to_keep(&self) -> usize {
        let first = self.stretch.first();
        let is_live = |index: &u64| self.tags.get((index - first) as usize) != Tag::Superseded;
        self.stretch.kept_segments().filter(is_live).map(|index| self.stretch.len_of(index)).sum()
    }

    /// Returns the index of the next event to be appended.
    pub(super) fn next(&self) -> u64 {
        self.stretch.next()
    }

    pub(super) fn stretch(&self) -> &Stretch {
        &self.stretch
    }

    pub(super) fn memory(&self) -> usize {
        self.stretch.memory() + self.tags.memory()
    }

    fn next_live(&self, index: u64) -> u64 {
        let first = self.stretch.first();
        first + self.tags.next_live((index - first) as usize, self.stretch.len()) as u64
    }

    fn next_superseded(&self, index: u64) -> u64 {
        let first = self.stretch.first();
        first + self.tags.next_superseded((index - first) as usize, self.stretch.len()) as u64
    }

    #[inline]
    fn assert_sound(&self) {
        debug_assert!(
            self.tags.len() == 0 || self.tags.len() == self.stretch.len(),
            "a tag for each event, or none"
        );
        debug_assert!(self.tags.superseded() > 0 || self.wasted == 0, "only superseded events waste text");
    }
}

fn join(mut pieces: Vec<Bytes>, len: usize) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(len);
    pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
    joined.freeze()
}

/// A section with this many events or bytes of text is full.
const MAX_EVENTS: usize = 512;
const MAX_TEXT: usize = 64 * 1024;
/// The most bytes of text that a read joins.
const MOST_JOINED: usize = 64 * 1024;
/// The first chunk of a section that follows a full one.
const FOLLOWING_CHUNK: usize = 16 * 1024;
const MUCH_SUPERSEDED: usize = 16;
const MUCH_WASTED: usize = 4 * 1024;
