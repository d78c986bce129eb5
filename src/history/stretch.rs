//! Encoded events in order: the text of each is stored once, for live delivery and for replay.
//!
//! New events are encoded at the end of an open chunk. The first reader that needs them seals the bytes so
//! far, without a copy, and all readers get slices of the same sealed segment. When a chunk is full, its
//! segments are joined, so that later reads return long runs however the chunk was sealed.

use std::mem;

use bytes::{Bytes, BytesMut};

use crate::{
    base::deque::Deque,
    history::{
        position::Position,
        prepared::{LONG_EVENT, Prepared},
        run::Run,
        sealed::{Sealed, Segment},
    },
};

/// A stretch of a history: consecutive events, evicted from the front and appended at the end.
///
/// Its indices count all events ever appended to it. They are used only inside the history, because they
/// change when a stretch is rebuilt without its superseded events; positions do not.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) entries: Deque<Entry>,
    /// The index of the oldest entry.
    pub(super) first: u64,
    /// The offset at which the text of the oldest entry starts. Offsets count all bytes ever appended.
    pub(super) first_start: u64,
    pub(super) open: BytesMut,
    pub(super) open_index: u64,
    /// All text except that of the open chunk. `None` until the first read, or the end of the first chunk.
    pub(super) sealed: Option<Box<Sealed>>,
    /// The bytes of memory in use, [counted](Self::recount) when an allocation changes.
    pub(super) memory: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) position: Position,
    /// The offset at which its text ends.
    pub(super) end: u64,
    /// The time at which it was appended, in nanoseconds since its owner began.
    pub(super) at: u64,
}

impl Stretch {
    pub(super) fn new() -> Self {
        Self::starting_at(0, 0)
    }

    fn starting_at(first: u64, first_start: u64) -> Self {
        Self {
            entries: Deque::new(),
            first,
            first_start,
            open: BytesMut::new(),
            open_index: first,
            sealed: None,
            memory: 0,
        }
    }

    /// Appends an event. Returns the length of its text.
    #[inline]
    pub(super) fn append(
        &mut self,
        position: Position,
        at: u64,
        id_line: &[u8],
        event: &mut Prepared<'_>,
    ) -> usize {
        let len = id_line.len() + event.len();
        // Never grown: growing would copy the chunk, and its slices would not be of one allocation.
        if len > self.open.capacity() - self.open.len() && !self.open_chunk(len) {
            self.append_alone(position, at, event.take(id_line));
            return len;
        }
        event.write(id_line, &mut self.open);
        if self.push_entry(position, at, len) {
            self.recount();
        }
        len
    }

    /// Ends the open chunk and opens one with room for an event. Returns `false` if the event is so long that
    /// it gets its own segment.
    fn open_chunk(&mut self, len: usize) -> bool {
        // A long event is not copied: its text becomes a segment of its own. What is open ends
        // before it.
        if len >= LONG_EVENT {
            self.close_chunk(0);
            return false;
        }
        // A short rest that nobody has read moves to the new chunk, so that slow readers get long
        // slices.
        let unread = self.close_chunk(MAX_CHUNK / 2);
        self.open = BytesMut::with_capacity(self.next_chunk().max(unread.len() + len));
        self.open.extend_from_slice(&unread);
        self.recount();
        true
    }

    /// Appends an event as its own segment, without a copy. No chunk may be open.
    pub(super) fn append_alone(&mut self, position: Position, at: u64, text: Bytes) {
        let len = text.len();
        self.push_segment(self.end(), text, 0);
        self.push_entry(position, at, len);
        self.all_sealed();
        self.recount();
    }

    /// Returns the size of the next chunk: no more than is held, so that spare capacity at most doubles the
    /// memory.
    ///
    /// For the first event, it is exactly the size of the event.
    fn next_chunk(&self) -> usize {
        if self.entries.is_empty() {
            return 0;
        }
        let held = self.text_len();
        let last = self.sealed.as_ref().map_or(0, |sealed| sealed.last_chunk);
        // Doubling, but not beyond the text that is held: a small history has small chunks.
        (last * 2).min(held).clamp(MIN_CHUNK, MAX_CHUNK)
    }

    /// Adds an event to the index. Returns whether that took more memory.
    #[inline]
    pub(super) fn push_entry(&mut self, position: Position, at: u64, len: usize) -> bool {
        let end = self.end() + len as u64;
        self.entries.push_back(Entry { position, end, at })
    }

