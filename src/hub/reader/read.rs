use crate::history::position::Position;

/// What was read.
pub(crate) struct Read<T> {
    pub(crate) found: Option<T>,
    /// The position of the last event found.
    pub(crate) last: Position,
    pub(crate) left: Left,
}

/// What is held beyond what was read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Left {
    More,
    Nothing,
    /// Nothing, and all topics are finished.
    Finished,
    /// A topic was removed. The stream ends where it is, since what may be published to that name next is not seen
    /// here.
    Removed,
}

/// Events went before they were delivered.
pub(crate) struct Lagged;
