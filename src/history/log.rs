//! A history of encoded events in order. Each event is held once, for live delivery and for replay.
//!
//! New events are encoded at the end of an open chunk. The first reader that needs them seals the bytes so far,
//! without a copy, and all readers get slices of the same sealed segment. When a chunk is full, its segments are
//! joined, so that later reads return long runs however the chunk was sealed.

use std::{mem, ops::Range};

use bytes::{Bytes, BytesMut};

use crate::{
    base::deque::Deque,
    history::{
        bounds::Bounds,
        position::Position,
        prepared::{LONG_EVENT, Prepared},
    },
};

#[derive(Debug)]
pub(crate) struct Log {
    entries: Deque<Entry>,
    /// The index of the oldest entry. Indices count all events ever appended.
    first: u64,
    /// The offset at which the text of the oldest entry starts. Offsets count all bytes ever appended.
    first_start: u64,
    open: BytesMut,
    open_index: u64,
    /// All text except that of the open chunk. `None` until the first read, or the end of the first chunk.
    sealed: Option<Box<Sealed>>,
    cost: usize,
    /// The bytes of memory in use, [counted](Self::recount) when an allocation changes.
    memory: usize,
    evicted: Position,
}

/// The sealed text, which can be read.
#[derive(Debug)]
struct Sealed {
    segments: Deque<Segment>,
    /// The number of newest segments that lie in the chunk still being filled.
    in_chunk: usize,
    /// The bytes of all segments.
    bytes: usize,
    /// The last run read up to the end. Most readers ask for the same one.
    newest: Option<Run>,
    /// The number of bytes used in the last chunk.
    last_chunk: usize,
}

#[derive(Debug)]
struct Entry {
    position: Position,
    /// The offset at which its text ends.
    end: u64,
    /// The time at which it was appended, in nanoseconds since its owner began.
    at: u64,
}

/// Sealed text of one or more events.
#[derive(Debug)]
struct Segment {
    index: u64,
    start: u64,
    bytes: Bytes,
}

/// Consecutive events of a history, as one piece of text.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    pub(crate) indices: Range<u64>,
    /// The position of the last event in it.
    pub(crate) last: Position,
}

impl Log {
    /// Creates an empty history. Events up to the position `evicted` are not held.
    pub(crate) fn new(evicted: Position) -> Self {
        Self::starting_at(0, 0, evicted)
    }

    fn starting_at(first: u64, first_start: u64, evicted: Position) -> Self {
        Self {
            entries: Deque::new(),
            first,
            first_start,
            open: BytesMut::new(),
            open_index: first,
            sealed: None,
            cost: 0,
            memory: 0,
            evicted,
        }
    }

    #[inline]
    pub(crate) fn append(&mut self, position: Position, at: u64, id_line: &[u8], event: &mut Prepared<'_>) {
        let len = id_line.len() + event.len();
        if len > self.open.capacity() - self.open.len() && !self.open_chunk(len) {
            self.append_alone(position, at, id_line, event);
            return;
        }
        event.write(id_line, &mut self.open);
        if self.push_entry(position, at, len) {
            self.recount();
        }
    }

    /// Ends the open chunk and opens one with room for an event. Returns `false` if the event is so long that it gets
    /// its own segment.
    #[inline(never)]
    fn open_chunk(&mut self, len: usize) -> bool {
        if len >= LONG_EVENT {
            self.close_chunk(0);
            return false;
        }
        let unread = self.close_chunk(MAX_CHUNK / 2);
        self.open = BytesMut::with_capacity(self.next_chunk().max(unread.len() + len));
        self.open.extend_from_slice(&unread);
        self.recount();
        true
    }

    /// Appends an event as its own segment, without a copy. No chunk may be open.
    fn append_alone(&mut self, position: Position, at: u64, id_line: &[u8], event: &mut Prepared<'_>) {
        let text = event.take(id_line);
        let len = text.len();
        self.push_segment(self.end(), text, 0);
        self.push_entry(position, at, len);
        self.open_index = self.next();
        self.recount();
    }

    /// Returns the size of the next chunk: no more than is held, so that spare capacity at most doubles the memory.
    ///
    /// For the first event, it is exactly the size of the event.
    fn next_chunk(&self) -> usize {
        if self.entries.is_empty() {
            return 0;
        }
        let held = self.cost - self.entries.len() * Bounds::EVENT_OVERHEAD;
        let last = self.sealed.as_ref().map_or(0, |sealed| sealed.last_chunk);
        (last * 2).min(held).clamp(MIN_CHUNK, MAX_CHUNK)
    }

    /// Adds an event to the index. Returns whether that took more memory.
    #[inline]
    fn push_entry(&mut self, position: Position, at: u64, len: usize) -> bool {
        let end = self.end() + len as u64;
        self.cost += len + Bounds::EVENT_OVERHEAD;
        self.entries.push_back(Entry { position, end, at })
    }

