use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Mutex, PoisonError},
    task::Poll,
};

use tokio::sync::Notify;

use crate::relay::redis::error::RedisLogError;

/// Notifies the connection that waits for entries when another one finds that its server is the wrong one.
///
/// Without it, that connection could wait on a replica, or on a server that was cut off, without noticing.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    noted: Mutex<Option<RedisLogError>>,
    changed: Notify,
}

impl Trouble {
    pub(super) fn note(&self, error: &RedisLogError) {
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        self.changed.notify_one();
    }

    /// Waits for a future, but only until trouble is noted. Returns at once if it already is.
    pub(super) async fn unless_noted<T>(&self, future: impl Future<Output = T>) -> Result<T, RedisLogError> {
        let (mut future, mut changed) = (pin!(future), pin!(self.changed.notified()));
        poll_fn(|cx| {
            // A permit may be left from trouble that was already taken.
            while changed.as_mut().poll(cx).is_ready() {
                changed.set(self.changed.notified());
            }
            if let Some(error) = self.noted.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Poll::Ready(Err(error));
            }
            future.as_mut().poll(cx).map(Ok)
        })
        .await
    }
}
