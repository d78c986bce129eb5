use bytes::Bytes;

use crate::history::position::Position;

/// A piece that is still to be filtered.
pub(crate) struct Unfiltered {
    /// Its topic.
    pub(crate) ordinal: u32,
    pub(crate) bytes: Bytes,
    /// Where each event ends.
    pub(crate) ends: Vec<usize>,
    /// The position of the last of them.
    pub(crate) last: Position,
}