    /// Evicts the oldest event and returns its cost.
    #[inline]
    pub(crate) fn evict(&mut self) -> Option<usize> {
        let entry = self.entries.pop_front()?;
        let cost = (entry.end - self.first_start) as usize + Bounds::EVENT_OVERHEAD;
        self.cost -= cost;
        self.evicted = entry.position;
        self.first += 1;
        self.first_start = entry.end;
        if self.entries.is_empty() {
            *self = Self::starting_at(self.first, self.first_start, self.evicted);
            return Some(cost);
        }
        let mut less = self.entries.give_back();
        if let Some(sealed) = &mut self.sealed {
            less |= sealed.evict(self.first, self.first_start);
        }
        if less {
            self.recount();
        }
        Some(cost)
    }

    /// Takes everything held, so that it can be dropped elsewhere. Leaves the history as if all had been evicted.
    pub(crate) fn take(&mut self) -> Self {
        let evicted = self.entries.back().map_or(self.evicted, |last| last.position);
        let empty = Self::starting_at(self.next(), self.end(), evicted);
        mem::replace(self, empty)
    }

    /// Recounts the memory in use, after an allocation has changed.
    fn recount(&mut self) {
        let sealed = self.sealed.as_ref().map_or(0, |sealed| sealed.memory());
        self.memory = self.entries.bytes() + self.open.capacity() + sealed + ALLOCATIONS;
    }

    /// Reads the events from `index` on that lie in one piece, up to the position `before`.
    ///
    /// The event at `index` must be held.
    #[inline]
    pub(crate) fn read(&mut self, index: u64, before: Position) -> Run {
        if let Some(newest) = self.sealed.as_ref().and_then(|sealed| sealed.newest.as_ref()) {
            if newest.indices == (index..self.next()) && newest.last < before {
                return newest.clone();
            }
        }
        let run = self.find(index, before);
        if run.indices.end == self.next() {
            if let Some(sealed) = &mut self.sealed {
                sealed.newest = Some(run.clone());
            }
        }
        run
    }

    fn find(&mut self, index: u64, before: Position) -> Run {
        if index >= self.open_index {
            self.seal();
        }
        let sealed =
            self.sealed.as_ref().expect("an event that is held lies in a segment once that is sealed");
        // Fast path: most readers ask for the newest events, which need no search.
        let is_in_last = sealed.segments.back().is_some_and(|last| last.index <= index);
        let at = match is_in_last {
            true => sealed.segments.len() - 1,
            false => sealed.segments.partition_point(|segment| segment.index <= index) - 1,
        };
        let segment = sealed.segments.get(at).expect("the index is held");
        let mut end = sealed.segments.get(at + 1).map_or(self.open_index, |next| next.index);
        let mut last = self.entry(end - 1).position;
        let start = (self.start(index) - segment.start) as usize;
        let mut bytes = segment.bytes.slice(start..);
        if last >= before {
            end = self.index_after(before - 1).clamp(index + 1, end);
            last = self.entry(end - 1).position;
            bytes.truncate((self.start(end) - self.start(index)) as usize);
        }
        Run { bytes, indices: index..end, last }
    }

    /// Returns the offset at which each event of a run ends in its text.
    pub(crate) fn ends(&self, indices: Range<u64>) -> impl Iterator<Item = usize> {
        let start = self.start(indices.start);
        indices.map(move |index| (self.entry(index).end - start) as usize)
    }

    /// Returns the index of the first event after a position, which may be the next event to be appended.
    pub(crate) fn index_after(&self, position: Position) -> u64 {
        self.first + self.entries.partition_point(|entry| entry.position <= position) as u64
    }

    /// Returns the position of the event at an index. The event must be held.
    pub(crate) fn position(&self, index: u64) -> Position {
        self.entry(index).position
    }