    /// Removes the oldest event. Returns its position and the length of its text.
    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<(Position, usize)> {
        let entry = self.entries.pop_front()?;
        let len = (entry.end - self.first_start) as usize;
        self.first += 1;
        self.first_start = entry.end;
        if self.entries.is_empty() {
            // Empty: all memory is given back, but indices go on, as readers and runs hold them.
            *self = Self::starting_at(self.first, self.first_start);
            return Some((entry.position, len));
        }
        let mut less = self.entries.give_back();
        if let Some(sealed) = &mut self.sealed {
            less |= sealed.evict(entry.position, self.first_start);
        }
        if less {
            self.recount();
        }
        Some((entry.position, len))
    }

    /// Recounts the memory in use, after an allocation has changed.
    pub(super) fn recount(&mut self) {
        let sealed = self.sealed.as_ref().map_or(0, |sealed| sealed.memory());
        self.memory = self.entries.bytes() + self.open.capacity() + sealed + ALLOCATIONS;
    }

    /// Returns the events from `index` on that lie in one piece, but none from `end` on, and the index after
    /// them.
    ///
    /// The event at `index` must be held, and come before `end`.
    #[inline]
    pub(super) fn find(&mut self, index: u64, end: u64) -> (Bytes, u64) {
        if index >= self.open_index {
            self.seal();
        }
        // A run stays within one segment, as it is one slice. The caller asks again for the rest.
        let (at, segment) = self.segment(index);
        let sealed = self.sealed.as_ref().map(|sealed| &sealed.segments);
        let next =
            sealed.and_then(|segments| segments.get(at + 1)).map_or(self.open_index, |next| next.index);
        let start = (self.start(index) - segment.start) as usize;
        if next <= end {
            return (segment.bytes.slice(start..), next);
        }
        let len = (self.start(end) - self.start(index)) as usize;
        (segment.bytes.slice(start..start + len), end)
    }

    /// Returns the segment of a sealed event, and its place among them.
    #[inline]
    pub(super) fn segment(&self, index: u64) -> (usize, &Segment) {
        let sealed =
            self.sealed.as_ref().expect("an event that is held lies in a segment once that is sealed");
        // Fast path: most readers ask for the newest events, which need no search.
        let is_in_last = sealed.segments.back().is_some_and(|last| last.index <= index);
        let at = match is_in_last {
            true => sealed.segments.len() - 1,
            false => sealed.segments.partition_point(|segment| segment.index <= index) - 1,
        };
        (at, sealed.segments.get(at).expect("the index is held"))
    }

    /// Returns the offset at which each event of a run ends in its text. The run has consecutive events.
    pub(super) fn ends(&self, run: &Run) -> impl Iterator<Item = usize> {
        let first = run.end - run.events;
        let start = self.start(first);
        (first..run.end).map(move |index| (self.entry(index).end - start) as usize)
    }

    /// Returns the length of an event's text.
    pub(super) fn len_of(&self, index: u64) -> usize {
        (self.entry(index).end - self.start(index)) as usize
    }

    /// Returns the index of the first event after a position, which may be the next event to be appended.
    #[inline]
    pub(super) fn index_after(&self, position: Position) -> u64 {
        // Fast path: most readers have read everything that is sealed, and nothing else.
        if self.sealed.as_ref().is_some_and(|sealed| sealed.last_position == position) {
            return self.open_index.max(self.first);
        }
        if self.last().is_none_or(|last| last <= position) {
            return self.next();
        }
        self.first + self.entries.partition_point(|entry| entry.position <= position) as u64
    }

    /// Returns the index after the events, from `index` on, that do not come after a position.
    pub(super) fn index_up_to(&self, index: u64, position: Position) -> u64 {
        if self.last().is_none_or(|last| last <= position) {
            return self.next();
        }
        let from = (index - self.first) as usize;
        self.first + self.entries.partition_point_from(from, |entry| entry.position <= position) as u64
    }

