use std::fmt;

use crate::{
    base::sync::Arc,
    hub::{end::End, steering::Steering},
};

/// A handle on a stream that an HTTP stack owns by now, created by
/// [`Subscription::handle`](crate::Subscription::handle).
///
/// Cloning is cheap, and all clones are handles on the same stream. A handle keeps neither the stream nor its hub open,
/// and can be used from any thread.
///
/// A change takes effect when the stream is next polled, for which its task is woken. A peer that does not read keeps
/// its stream from being polled; the write timeout of the HTTP stack ends it.
///
/// # Examples
///
/// ```
/// use futures_util::{FutureExt as _, StreamExt as _};
/// use ssekit::{Bounds, Hub};
///
/// let hub = Hub::new(Bounds::events(100));
/// let mut events = hub.subscribe("orders")?;
/// let handle = events.handle();
/// let _position = events.next().now_or_never();
///
/// handle.end(); // the user was logged out
/// assert_eq!(events.next().now_or_never(), Some(None));
/// assert!(handle.has_ended());
/// # Ok::<(), ssekit::hub::Refusal>(())
/// ```
#[derive(Clone)]
pub struct StreamHandle {
    steering: Arc<Steering>,
}

impl StreamHandle {
    pub(super) fn new(steering: Arc<Steering>) -> Self {
        Self { steering }
    }

    /// Ends the stream in an orderly way: the client gets its position, and may reconnect.
    ///
    /// A client that shall not come back must be refused when it does, with
    /// [`stop_reconnecting`](crate::stop_reconnecting) for instance. Events that are pending for it are not sent; if it
    /// resumes, it gets them then.
    pub fn end(&self) {
        self.end_with(End::new());
    }

    /// Ends the stream in an orderly way, with a reconnection time or a last event.
    ///
    /// Only the first call for a stream has an effect.
    pub fn end_with(&self, end: End) {
        self.steering.end(end);
    }

    /// Returns whether the stream has ended or was dropped.
    pub fn has_ended(&self) -> bool {
        self.steering.is_over()
    }
}

impl fmt::Debug for StreamHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHandle").field("has_ended", &self.has_ended()).finish_non_exhaustive()
    }
}
