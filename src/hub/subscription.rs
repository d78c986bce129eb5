use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;

#[cfg(feature = "tokio")]
use crate::timer::tokio::TokioTimer;
use crate::{
    base::panics::{each, resume},
    event::value::Event,
    hub::{notice::Gap, reader::live::Live, source::Source},
    keep_alive::{Fill, KeepAlive},
    timer::{alarm::Alarm, interface::Timer},
};

/// A stream of encoded events from a [`Hub`](crate::Hub) or a `Relay`, for one client.
///
/// It yields [`Bytes`] that are ready for the wire, each one or more whole blocks: first its position, or a [`Gap`],
/// then every event of its topics in order, without a gap or a duplicate. A subscription that is several events
/// behind gets them in one piece.
///
/// # Slow consumers
///
/// A subscription holds no queue: it is a position in the hub's history. If it falls behind the history it has
/// *lagged*, and its [`Lag`](super::Lag) policy decides what follows. It never delays a publisher or another
/// subscription.
///
/// # Ending
///
/// The stream ends when all its topics are [finished](crate::Hub::finish) and nothing remains, when the hub is
/// [closed](crate::Hub::close) or its last [handle](crate::Hub) is dropped, when its maximum lifetime has passed,
/// when one of its topics is [removed](crate::Hub::remove), and after a lag under
/// [`Lag::Disconnect`](super::Lag::Disconnect). Dropping it frees its memory at once.
///
/// A subscription is not a handle: it does not keep a hub open.
///
/// # Of a relay
///
/// While the local hub of a relay does not hold the next event, the subscription reads the log page by page, each of
/// up to half a megabyte or one event, and returns to the hub as soon as that can continue without a gap. It does not
/// read ahead: it requests a page when it is polled, and the page has a share of the memory of all pages until it is
/// yielded. So do not stop polling it while it is pending; drop it instead.
///
/// It also ends when the log no longer holds the next event under [`Lag::Disconnect`](super::Lag::Disconnect), and when
/// the log turns out to be another one or in an older state. In both cases its last block reports the gap if the
/// client has received nothing since the first block that changes its position, because it would otherwise resume at
/// the same place. It does not end when the log cannot be reached.
#[must_use = "a subscription does nothing unless it is polled"]
pub struct Subscription {
    /// The first block, until it is yielded.
    first: Option<Bytes>,
    source: From,
    gap: Option<Box<Gap>>,
    alarm: Alarm,
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

/// The origin of the blocks after the first one.
enum From {
    Hub(Live),
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "only a relay has other sources"))]
    Elsewhere(Box<dyn Source>),
}

