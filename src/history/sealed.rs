use std::mem;

use bytes::{Bytes, BytesMut};

use crate::{
    base::deque::Deque,
    history::{position::Position, run::Run},
};

/// The sealed text, which can be read.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) segments: Deque<Segment>,
    /// The number of newest segments that lie in the chunk still being filled.
    pub(super) in_chunk: usize,
    /// The bytes of all segments.
    pub(super) bytes: usize,
    /// The last run read up to the end. Most readers ask for the same one.
    pub(super) newest: Option<Run>,
    /// The bytes of that run if it has a copy of the text of its own.
    pub(super) copied: usize,
    /// The position of the newest sealed event.
    pub(super) last_position: Position,
    /// The number of bytes used in the last chunk.
    pub(super) last_chunk: usize,
}

/// Sealed text of one or more events.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) index: u64,
    pub(super) start: u64,
    pub(super) bytes: Bytes,
}

impl Sealed {
    /// Removes the segments that end before the first event held, once the event at a position was removed.
    /// Returns whether that freed memory.
    #[inline]
    pub(super) fn evict(&mut self, position: Position, first_start: u64) -> bool {
        let mut less = false;
        // The cached run begins with an event that is evicted now, and would keep its text alive.
        if self.newest.as_ref().is_some_and(|newest| newest.first <= position) {
            self.newest = None;
            less = mem::take(&mut self.copied) > 0;
        }
        // A segment goes as a whole, with its last event.
        while self.segments.front().is_some_and(|segment| segment.end() <= first_start) {
            self.bytes -= self.segments.pop_front().map_or(0, |segment| segment.bytes.len());
            self.segments.give_back();
            self.in_chunk = self.in_chunk.min(self.segments.len());
            less = true;
        }
        less
    }

    /// Joins the segments of the chunk that ends. Its open part has `capacity` bytes, of which `unread` are
    /// used.
    pub(super) fn close(&mut self, capacity: usize, unread: usize) {
        let first = self.segments.len() - self.in_chunk;
        let start = self.segments.get(first).map(|piece| piece.start);
        let end = self.segments.back().map(Segment::end);
        let used = start.zip(end).map_or(0, |(start, end)| (end - start) as usize);
        // Joined if there are several pieces, or if one keeps an allocation alive that is larger
        // than its text.
        if self.in_chunk > 1 || self.in_chunk == 1 && (capacity > used || unread > 0) {
            let mut joined = BytesMut::with_capacity(used);
            self.segments.iter_from(first).for_each(|piece| joined.extend_from_slice(&piece.bytes));
            self.replace_last(joined.freeze());
        }
        self.newest = None;
        self.copied = 0;
        self.last_chunk = used + unread;
        self.in_chunk = 0;
    }

    /// Replaces the segments of the chunk that ends by their text in one piece.
    pub(super) fn replace_last(&mut self, joined: Bytes) {
        let mut first = None;
        for _ in 0..self.in_chunk {
            first = self.segments.pop_back().or(first);
        }
        if let Some(Segment { index, start, .. }) = first {
            self.segments.push_back(Segment { index, start, bytes: joined });
        }
    }

    pub(super) fn memory(&self) -> usize {
        mem::size_of::<Self>() + self.segments.bytes() + self.bytes + self.copied
    }
}

impl Default for Sealed {
    fn default() -> Self {
        Self {
            segments: Deque::new(),
            in_chunk: 0,
            bytes: 0,
            newest: None,
            copied: 0,
            last_position: 0,
            last_chunk: 0,
        }
    }
}

impl Segment {
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}
