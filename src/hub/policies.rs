/// The point at which a new client starts.
#[doc(alias = "snapshot")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With events published from now on.
    #[default]
    Now,
    /// With the oldest event held. If older ones were held once, the stream begins with a
    /// [`Gap`](crate::hub::Gap).
    ///
    /// For a topic that the hub has [forgotten](crate::hub::HubBuilder::max_remembered_topics), it may report
    /// a gap that does not exist, unless a publisher has begun the topic again.
    Oldest,
}

/// The policy for a subscription that has fallen behind the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lag {
    /// The stream ends. The client reconnects, and the gap is reported then.
    #[default]
    Disconnect,
    /// The stream reports the gap and continues from the oldest event held.
    Skip,
}