impl Subscription {
    pub(super) fn of_hub(live: Live) -> Self {
        Self::new(From::Hub(live))
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn of(source: impl Source + 'static) -> Self {
        Self::new(From::Elsewhere(Box::new(source)))
    }

    fn new(source: From) -> Self {
        Self { first: None, source, gap: None, alarm: Alarm::new(), on_end: None }
    }

    /// Sets the first block and the gap that it reports.
    pub(crate) fn beginning_with(mut self, first: Option<Bytes>, gap: Option<Gap>) -> Self {
        self.first = first;
        self.gap = gap.map(Box::new);
        self
    }

    /// Returns the gap between the events that the client asked for and those it gets, or `None` if nothing is
    /// missing.
    ///
    /// It is known from the start and does not change. The stream's first block reports it to the client. Check it to
    /// send a snapshot first, or a notice of your own.
    pub fn gap(&self) -> Option<&Gap> {
        self.gap.as_deref()
    }

    /// Registers a callback that runs once, when the subscription has ended or is dropped.
    ///
    /// It replaces an earlier callback. It runs outside the hub's lock, so it may use the hub.
    pub fn on_end(mut self, callback: impl FnOnce() + Send + 'static) -> Self {
        self.on_end = Some(Box::new(callback));
        self
    }

    /// Keeps the connection alive: whenever nothing was sent for `interval`, sends a comment, or the client's
    /// position if it has moved.
    ///
    /// With [`KeepAlive::event`], an event of yours takes the comment's place and carries the position as its ID. An
    /// ID of the event itself is not sent, because the client would resume with it and the hub does not know it.
    ///
    /// The stream also ends on time when its [maximum lifetime](crate::Subscribe::lifetime) has passed, even within
    /// an interval.
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
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
    pub fn keep_alive(self, interval: Duration) -> KeepAlive<Self, TokioTimer> {
        self.keep_alive_with_timer(interval, TokioTimer::new())
    }

    /// Like [`keep_alive`](Self::keep_alive), on your timer.
    pub fn keep_alive_with_timer<T: Timer>(mut self, interval: Duration, timer: T) -> KeepAlive<Self, T> {
        // The keep-alive's timer ends it on time.
        self.alarm.switch_off();
        KeepAlive::with_fill(self, interval, timer, Moved(()))
    }

    /// Returns the rest of the maximum lifetime, if there is one.
    fn time_left(&self) -> Option<Duration> {
        match &self.source {
            From::Hub(live) => live.time_left(),
            From::Elsewhere(source) => source.time_left(),
        }
    }

    fn moved(&mut self, due: Option<&Bytes>) -> Option<Bytes> {
        if self.first.is_some() {
            return None;
        }
        match &mut self.source {
            From::Hub(live) => live.moved(due),
            From::Elsewhere(source) => source.moved(due),
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        match &mut self.source {
            From::Hub(live) => live.poll_piece(cx),
            From::Elsewhere(source) => source.poll_piece(cx),
        }
    }

    fn has_ended(&self) -> bool {
        match &self.source {
            From::Hub(live) => live.has_ended(),
            From::Elsewhere(source) => source.has_ended(),
        }
    }

    /// Leaves the hub, then runs the callback, even if a waker has panicked.
    fn end(&mut self) {
        let left = match &mut self.source {
            From::Hub(live) => live.leave(),
            From::Elsewhere(source) => source.leave(),
        };
        resume(left.and(each(self.on_end.take().into_iter(), |callback| callback())));
    }
}

/// The keep-alives of a subscription: its position if that has moved, or else the event `E` or a comment.
struct Moved<E>(E);

impl Fill<Subscription> for Moved<()> {
    fn fill(&self, subscription: Pin<&mut Subscription>) -> Option<Bytes> {
        subscription.get_mut().moved(None)
    }

    fn time_left(&self, subscription: &Subscription) -> Option<Duration> {
        subscription.time_left()
    }

    fn with_event(&self, event: Event) -> Box<dyn Fill<Subscription>> {
        Box::new(Moved(event.without_id().encode()))
    }
}

impl Fill<Subscription> for Moved<Bytes> {
    fn fill(&self, subscription: Pin<&mut Subscription>) -> Option<Bytes> {
        Some(subscription.get_mut().moved(Some(&self.0)).unwrap_or_else(|| self.0.clone()))
    }

    fn time_left(&self, subscription: &Subscription) -> Option<Duration> {
        subscription.time_left()
    }

    fn with_event(&self, event: Event) -> Box<dyn Fill<Subscription>> {
        Moved(()).with_event(event)
    }
}

impl Stream for Subscription {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.get_mut();
        let polled = this.poll_piece(cx);
        match polled {
            Poll::Pending => {
                if let Some(left) = this.time_left() {
                    this.alarm.wake_after(left, cx);
                }
            }
            Poll::Ready(_) if this.has_ended() => this.end(),
            Poll::Ready(_) => {}
        }
        polled
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics: Vec<_> = match &self.source {
            From::Hub(live) => live.reader.topics().collect(),
            From::Elsewhere(source) => source.topics(),
        };
        f.debug_struct("Subscription")
            .field("topics", &topics)
            .field("gap", &self.gap)
            .field("ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}
