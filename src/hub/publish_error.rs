use crate::history::error::IdError;

/// An event could not be published. The hub is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The hub is closed.
    #[error("the hub is closed")]
    Closed,
    /// The topic is finished.
    #[error("the topic is finished")]
    Finished,
    /// The event has a type reserved for the hub's notices.
    #[error("the event type is reserved for the hub's notices")]
    ReservedType,
    /// The event is larger than the bound of a topic or of the hub. For the hub, the topic's name counts as
    /// well.
    #[error("an event of {len} bytes is larger than the bound of {max}")]
    TooLarge {
        /// The bytes that the event takes, including the [overhead](crate::Bounds::EVENT_OVERHEAD).
        len: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// The event's ID does not fit the IDs in use.
    #[error(transparent)]
    Id(#[from] IdError),
}
