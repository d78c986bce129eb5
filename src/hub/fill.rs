use std::{pin::Pin, time::Duration};

use bytes::Bytes;

#[cfg(feature = "tokio")]
use crate::timer::tokio::TokioTimer;
use crate::{
    event::value::Event,
    hub::{positioned::Positioned, subscription::Subscription},
    keep_alive::{Fill, KeepAlive},
    timer::interface::Timer,
};

/// The keep-alives of a subscription: its position if that has moved, or else the event `F` or a comment.
#[derive(Clone, Debug)]
pub struct Moved<F = ()>(F);

impl Subscription {
    /// Keeps the connection alive: whenever nothing was sent for `interval`, sends a comment, or the client's
    /// position if it has moved.
    ///
    /// The stream also ends on time when its [maximum lifetime](crate::Subscribe::lifetime) has passed, even within
    /// an interval.
    ///
    /// # Panics
    ///
    /// Polling it outside a tokio runtime with time enabled panics. Creating it does not.
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub fn keep_alive(self, interval: Duration) -> KeepAlive<Self, TokioTimer, Moved> {
        self.keep_alive_with_timer(interval, TokioTimer::new())
    }

    /// Like [`keep_alive`](Self::keep_alive), on your timer.
    pub fn keep_alive_with_timer<T: Timer>(self, interval: Duration, timer: T) -> KeepAlive<Self, T, Moved> {
        KeepAlive::with_fill(self.woken_elsewhere(), interval, timer, Moved::COMMENT)
    }
}

impl Moved {
    pub(crate) const COMMENT: Self = Self(());
}

impl<S: Positioned, T: Timer> KeepAlive<S, T, Moved> {
    /// Sets an event to send as keep-alive, instead of a comment.
    ///
    /// If the position has moved, the event carries it as its ID. An ID of the event itself is not sent, because the
    /// client would resume with it and the hub does not know it.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use futures_util::StreamExt;
    /// use ssekit::{Bounds, Event, EventType, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let alive = Event::new("").with_type(EventType::from_static("alive"));
    /// let mut orders = hub.subscribe(["orders"])?.keep_alive(Duration::from_secs(15)).event(alive);
    /// let _position = orders.next().await;
    /// let id = hub.publish("another topic", Event::new(""))?;
    /// assert_eq!(orders.next().await.unwrap()?, format!("id: {id}\nevent: alive\ndata: \n\n"));
    /// assert_eq!(orders.next().await.unwrap()?, "event: alive\ndata: \n\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "tokio"))]
    /// # fn main() {}
    /// ```
    pub fn event(self, event: Event) -> KeepAlive<S, T, Moved<Bytes>> {
        self.map_fill(|_| Moved(event.without_id().encode()))
    }
}

impl<S: Positioned> Fill<S> for Moved {
    fn fill(&mut self, subscription: Pin<&mut S>) -> Option<Bytes> {
        subscription.moved(None)
    }

    fn time_left(&self, subscription: &S) -> Option<Duration> {
        subscription.time_left()
    }
}

impl<S: Positioned> Fill<S> for Moved<Bytes> {
    fn fill(&mut self, subscription: Pin<&mut S>) -> Option<Bytes> {
        Some(subscription.moved(Some(&self.0)).unwrap_or_else(|| self.0.clone()))
    }

    fn time_left(&self, subscription: &S) -> Option<Duration> {
        subscription.time_left()
    }
}
