use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{
    base::{
        slab::Key,
        sync::{Arc, lock},
    },
    hub::held::Held,
};

/// A future that waits until a topic has no subscription, created by
/// [`Topic::wait_unsubscribed`](super::Topic::wait_unsubscribed).
///
/// It keeps the topic known to the hub, but neither keeps the hub open nor the topic unfinished.
#[must_use = "a future does nothing unless it is polled"]
pub struct Unsubscribed {
    topic: Arc<Held>,
    key: Option<Key>,
}

impl Unsubscribed {
    pub(super) fn new(topic: Arc<Held>) -> Self {
        Self { topic, key: None }
    }
}

impl Future for Unsubscribed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut waker = Some(cx.waker().clone());
        let is_done = {
            let mut state = lock(&this.topic.shared.state);
            state.poll_unsubscribed(this.topic.key, &mut this.key, &mut waker)
        };
        // The previous waker is dropped here, without the lock.
        drop(waker);
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Unsubscribed {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // The lock is released at the end of this line, before the waker is dropped.
            let waker = lock(&self.topic.shared.state).leave_unsubscribed(key);
            drop(waker);
        }
    }
}

impl fmt::Debug for Unsubscribed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unsubscribed").field("topic", &&*self.topic.name).finish_non_exhaustive()
    }
}
