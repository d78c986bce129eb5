use bytes::Bytes;

use crate::history::position::Position;

/// Consecutive events of a history, as one piece of text.
///
/// Superseded events may have lain between them.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) bytes: Bytes,
    /// The position that was read from. The first event of the run is the first one held after it.
    pub(crate) after: Position,
    /// The position of the last event in it.
    pub(crate) last: Position,
    /// The number of events in it.
    pub(crate) events: u64,
    /// The index after the last event, in the stretch that it lies in.
    pub(super) end: u64,
}

#[cfg(test)]
impl Run {
    pub(crate) fn new(bytes: Bytes, after: Position, last: Position, events: u64) -> Self {
        Self { bytes, after, last, events, end: 0 }
    }
}
