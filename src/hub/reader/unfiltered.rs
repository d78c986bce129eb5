use bytes::Bytes;

use crate::history::position::Position;

/// A piece that has not been filtered.
pub(crate) struct Unfiltered {
    /// The ordinal of its topic.
    pub(crate) ordinal: u32,
    pub(crate) bytes: Bytes,
    /// The offset at which each event ends.
    pub(crate) ends: Vec<usize>,
    /// The position of its last event.
    pub(crate) last: Position,
}
