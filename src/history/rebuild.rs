//! Copying events from one stretch to another, so that those between them are left out.

use std::ops::Range;

use bytes::BytesMut;

use crate::history::{
    prepared::LONG_EVENT,
    stretch::{Entry, Stretch},
};

impl Stretch {
    /// Appends some of the events of another stretch. Long ones that have a segment of their own are not
    /// copied.
    ///
    /// Reserve the [room](Self::with_room) for the others first, so that their text is in one piece.
    pub(super) fn append_from(&mut self, other: &mut Self, indices: Range<u64>) {
        let mut at = indices.start;
        while at < indices.end {
            let (bytes, end) = other.find(at, indices.end);
            // A long event that has its segment for itself is shared. All else is copied, so that
            // segments that are mostly superseded can be freed.
            if other.keeps_segment(at) {
                let Entry { position, at, .. } = *other.entry(at);
                self.finish();
                self.append_alone(position, at, bytes);
            } else {
                self.open.extend_from_slice(&bytes);
                let mut start = other.start(at);
                for index in at..end {
                    let Entry { position, end, at } = *other.entry(index);
                    self.push_entry(position, at, (end - start) as usize);
                    start = end;
                }
            }
            at = end;
        }
    }

    /// Creates an empty stretch with room for the text of events that are [appended from](Self::append_from)
    /// others.
    pub(super) fn with_room(bytes: usize) -> Self {
        let mut stretch = Self::new();
        stretch.open = BytesMut::with_capacity(bytes);
        stretch
    }

    /// Returns the indices of the events for which [`keeps_segment`](Self::keeps_segment) is true.
    pub(super) fn kept_segments(&self) -> impl Iterator<Item = u64> {
        let sealed = self.sealed.as_ref().map(|sealed| &sealed.segments);
        let segments = sealed.into_iter().flat_map(|segments| segments.iter_from(0));
        let long = segments.filter(|segment| segment.bytes.len() >= LONG_EVENT);
        // The first segment may begin with events that were evicted.
        long.map(|segment| segment.index.max(self.first)).filter(|index| self.keeps_segment(*index))
    }

    /// Returns whether a sealed event is long and has a segment of its own, which another stretch can take
    /// over.
    pub(super) fn keeps_segment(&self, index: u64) -> bool {
        let len = self.len_of(index);
        len >= LONG_EVENT && self.segment(index).1.bytes.len() == len
    }

    /// Seals the text that was appended from others. Further events are not joined with it.
    pub(super) fn finish(&mut self) {
        self.seal();
        if let Some(sealed) = &mut self.sealed {
            (sealed.in_chunk, sealed.last_chunk) = (0, sealed.bytes);
        }
        self.recount();
    }

    /// Seals all text, and frees the memory that only further events would need.
    pub(super) fn close(&mut self) {
        self.close_chunk(0);
        self.recount();
    }
}