    /// Returns the index of the oldest event held; if there is none, that of the next event to be appended.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// Returns the index of the next event to be appended.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// Returns the oldest event held.
    pub(super) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    /// Returns the position of the newest event held.
    #[inline]
    pub(super) fn last(&self) -> Option<Position> {
        self.entries.back().map(|entry| entry.position)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the bytes of the text held.
    pub(super) fn text_len(&self) -> usize {
        (self.end() - self.first_start) as usize
    }

    /// Returns the bytes of memory allocated: text, index and spare capacity.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    /// Returns the text of the oldest event held.
    pub(super) fn first_text(&self) -> Option<&[u8]> {
        let len = self.entries.front()?.end - self.first_start;
        let (start, text) = match self.sealed.as_ref().and_then(|sealed| sealed.segments.front()) {
            Some(segment) => (segment.start, &segment.bytes[..]),
            None => (self.open_start(), &self.open[..]),
        };
        text.get((self.first_start - start) as usize..)?.get(..len as usize)
    }

    /// Returns the event at an index, which must be held.
    pub(super) fn entry(&self, index: u64) -> &Entry {
        self.entries.get((index - self.first) as usize).expect("the index is held")
    }

    pub(super) fn start(&self, index: u64) -> u64 {
        if index == self.first { self.first_start } else { self.entry(index - 1).end }
    }

    /// Returns the offset at which the text of all events ends.
    #[inline]
    fn end(&self) -> u64 {
        self.entries.back().map_or(self.first_start, |last| last.end)
    }

    /// Returns the offset at which the text of the open chunk starts.
    fn open_start(&self) -> u64 {
        self.end() - self.open.len() as u64
    }

    /// Turns the open chunk's bytes into a segment, without a copy.
    pub(super) fn seal(&mut self) {
        if !self.open.is_empty() {
            // A full chunk is sealed as a whole, which needs no allocation to share it.
            let is_full = self.open.len() == self.open.capacity();
            // Before the chunk is taken, whose length the start is computed from.
            let start = self.open_start();
            let text = if is_full { mem::take(&mut self.open) } else { self.open.split() };
            let grows = self.push_segment(start, text.freeze(), 1);
            let is_last = self.sealed.as_ref().is_some_and(|sealed| sealed.in_chunk >= MAX_PIECES);
            if is_last {
                // Without spare capacity, the next event closes the chunk.
                self.open = BytesMut::new();
            }
            self.all_sealed();
            if grows || is_last {
                self.recount();
            }
        }
    }

    /// Adds text that can be read, in so many pieces of the open chunk. Returns whether that took more
    /// memory.
    #[inline]
    fn push_segment(&mut self, start: u64, bytes: Bytes, pieces: usize) -> bool {
        let sealed = self.sealed.get_or_insert_default();
        sealed.in_chunk += pieces;
        sealed.bytes += bytes.len();
        sealed.segments.push_back(Segment { index: self.open_index, start, bytes })
    }

    /// Records that all events held are sealed.
    fn all_sealed(&mut self) {
        self.open_index = self.next();
        if let (Some(sealed), Some(last)) = (&mut self.sealed, self.entries.back()) {
            sealed.last_position = last.position;
        }
    }

    /// Ends the open chunk and joins its segments: one copy of at most a chunk.
    ///
    /// A chunk with spare capacity is copied as well, so that the history does not keep the unused part.
    ///
    /// Returns the unread bytes if there are at most `most`, so that they move to the next chunk and are read
    /// in one piece with the events that follow. They are copied a bounded number of times, because a chunk
    /// without any read is sealed unless it is short.
    pub(super) fn close_chunk(&mut self, most: usize) -> BytesMut {
        let in_chunk = self.sealed.as_ref().map_or(0, |sealed| sealed.in_chunk);
        let is_unread = in_chunk == 0 && self.open.len() >= MIN_CHUNK;
        // Too long to copy. Or never read by anybody: then one piece of its full length is better
        // than a copy.
        if is_unread || self.open.len() > most {
            self.seal();
        }
        if let Some(sealed) = &mut self.sealed {
            sealed.close(self.open.capacity(), self.open.len());
        }
        mem::take(&mut self.open)
    }
}

/// The minimum size of a chunk after the first, and of the chunks of a small history.
const MIN_CHUNK: usize = 256;
const MAX_CHUNK: usize = 64 * 1024;
/// The overhead of the two allocations of a history: on average half of the allocator's granularity, and a
/// header each.
const ALLOCATIONS: usize = 2 * 16;
/// A chunk sealed in this many pieces is closed, because each piece has an overhead.
const MAX_PIECES: usize = 128;
