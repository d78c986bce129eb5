/// An event could not be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The event is larger than the buffer's bound.
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

/// An event's ID does not fit the IDs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The event has an ID, but the crate generates the IDs.
    #[error("the event has an ID, but IDs are made here")]
    Unexpected,
    /// The event has no ID or an empty one, but the application provides the IDs.
    #[error("the event has no ID, but the application makes them")]
    Missing,
    /// The ID is not one that the order knows.
    #[error("the event's ID is not of the kind in use")]
    Unordered,
    /// The ID is not greater than the previous one.
    ///
    /// The event was not published. The greater ID acknowledges everything before it, so a client that has it
    /// would never receive an event placed before it. Publish the event with a greater ID, or order the
    /// publishing as the [guide](crate::guide::publishing) shows.
    #[error("the event's ID does not come after the one before")]
    NotAfter,
    /// The event has a key, but the IDs are [unordered](crate::replay::Ids::unordered).
    ///
    /// A client that resumes at an event that was superseded since would be unknown. Use IDs with an order.
    #[error("the event has a key, which needs IDs with an order")]
    KeyUnordered,
    /// An event with this ID is already held.
    #[error("an event with this ID is held already")]
    Duplicate,
}