    /// Returns the index of the oldest event held; if there is none, that of the next event to be appended.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Returns the index of the next event to be appended.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(crate) fn first_position(&self) -> Option<Position> {
        self.entries.front().map(|entry| entry.position)
    }

    pub(crate) fn first_at(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.at)
    }

    /// Returns the newest position that is no longer held.
    pub(crate) fn evicted(&self) -> Position {
        self.evicted
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns whether the history exceeds the bounds of a topic.
    #[inline]
    pub(crate) fn is_over(&self, bounds: &Bounds) -> bool {
        self.entries.len() > bounds.events || self.cost > bounds.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the bytes held, as [`Bounds`] counts them.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Returns the bytes of memory allocated: text, index and spare capacity.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Returns the text of the oldest event held.
    pub(crate) fn first_text(&self) -> Option<&[u8]> {
        let len = self.entries.front()?.end - self.first_start;
        let (start, text) = match self.sealed.as_ref().and_then(|sealed| sealed.segments.front()) {
            Some(segment) => (segment.start, &segment.bytes[..]),
            None => (self.open_start(), &self.open[..]),
        };
        text.get((self.first_start - start) as usize..)?.get(..len as usize)
    }

    fn entry(&self, index: u64) -> &Entry {
        self.entries.get((index - self.first) as usize).expect("the index is held")
    }

    fn start(&self, index: u64) -> u64 {
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
    fn seal(&mut self) {
        if !self.open.is_empty() {
            // A full chunk is sealed as a whole, which needs no allocation to share it.
            let is_full = self.open.len() == self.open.capacity();
            let start = self.open_start();
            let text = if is_full { mem::take(&mut self.open) } else { self.open.split() };
            let grows = self.push_segment(start, text.freeze(), 1);
            let is_last = self.sealed.as_ref().is_some_and(|sealed| sealed.in_chunk >= MAX_PIECES);
            if is_last {
                // Without spare capacity, the next event closes the chunk.
                self.open = BytesMut::new();
            }
            self.open_index = self.next();
            if grows || is_last {
                self.recount();
            }
        }
    }

    /// Adds text that can be read, in so many pieces of the open chunk. Returns whether that took more memory.
    #[inline]
    fn push_segment(&mut self, start: u64, bytes: Bytes, pieces: usize) -> bool {
        let sealed = self.sealed.get_or_insert_default();
        sealed.in_chunk += pieces;
        sealed.bytes += bytes.len();
        sealed.segments.push_back(Segment { index: self.open_index, start, bytes })
    }

    /// Ends the open chunk and joins its segments: one copy of at most a chunk.
    ///
    /// A chunk with spare capacity is copied as well, so that the history does not keep the unused part.
    ///
    /// Returns the unread bytes if there are at most `most`, so that they move to the next chunk and are read in one
    /// piece with the events that follow. They are copied a bounded number of times, because a chunk without any read
    /// is sealed unless it is short.
    fn close_chunk(&mut self, most: usize) -> BytesMut {
        let in_chunk = self.sealed.as_ref().map_or(0, |sealed| sealed.in_chunk);
        let is_unread = in_chunk == 0 && self.open.len() >= MIN_CHUNK;
        if is_unread || self.open.len() > most {
            self.seal();
        }
        if let Some(sealed) = &mut self.sealed {
            sealed.close(self.open.capacity(), self.open.len());
        }
        mem::take(&mut self.open)
    }
}

impl Sealed {
    /// Evicts the segments that end before the first event held. Returns whether that freed memory.
    #[inline]
    fn evict(&mut self, first: u64, first_start: u64) -> bool {
        if self.newest.as_ref().is_some_and(|newest| newest.indices.start < first) {
            self.newest = None;
        }
        let mut less = false;
        while self.segments.front().is_some_and(|segment| segment.end() <= first_start) {
            self.bytes -= self.segments.pop_front().map_or(0, |segment| segment.bytes.len());
            self.segments.give_back();
            self.in_chunk = self.in_chunk.min(self.segments.len());
            less = true;
        }
        less
    }

    /// Joins the segments of the chunk that ends. Its open part has `capacity` bytes, of which `unread` are used.
    fn close(&mut self, capacity: usize, unread: usize) {
        let first = self.segments.len() - self.in_chunk;
        let start = self.segments.get(first).map(|piece| piece.start);
        let end = self.segments.back().map(Segment::end);
        let used = start.zip(end).map_or(0, |(start, end)| (end - start) as usize);
        if self.in_chunk > 1 || self.in_chunk == 1 && (capacity > used || unread > 0) {
            let mut joined = BytesMut::with_capacity(used);
            self.segments.iter_from(first).for_each(|piece| joined.extend_from_slice(&piece.bytes));
            self.replace_last(joined.freeze());
        }
        self.newest = None;
        self.last_chunk = used + unread;
        self.in_chunk = 0;
    }

    /// Replaces the segments of the chunk that ends by their text in one piece.
    fn replace_last(&mut self, joined: Bytes) {
        let mut first = None;
        for _ in 0..self.in_chunk {
            first = self.segments.pop_back().or(first);
        }
        if let Some(Segment { index, start, .. }) = first {
            self.segments.push_back(Segment { index, start, bytes: joined });
        }
    }

    fn memory(&self) -> usize {
        mem::size_of::<Self>() + self.segments.bytes() + self.bytes
    }
}

impl Default for Sealed {
    fn default() -> Self {
        Self { segments: Deque::new(), in_chunk: 0, bytes: 0, newest: None, last_chunk: 0 }
    }
}

impl Segment {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// The minimum size of a chunk after the first, and of the chunks of a small history.
const MIN_CHUNK: usize = 256;
const MAX_CHUNK: usize = 64 * 1024;
/// The overhead of the two allocations of a history: on average half of the allocator's granularity, and a header
/// each.
const ALLOCATIONS: usize = 2 * 16;
/// A chunk sealed in this many pieces is closed, because each piece has an overhead.
const MAX_PIECES: usize = 128;
