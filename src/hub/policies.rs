/// Where a new client starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// With what is published from now on.
    #[default]
    Now,
    /// With the oldest event held. If older ones were held once, the stream begins with a [`Gap`](crate::hub::Gap).
    ///
    /// Of a topic that the hub has [forgotten](crate::hub::HubBuilder::with_max_topics), a gap may be reported that does
    /// not exist, unless a publisher has begun it anew.
    Oldest,
}

/// What happens to a subscription that has fallen behind what the history holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lag {
    /// The stream ends. The client reconnects and is told of the gap.
    #[default]
    Disconnect,
    /// It is told of the gap and goes on from the oldest event held.
    Skip,
}
