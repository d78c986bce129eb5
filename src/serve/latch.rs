use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use tokio::sync::Notify;

/// A flag that is set once and that any number of tasks can wait for.
///
/// A waiting task costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Latch {
    set: AtomicBool,
    changed: Notify,
}

impl Latch {
    pub(super) fn set(&self) {
        self.set.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    pub(super) async fn wait(&self) {
        let mut changed = pin!(self.changed.notified());
        // Registered before the check below: a later `set` wakes this task.
        changed.as_mut().enable();
        if !self.set.load(Ordering::SeqCst) {
            changed.await;
        }
    }

    /// Runs a future, and drops it when the latch is set first.
    pub(super) async fn interrupt<F: Future>(&self, future: F) -> Option<F::Output> {
        let (mut future, mut set) = (pin!(future), pin!(self.wait()));
        poll_fn(move |cx| {
            if set.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }
}
