use std::task::Waker;

/// The hub's side of a subscription to several topics.
#[derive(Debug)]
pub(crate) struct Subscriber {
    /// Set while it is parked.
    pub(crate) waker: Option<Waker>,
    /// Ordinals of its topics that changed since it last looked.
    pub(crate) ready: Vec<u32>,
}
