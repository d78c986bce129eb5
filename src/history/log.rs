//! A run of encoded events in order, each held once: queue and history in one.
//!
//! New events are encoded at the tail of an open chunk. The first reader that needs them seals what is there,
//! without a copy, and every reader gets slices of the same sealed segment. When a chunk is full, the pieces it
//! was sealed in are joined, so that history is read in long runs however it came about.

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
    /// Where the text of the oldest entry starts. Offsets count all bytes ever appended.
    first_start: u64,
    open: BytesMut,
    open_index: u64,
    /// All text but that of the open chunk. A log that was never read has none while its first chunk lasts.
    sealed: Option<Box<Sealed>>,
    cost: usize,
    /// The bytes of memory in use, [counted](Self::recount) when an allocation changes.
    memory: usize,
    evicted: Position,
}

/// The text that can be read.
#[derive(Debug)]
struct Sealed {
    segments: Deque<Segment>,
    /// How many of the newest segments lie in the chunk that is still being filled.
    in_chunk: usize,
    /// The bytes of all segments.
    bytes: usize,
    /// The last piece that was read up to the end. Most readers ask for the same.
    newest: Option<Run>,
    /// How many bytes of the last chunk were used.
    last_chunk: usize,
}

#[derive(Debug)]
struct Entry {
    position: Position,
    /// Where its text ends.
    end: u64,
    /// When it was appended, in nanoseconds since its owner began.
    at: u64,
}

/// Sealed text of one or more events.
#[derive(Debug)]
struct Segment {
    index: u64,
    start: u64,
    bytes: Bytes,
}

/// Consecutive events of one log, as one piece of text.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    pub(crate) indices: Range<u64>,
    /// The position of the last event in it.
    pub(crate) last: Position,
}

impl Log {
    /// Creates an empty log. What came up to `evicted` is not held.
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

    /// Ends the open chunk, and opens one with room for an event, unless that is so long that it is held by itself.
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

    /// Appends an event as it was written, without a copy. No chunk is open.
    fn append_alone(&mut self, position: Position, at: u64, id_line: &[u8], event: &mut Prepared<'_>) {
        let text = event.take(id_line);
        let len = text.len();
        self.push_segment(self.end(), text, 0);
        self.push_entry(position, at, len);
        self.open_index = self.next();
        self.recount();
    }

    /// Returns the size of the next chunk: no more than is held, so that room to spare at most doubles the whole.
    ///
    /// Of the first event, it is exactly the size.
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

    /// Removes the oldest event and returns what it cost.
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

    /// Takes everything that is held, so that it can be dropped elsewhere. As if all had been evicted.
    pub(crate) fn take(&mut self) -> Self {
        let evicted = self.entries.back().map_or(self.evicted, |last| last.position);
        let empty = Self::starting_at(self.next(), self.end(), evicted);
        mem::replace(self, empty)
    }

    /// Counts the memory in use anew, after an allocation has changed.
    fn recount(&mut self) {
        let sealed = self.sealed.as_ref().map_or(0, |sealed| sealed.memory());
        self.memory = self.entries.bytes() + self.open.capacity() + sealed + ALLOCATIONS;
    }

    /// Reads the events from `index` on that lie in one piece, up to the one at the position `before`.
    ///
    /// The index must be held.
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
        // Most read what is newest, for which there is nothing to search.
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

    /// Returns where each event of a run ends in its text.
    pub(crate) fn ends(&self, indices: Range<u64>) -> impl Iterator<Item = usize> {
        let start = self.start(indices.start);
        indices.map(move |index| (self.entry(index).end - start) as usize)
    }

    /// Returns the index of the first event after a position, which may be the next one to come.
    pub(crate) fn index_after(&self, position: Position) -> u64 {
        self.first + self.entries.partition_point(|entry| entry.position <= position) as u64
    }

    /// Returns the position of the event at an index that is held.
    pub(crate) fn position(&self, index: u64) -> Position {
        self.entry(index).position
    }

    /// Returns the index of the oldest event held, or of the next one to come.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// Returns the index of the next event to come.
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

    /// Returns whether more is held than a topic's bounds allow.
    #[inline]
    pub(crate) fn is_over(&self, bounds: &Bounds) -> bool {
        self.entries.len() > bounds.events || self.cost > bounds.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns what is held in bytes, as [`Bounds`] counts it.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Returns the bytes of memory that it takes beside itself: text, index and room to spare.
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

    /// Returns where the text of all events ends.
    #[inline]
    fn end(&self) -> u64 {
        self.entries.back().map_or(self.first_start, |last| last.end)
    }

    /// Returns where the text of the open chunk starts.
    fn open_start(&self) -> u64 {
        self.end() - self.open.len() as u64
    }

    /// Turns what is in the open chunk into a segment, without a copy.
    fn seal(&mut self) {
        if !self.open.is_empty() {
            // A chunk that is full is sealed whole, which takes no allocation to share it.
            let is_full = self.open.len() == self.open.capacity();
            let start = self.open_start();
            let text = if is_full { mem::take(&mut self.open) } else { self.open.split() };
            let grows = self.push_segment(start, text.freeze(), 1);
            let is_last = self.sealed.as_ref().is_some_and(|sealed| sealed.in_chunk >= MAX_PIECES);
            if is_last {
                // Without room to spare, the next event closes it.
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

    /// Ends the open chunk, and joins the segments that it was sealed in: one copy of at most a chunk.
    ///
    /// A chunk that stayed half empty is copied as well, so that history does not hold the empty half.
    ///
    /// What nobody has read so far is returned if it is no more than `most`: with what follows it is read in one piece.
    /// That copies it a bounded number of times, since a chunk of which nothing was read is sealed unless it is short.
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
    /// Lets go what ends before the first event that is held. Returns whether that gave memory back.
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

    /// Joins the segments of the chunk that ends, of which `capacity` bytes were left open and `unread` of these used.
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

/// The second chunk, and those of logs that hold little, have at least this size.
const MIN_CHUNK: usize = 256;
const MAX_CHUNK: usize = 64 * 1024;
/// What an allocator takes beside the two allocations of a log: on average, half of its granularity and a header each.
const ALLOCATIONS: usize = 2 * 16;
/// A chunk that was sealed in so many pieces is closed, since each piece costs beside its text.
const MAX_PIECES: usize = 128;
