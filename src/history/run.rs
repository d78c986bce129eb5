use bytes::Bytes;

use crate::history::position::Position;

/// Consecutive events of a history, as one piece of text.
///
/// Superseded events may have lain between them.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    /// No event lies between this position and the first one of the run.
    pub(crate) after: Position,
    /// The position of the first event in it.
    pub(crate) first: Position,
    /// The position of the last event in it.
    pub(crate) last: Position,
    /// The number of events in it.
    pub(crate) events: u64,
    /// The index after the last event, in the stretch that it lies in.
    pub(super) end: u64,
}

impl Run {
    /// Returns whether it begins with the first event after a position.
    ///
    /// Readers that have read the same events may be at different positions, as those of events of other
    /// topics count as read.
    #[inline]
    pub(crate) fn follows(&self, position: Position) -> bool {
        self.after <= position && position < self.first
    }

    #[cfg(test)]
    pub(crate) fn new(bytes: Bytes, after: Position, first: Position, last: Position) -> Self {
        Self { bytes, after, first, last, events: (last - first) as u64 + 1, end: 0 }
    }
}
