/// Statistics of a topic, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicStats {
    /// Events held.
    pub events: usize,
    /// Their size as counted by [`Bounds`](crate::Bounds), in bytes.
    pub bytes: usize,
    /// Open subscriptions, including those to other topics as well.
    pub subscribers: usize,
    /// No more events follow.
    pub finished: bool,
}
