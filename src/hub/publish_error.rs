use crate::history::error::IdError;

/// An event could not be published. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The hub is closed.
    #[error("the hub is closed")]
    Closed,
    /// The topic is finished.
    #[error("the topic is finished")]
    Finished,
    /// The event has a type that the hub keeps for its own notices.
    #[error("the event type is reserved for the hub's notices")]
    ReservedType,
    /// The event is larger than a topic or the hub may ever hold. The name of its topic counts for the hub.
    #[error("an event of {len} bytes is larger than the bound of {max}")]
    TooLarge {
        /// What the event takes, [overhead](crate::Bounds::EVENT_OVERHEAD) included.
        len: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// The event's ID does not fit the IDs in use.
    #[error(transparent)]
    Id(#[from] IdError),
}
