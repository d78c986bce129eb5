//! A run of encoded events in order, each held once: queue and history in one.
//!
//! New events are encoded at the tail of an open chunk. The first reader that needs them seals what is there,
//! without a copy, and every reader gets slices of the same sealed segment. When a chunk is full, the pieces it
//! was sealed in are joined, so that history is read in long runs however it came about.

use std::{collections::VecDeque, mem, ops::Range};

use bytes::{Bytes, BytesMut};

use super::{bounds::Bounds, prepared::Prepared};
use crate::shrink::excess;

/// Where an event stands in the order of its hub or buffer.
pub(crate) type Position = u128;

#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// The index of the oldest entry. Indices count all events ever appended.
    first: u64,
    /// Where the text of the oldest entry starts. Offsets count all bytes ever appended.
    first_start: u64,
    segments: VecDeque<Segment>,
    /// How many of the newest segments lie in the chunk that is still being filled.
    in_chunk: usize,
    open: BytesMut,
    open_index: u64,
    open_start: u64,
    /// The last piece that was read up to the end. Most readers ask for the same.
    newest: Option<Run>,
    /// How many bytes of the last chunk were used.
    last_chunk: usize,
    cost: usize,
    evicted: Position,
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
        Self {
            entries: VecDeque::new(),
            first: 0,
            first_start: 0,
            segments: VecDeque::new(),
            in_chunk: 0,
            open: BytesMut::new(),
            open_index: 0,
            open_start: 0,
            newest: None,
            last_chunk: 0,
            cost: 0,
            evicted,
        }
    }

    pub(crate) fn append(&mut self, position: Position, at: u64, id_line: &[u8], event: &mut Prepared<'_>) {
        let len = id_line.len() + event.len();
        if len > self.open.capacity() - self.open.len() || self.in_chunk >= MAX_PIECES {
            if len >= LONG_EVENT {
                self.close_chunk(0);
                self.push_segment(event.take(id_line));
                self.push_entry(position, at, len);
                self.open_index = self.next();
                self.open_start += len as u64;
                return;
            }
            let unread = self.close_chunk(MAX_CHUNK / 2);
            self.open = BytesMut::with_capacity(self.next_chunk().max(unread.len() + len));
            self.open.extend_from_slice(&unread);
        }
        event.write(id_line, &mut self.open);
        self.push_entry(position, at, len);
    }

    /// Returns the size of the next chunk: no more than is held, so that room to spare at most doubles the whole.
    fn next_chunk(&self) -> usize {
        let held = self.cost - self.entries.len() * Bounds::EVENT_OVERHEAD;
        (self.last_chunk * 2).min(held).clamp(MIN_CHUNK, MAX_CHUNK)
    }

    fn push_entry(&mut self, position: Position, at: u64, len: usize) {
        let end = self.entries.back().map_or(self.first_start, |entry| entry.end) + len as u64;
        self.entries.push_back(Entry { position, end, at });
        self.cost += len + Bounds::EVENT_OVERHEAD;
    }

    /// Removes the oldest event and returns what it cost.
    pub(crate) fn evict(&mut self) -> Option<usize> {
        let entry = self.entries.pop_front()?;
        let cost = (entry.end - self.first_start) as usize + Bounds::EVENT_OVERHEAD;
        self.cost -= cost;
        self.evicted = entry.position;
        self.first += 1;
        self.first_start = entry.end;
        if self.newest.as_ref().is_some_and(|newest| newest.indices.start < self.first) {
            self.newest = None;
        }
        if self.entries.is_empty() {
            self.release();
        } else {
            while self.segments.front().is_some_and(|segment| segment.end() <= self.first_start) {
                self.segments.pop_front();
            }
            self.in_chunk = self.in_chunk.min(self.segments.len());
            give_back(&mut self.entries);
            give_back(&mut self.segments);
        }
        Some(cost)
    }

    /// Gives all memory back when nothing is held.
    fn release(&mut self) {
        self.entries = VecDeque::new();
        self.segments = VecDeque::new();
        self.in_chunk = 0;
        self.open = BytesMut::new();
        self.open_index = self.first;
        self.open_start = self.first_start;
        self.last_chunk = 0;
    }

    /// Reads the events from `index` on that lie in one piece, up to the one at the position `before`.
    ///
    /// The index must be held.
    #[inline]
    pub(crate) fn read(&mut self, index: u64, before: Position) -> Run {
        if let Some(newest) = &self.newest {
            if newest.indices == (index..self.next()) && newest.last < before {
                return newest.clone();
            }
        }
        let run = self.find(index, before);
        if run.indices.end == self.next() {
            self.newest = Some(run.clone());
        }
        run
    }

    fn find(&mut self, index: u64, before: Position) -> Run {
        if index >= self.open_index {
            self.seal();
        }
        let at = self.segments.partition_point(|segment| segment.index <= index) - 1;
        let segment = &self.segments[at];
        let mut end = self.segments.get(at + 1).map_or(self.open_index, |next| next.index);
        let mut last = self.entry(end - 1).position;
        let start = (self.start(index) - segment.start) as usize;
        let mut bytes = segment.bytes.slice(start..);
        if last >= before {
            let from = (index - self.first) as usize;
            let to = (end - self.first) as usize;
            let events = self.entries.range(from..to);
            end = index + partition_point(events.len(), |i| self.entries[from + i].position < before) as u64;
            end = end.max(index + 1);
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

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns what is held in bytes, as [`Bounds`] counts it.
    pub(crate) fn cost(&self) -> usize {
        self.cost
    }

    /// Returns the text of the oldest event held.
    pub(crate) fn first_text(&self) -> Option<&[u8]> {
        let len = self.entries.front()?.end - self.first_start;
        let (start, text) = match self.segments.front() {
            Some(segment) => (segment.start, &segment.bytes[..]),
            None => (self.open_start, &self.open[..]),
        };
        text.get((self.first_start - start) as usize..)?.get(..len as usize)
    }

    fn entry(&self, index: u64) -> &Entry {
        &self.entries[(index - self.first) as usize]
    }

    fn start(&self, index: u64) -> u64 {
        if index == self.first { self.first_start } else { self.entry(index - 1).end }
    }

    /// Turns what is in the open chunk into a segment, without a copy.
    fn seal(&mut self) {
        if !self.open.is_empty() {
            let sealed = self.open.split().freeze();
            let len = sealed.len() as u64;
            self.push_segment(sealed);
            self.in_chunk += 1;
            self.open_index = self.next();
            self.open_start += len;
        }
    }

    fn push_segment(&mut self, bytes: Bytes) {
        self.segments.push_back(Segment { index: self.open_index, start: self.open_start, bytes });
    }

    /// Ends the open chunk, and joins the segments that it was sealed in: one copy of at most a chunk.
    ///
    /// A chunk that stayed half empty is copied as well, so that history does not hold the empty half.
    ///
    /// What nobody has read so far is returned if it is no more than `most`: with what follows it is read in one piece.
    /// That copies it at most twice, since a chunk of which nothing was read is sealed.
    fn close_chunk(&mut self, most: usize) -> BytesMut {
        if self.in_chunk == 0 || self.open.len() > most {
            self.seal();
        }
        let pieces = self.segments.len() - self.in_chunk..self.segments.len();
        let used = self.segments.range(pieces.clone()).map(|piece| piece.bytes.len()).sum::<usize>();
        if pieces.len() > 1 || self.open.capacity() > used || !self.open.is_empty() {
            self.join(pieces, used);
        }
        self.newest = None;
        self.last_chunk = used + self.open.len();
        self.in_chunk = 0;
        mem::take(&mut self.open)
    }

    fn join(&mut self, pieces: Range<usize>, len: usize) {
        let Some(Segment { index, start, .. }) = self.segments.get(pieces.start) else { return };
        let (index, start) = (*index, *start);
        let mut joined = BytesMut::with_capacity(len);
        for piece in self.segments.drain(pieces) {
            joined.extend_from_slice(&piece.bytes);
        }
        self.segments.push_back(Segment { index, start, bytes: joined.freeze() });
    }
}

impl Segment {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

fn give_back<T>(queue: &mut VecDeque<T>) {
    if let Some(capacity) = excess(queue.capacity(), queue.len()) {
        queue.shrink_to(capacity);
    }
}

/// Returns how many of `0..len` satisfy a predicate that holds for the first ones only.
fn partition_point(len: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// A log of one small event should take little more than the event.
const MIN_CHUNK: usize = 256;
const MAX_CHUNK: usize = 64 * 1024;
/// An event that long is held by itself, as it was written, if the open chunk has no room for it.
pub(super) const LONG_EVENT: usize = MAX_CHUNK / 4;
/// A chunk that was sealed in so many pieces is closed, since each piece costs beside its text.
const MAX_PIECES: usize = 128;
