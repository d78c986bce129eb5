//! Reading a stretch: which events lie in one piece after a position.

use std::mem;

use crate::history::{position::Position, run::Run, sealed::Segment, stretch::Stretch};

impl Stretch {
    /// Returns the run after a position that was read last, if nothing was appended since.
    #[inline]
    pub(super) fn cached(&self, after: Position, up_to: Position) -> Option<&Run> {
        let newest = self.sealed.as_ref()?.newest.as_ref()?;
        if newest.follows(after) && newest.end == self.next() && newest.last <= up_to {
            Some(newest)
        } else {
            None
        }
    }

    /// Keeps a run for others that ask for the same one, if it reaches the end. `copied` are the bytes of its
    /// own.
    #[inline]
    pub(super) fn cache(&mut self, run: &Run, copied: usize) {
        if run.end == self.next() {
            if let Some(sealed) = &mut self.sealed {
                sealed.newest = Some(run.clone());
                if sealed.copied != copied {
                    sealed.copied = copied;
                    self.recount();
                }
            }
        }
    }

    /// Drops the run that was read last.
    pub(super) fn forget_cached(&mut self) {
        if let Some(sealed) = &mut self.sealed {
            sealed.newest = None;
            if mem::take(&mut sealed.copied) > 0 {
                self.recount();
            }
        }
    }

    /// Reads the events after a position that lie in one piece, up to another position. Returns `None` if
    /// there are none.
    #[inline]
    pub(super) fn read(&mut self, after: Position, up_to: Position) -> Option<Run> {
        if up_to == Position::MAX {
            if let Some(run) = self.read_to_the_end(after) {
                return Some(run);
            }
        }
        let index = self.index_after(after);
        let end = self.index_up_to(index, up_to);
        if index >= end {
            return None;
        }
        let (bytes, end) = self.find(index, end);
        // The position of the event before it, if that is held, so that others find the run from there.
        let after = if index > self.first { self.entry(index - 1).position } else { after };
        let (first, last) = (self.entry(index).position, self.entry(end - 1).position);
        let run = Run { bytes, after, first, last, events: end - index, end };
        self.cache(&run, 0);
        Some(run)
    }

    /// Fast path: most readers have read everything but what came last, which is not searched for.
    #[inline]
    fn read_to_the_end(&mut self, after: Position) -> Option<Run> {
        if let Some(run) = self.cached(after, Position::MAX) {
            return Some(run.clone());
        }
        if self.open.is_empty() { self.read_newest(after) } else { self.read_open(after) }
    }

    /// Seals the text that is open, for a reader that has read everything before it.
    #[inline]
    fn read_open(&mut self, after: Position) -> Option<Run> {
        let before = self.sealed.as_ref()?.last_position;
        let begin = self.open_index;
        if before > after || begin < self.first {
            return None;
        }
        let first = self.entry(begin).position;
        if first <= after {
            return None;
        }
        self.seal();
        let sealed = self.sealed.as_mut()?;
        let bytes = sealed.segments.back()?.bytes.clone();
        let end = self.open_index;
        let (after, last) = (before, sealed.last_position);
        Some(Run { bytes, after, first, last, events: end - begin, end })
    }

    /// Returns the text that was sealed last, for a reader that has read everything before it.
    #[inline]
    fn read_newest(&self, after: Position) -> Option<Run> {
        let sealed = self.sealed.as_ref()?;
        let Segment { index, bytes, .. } = sealed.segments.back()?;
        // Otherwise it may begin with events that were evicted.
        if *index <= self.first {
            return None;
        }
        let (before, first) = (self.entry(index - 1).position, self.entry(*index).position);
        if after < before || after >= first {
            return None;
        }
        let (bytes, last, end) = (bytes.clone(), sealed.last_position, self.next());
        Some(Run { bytes, after: before, first, last, events: end - index, end })
    }
}
