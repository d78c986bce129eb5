/// An event could not be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// The event is larger than the buffer may ever hold.
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

/// An event's ID does not fit the IDs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdError {
    /// The event carries an ID where the crate makes them.
    #[error("the event has an ID, but IDs are made here")]
    Unexpected,
    /// The event carries no ID, or an empty one, where the application makes them.
    #[error("the event has no ID, but the application makes them")]
    Missing,
    /// The order does not know the ID.
    #[error("the event's ID is not of the kind in use")]
    Unordered,
    /// The ID is not greater than the one before.
    ///
    /// The event was not published. A client that has the greater ID says with it that it has everything up to there,
    /// so an event that is placed before it would never reach that client. Publish it with a greater ID, or order the
    /// publishing as the [guide](crate::guide::publishing) shows.
    #[error("the event's ID does not come after the one before")]
    NotAfter,
    /// An event with this ID is held already.
    #[error("an event with this ID is held already")]
    Duplicate,
}
