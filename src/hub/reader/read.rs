use crate::history::position::Position;

/// The result of reading topics.
pub(crate) struct Read<T> {
    pub(crate) found: Option<T>,
    /// The position of the last event found.
    pub(crate) last: Position,
    pub(crate) remaining: Remaining,
}

/// The events held after those that were read.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Remaining {
    More,
    Nothing,
    /// Nothing, and all topics are finished.
    Finished,
    /// A topic was removed. The stream ends here, because later events under that name belong to a new topic.
    Removed,
}

/// Events were evicted before delivery.
pub(crate) struct Lagged;
