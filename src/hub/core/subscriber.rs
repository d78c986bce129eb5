use std::task::Waker;

/// The hub's part of a subscription to several topics.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// Set while the subscription is parked.
    pub(crate) waker: Option<Waker>,
    /// The ordinals of its topics that have changed since it last read.
    pub(crate) ready: Vec<u32>,
}
