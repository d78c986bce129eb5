use std::{pin::Pin, time::Duration};

use bytes::Bytes;

#[cfg(feature = "tokio")]
use crate::timer::tokio::TokioTimer;
use crate::{
    event::value::Event,
    hub::subscription::Subscription,
    keep_alive::{KeepAlive, KeepAliveFrame},
    timer::interface::Timer,
};

impl Subscription {
    /// Keeps the connection alive: whenever nothing was sent for `interval`, sends a comment, or the client's
    /// position if it has moved.
    ///
    /// With [`KeepAlive::event`], an event of yours takes the comment's place and carries the position as its
    /// ID. An ID of the event itself is not sent, because the client would resume with it and the hub does
    /// not know it.
    ///
    /// The stream also ends on time when its [maximum lifetime](crate::Subscribe::lifetime) has passed, even
    /// within an interval.
    ///
    /// # Panics
    ///
    /// Polling it outside a tokio runtime with time enabled panics. Creating it does not.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use futures_util::StreamExt;
    /// use ssekit::{Bounds, Event, EventType, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let alive = Event::new("").with_type(EventType::from_static("alive"));
    /// let mut orders = hub.subscribe("orders")?.keep_alive(Duration::from_secs(15)).event(alive);
    /// let _position = orders.next().await;
    /// let id = hub.publish("another topic", "")?;
    /// assert_eq!(orders.next().await.unwrap()?, format!("id: {id}\nevent: alive\ndata: \n\n"));
    /// assert_eq!(orders.next().await.unwrap()?, "event: alive\ndata: \n\n");
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "ping")]
    #[doc(alias = "heartbeat")]
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub fn keep_alive(self, interval: Duration) -> KeepAlive<Self, TokioTimer> {
        self.keep_alive_with_timer(interval, TokioTimer::new())
    }

    /// Like [`keep_alive`](Self::keep_alive), on your timer.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # #[cfg(feature = "tokio")]
    /// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use futures_util::StreamExt;
    /// use ssekit::{Bounds, Hub, timer::TokioTimer};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let events = hub.subscribe("orders").unwrap();
    /// let mut events = events.keep_alive_with_timer(Duration::from_secs(15), TokioTimer::new());
    /// let _position = events.next().await;
    /// assert_eq!(events.next().await.unwrap().unwrap(), ":\n");
    /// # });
    /// ```
    pub fn keep_alive_with_timer<T: Timer>(mut self, interval: Duration, timer: T) -> KeepAlive<Self, T> {
        // The keep-alive's timer ends it on time.
        self.leave_to_timer();
        KeepAlive::with_frame(self, interval, timer, PositionFrame(()))
    }
}

/// The keep-alives of a subscription: its position if that has moved, or else the event `E` or a comment.
struct PositionFrame<E>(E);

impl KeepAliveFrame<Subscription> for PositionFrame<()> {
    fn frame(&self, subscription: Pin<&mut Subscription>) -> Option<Bytes> {
        subscription.get_mut().moved(None)
    }

    fn time_left(&self, subscription: &Subscription) -> Option<Duration> {
        subscription.time_left()
    }

    fn with_event(&self, event: Event) -> Box<dyn KeepAliveFrame<Subscription>> {
        Box::new(PositionFrame(event.without_id().encode()))
    }
}

impl KeepAliveFrame<Subscription> for PositionFrame<Bytes> {
    fn frame(&self, subscription: Pin<&mut Subscription>) -> Option<Bytes> {
        Some(subscription.get_mut().moved(Some(&self.0)).unwrap_or_else(|| self.0.clone()))
    }

    fn time_left(&self, subscription: &Subscription) -> Option<Duration> {
        subscription.time_left()
    }

    fn with_event(&self, event: Event) -> Box<dyn KeepAliveFrame<Subscription>> {
        PositionFrame(()).with_event(event)
    }
}
