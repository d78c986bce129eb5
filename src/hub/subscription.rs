use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;

use crate::{
    base::{
        panics::{each, resume},
        sync::Arc,
    },
    event::into_event::IntoEvent,
    hub::{
        end::End,
        notice::{Gap, Notices},
        reader::{join::join, live::Live},
        source::Source,
        steering::Steering,
        stream_handle::StreamHandle,
    },
    timer::alarm::Alarm,
};

/// A stream of encoded events from a [`Hub`](crate::Hub) or a `Relay`, for one client.
///
/// It yields [`Bytes`] that are ready for the wire, each one or more whole blocks: first its position, or a
/// [`Gap`], then every event of its topics in order, without a gap or a duplicate. A subscription that is
/// several events behind gets them in one piece.
///
/// # Slow consumers
///
/// A subscription holds no queue: it is a position in the hub's history. If it falls behind the history it
/// has *lagged*, and its [`Lag`](super::Lag) policy decides what follows. It never delays a publisher or
/// another subscription.
///
/// # Ending
///
/// The stream ends when all its topics are [finished](crate::Hub::finish) and nothing remains, when the hub
/// is [closed](crate::Hub::close) or its last [handle](crate::Hub) is dropped, when its maximum lifetime has
/// passed, when one of its topics is [removed](crate::Hub::remove), and after a lag under
/// [`Lag::Disconnect`](super::Lag::Disconnect). Dropping it frees its memory at once.
///
/// A subscription is not a handle: it does not keep a hub open.
///
/// # Of a relay
///
/// While the local hub of a relay does not hold the next event, the subscription reads the log page by page,
/// each of up to half a megabyte or one event, and returns to the hub as soon as that can continue without a
/// gap. It does not read ahead: it requests a page when it is polled, and the page has a share of the memory
/// of all pages until it is yielded. So do not stop polling it while it is pending; drop it instead.
///
/// It also ends when the log no longer holds the next event under
/// [`Lag::Disconnect`](super::Lag::Disconnect), and when the log turns out to be another one or in an older
/// state. In both cases its last block reports the gap if the client has received nothing since the first
/// block that changes its position, because it would otherwise resume at the same place. It does not end when
/// the log cannot be reached.
#[must_use = "a subscription does nothing unless it is polled"]
pub struct Subscription {
    source: Origin,
    /// Boxed, because most subscriptions have none of it once they have yielded their first block.
    extras: Option<Box<Extras>>,
}

/// The state that few subscriptions need.
#[derive(Default)]
struct Extras {
    /// The first block, until it is yielded.
    first: Option<Bytes>,
    alarm: Alarm,
    /// Another timer ends it on time.
    has_timer: bool,
    gap: Option<Gap>,
    on_end: Option<Box<dyn FnOnce() + Send>>,
    until: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    steering: Option<Arc<Steering>>,
}

impl Extras {
    fn is_empty(&self) -> bool {
        let Self { first: None, has_timer: false, gap: None, on_end: None, steering: None, alarm: _, until } =
            self
        else {
            return false;
        };
        until.is_empty()
    }
}

/// The origin of the blocks after the first one.
enum Origin {
    Hub(Live),
    #[cfg_attr(not(feature = "tokio"), expect(dead_code, reason = "only a relay has other sources"))]
    Elsewhere(Box<dyn Source>),
}

impl Subscription {
    pub(super) fn of_hub(live: Live) -> Self {
        Self::new(Origin::Hub(live))
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn of(source: impl Source + 'static) -> Self {
        Self::new(Origin::Elsewhere(Box::new(source)))
    }

    fn new(source: Origin) -> Self {
        Self { source, extras: None }
    }

    /// Sets the first block and the gap that it reports.
    pub(crate) fn beginning_with(mut self, first: Option<Bytes>, gap: Option<Gap>) -> Self {
        if first.is_some() || gap.is_some() {
            let extras = self.extras();
            (extras.first, extras.gap) = (first, gap);
        }
        self
    }

    /// Leaves it to another timer to end the stream on time, if it has a maximum lifetime.
    pub(super) fn leave_to_timer(&mut self) {
        if self.time_left().is_some() {
            self.extras().has_timer = true;
        }
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// Returns the gap between the events that the client asked for and those it gets, or `None` if nothing
    /// is missing.
    ///
    /// It is known from the start and does not change. The stream's first block reports it to the client.
    /// Check it to send a snapshot first, or a notice of your own.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Bounds, EventId, Hub, Subscribe, hub::GapReason};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// assert!(hub.subscribe("orders")?.gap().is_none());
    /// let events = hub.subscribe(Subscribe::to("orders").after(EventId::from_static("unknown")))?;
    /// assert_eq!(events.gap().unwrap().reason(), GapReason::Unknown);
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn gap(&self) -> Option<&Gap> {
        self.extras.as_ref()?.gap.as_ref()
    }

    /// Registers a callback that runs once, when the subscription has ended or is dropped.
    ///
    /// It replaces an earlier callback. It runs outside the hub's lock, so it may use the hub.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    /// use ssekit::{Bounds, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let (sender, ended) = mpsc::channel();
    /// let events = hub.subscribe("orders")?.on_end(move || sender.send("the client left").unwrap());
    /// drop(events);
    /// assert_eq!(ended.recv().unwrap(), "the client left");
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn on_end(mut self, callback: impl FnOnce() + Send + 'static) -> Self {
        self.extras().on_end = Some(Box::new(callback));
        self
    }

    /// Returns a handle that ends the stream or changes its topics, when an HTTP stack owns it.
    ///
    /// A stream with a handle reads under the hub's lock, as one of several topics does.
    pub fn handle(&mut self) -> StreamHandle {
        // All handles of a stream share one. A source that has it already takes it again.
        let steering = Arc::clone(self.extras().steering.get_or_insert_default());
        match &mut self.source {
            Origin::Hub(live) => live.steer(Arc::clone(&steering)),
            Origin::Elsewhere(source) => source.steer(&steering),
        }
        // A handle of a stream that is over would otherwise never learn so.
        if self.has_ended() {
            steering.set_over();
        }
        StreamHandle::new(steering)
    }

    /// Ends the stream in an orderly way when a future completes: when a token expires, or a user is logged
    /// out.
    ///
    /// The client gets its position, and may reconnect. The stream ends at once, if its peer reads. With
    /// several futures, it ends with the first one.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt as _, StreamExt as _};
    /// use ssekit::{Bounds, Hub};
    ///
    /// # let (log_out, logged_out) = futures_channel();
    /// let hub = Hub::new(Bounds::events(100));
    /// let mut events = hub.subscribe("orders")?.until(logged_out);
    /// let _position = events.next().now_or_never();
    /// assert!(events.next().now_or_never().is_none(), "it goes on");
    /// log_out.send(()).unwrap();
    /// assert_eq!(events.next().now_or_never(), Some(None));
    /// # fn futures_channel() -> (tokio::sync::oneshot::Sender<()>, tokio::sync::oneshot::Receiver<()>) {
    /// #     tokio::sync::oneshot::channel()
    /// # }
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn until<F: Future + Send + 'static>(mut self, end: F) -> Self {
        self.extras().until.push(Box::pin(async {
            end.await;
        }));
        self
    }

    /// Sends events ahead of the stream, such as a snapshot of the state that later events change.
    ///
    /// Subscribe first, then read the state: whatever changes meanwhile follows on the stream. If there is a
    /// [gap](Self::gap), the client learns of it before the snapshot. It learns its position after the
    /// snapshot, so that a client which is cut within it does not take the rest for received. IDs of the
    /// events themselves are not sent.
    ///
    /// Call it before the stream is polled. The events are encoded at once, and held until they are yielded.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_util::{FutureExt as _, StreamExt as _};
    /// use ssekit::{Bounds, Event, Hub};
    ///
    /// let hub = Hub::new(Bounds::events(100));
    /// let mut events = hub.subscribe("orders")?.snapshot(["two coffees", "one tea"]);
    /// let first = events.next().now_or_never().flatten().unwrap();
    /// assert!(first.starts_with(b"data: two coffees\n\ndata: one tea\n\nid: "));
    /// # Ok::<(), ssekit::hub::Refusal>(())
    /// ```
    pub fn snapshot<E: IntoEvent>(mut self, events: impl IntoIterator<Item = E>) -> Self {
        let mut blocks = Vec::new();
        let notices = self.notices();
        // A gap with its position would acknowledge the snapshot that follows.
        let position = match self.gap() {
            Some(gap) => {
                blocks.push(notices.gap(&Gap::new(gap.reason(), None)));
                notices.first(None, gap.position().cloned())
            }
            None => self.take_first(),
        };
        blocks.extend(events.into_iter().map(|event| event.into_event().without_id().encode()));
        blocks.extend(position);
        self.extras().first = join(blocks);
        self
    }

    fn notices(&self) -> &Notices {
        match &self.source {
            Origin::Hub(live) => live.notices(),
            Origin::Elsewhere(source) => source.notices(),
        }
    }

    /// Returns the rest of the maximum lifetime, if there is one.
    pub(super) fn time_left(&self) -> Option<Duration> {
        match &self.source {
            Origin::Hub(live) => live.time_left(),
            Origin::Elsewhere(source) => source.time_left(),
        }
    }

    pub(super) fn moved(&mut self, due: Option<&Bytes>) -> Option<Bytes> {
        // The first block still has the position, or the gap that must come before it.
        if self.extras.as_ref().is_some_and(|extras| extras.first.is_some()) {
            return None;
        }
        match &mut self.source {
            Origin::Hub(live) => live.moved(due),
            Origin::Elsewhere(source) => source.moved(due),
        }
    }

    /// Polls a subscription of any kind.
    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        // An end that is wanted comes before events: a client that was logged out gets nothing
        // more.
        let ended = if self.extras.is_some() && !self.has_ended() { self.poll_end(cx) } else { None };
        let polled = ended.map_or_else(|| self.poll_piece(cx), Poll::Ready);
        self.settle(&polled, cx);
        polled
    }

    /// Sets the alarm if nothing came, or leaves the hub after the end.
    #[inline]
    fn settle(&mut self, polled: &Poll<Option<Bytes>>, cx: &mut Context<'_>) {
        match polled {
            Poll::Pending => {
                if let Some(left) = self.time_left() {
                    let extras = self.extras();
                    if !extras.has_timer {
                        extras.alarm.wake_after(left, cx);
                    }
                }
            }
            Poll::Ready(_) if self.has_ended() => self.end(),
            Poll::Ready(_) => {}
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.take_first() {
            return Poll::Ready(Some(first));
        }
        match &mut self.source {
            Origin::Hub(live) => live.poll_piece(cx),
            Origin::Elsewhere(source) => source.poll_piece(cx),
        }
    }

    /// Takes the first block. Frees the extras if they have nothing else, so that the fast path follows.
    fn take_first(&mut self) -> Option<Bytes> {
        let extras = self.extras.as_mut()?;
        let first = extras.first.take();
        self.extras.take_if(|extras| extras.is_empty());
        first
    }

    fn has_ended(&self) -> bool {
        match &self.source {
            Origin::Hub(live) => live.has_ended(),
            Origin::Elsewhere(source) => source.has_ended(),
        }
    }

    /// Ends it if that is wanted. Returns the last blocks then.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Option<Option<Bytes>> {
        let extras = self.extras.as_deref_mut()?;
        let is_due = extras.until.iter_mut().any(|until| until.as_mut().poll(cx).is_ready());
        let wanted = extras.steering.as_ref().and_then(|steering| steering.poll_end(cx));
        let end = wanted.or_else(|| is_due.then(End::new))?;
        let first = extras.first.take();
        let last = match &mut self.source {
            Origin::Hub(live) => live.finish(&end),
            Origin::Elsewhere(source) => source.finish(&end),
        };
        // The first block goes out even so: it may be a gap, which the position behind it would
        // hide.
        Some(join(first.into_iter().chain(last).collect()))
    }

    /// Leaves the hub, then runs the callback, even if a waker has panicked.
    fn end(&mut self) {
        let mut extras = self.extras.as_deref_mut();
        let steering = extras.as_mut().and_then(|extras| extras.steering.take());
        let on_end = extras.and_then(|extras| {
            // Futures and callbacks are application code, so that they go before the hub is left,
            // not when the stream is dropped at some time.
            extras.until.clear();
            extras.on_end.take()
        });
        if let Some(steering) = steering {
            steering.set_over();
        }
        // The hub is left before the callback is called, so that the callback finds the stream gone
        // from its counts. A panic in either is resumed only when both are done.
        let left = match &mut self.source {
            Origin::Hub(live) => live.leave(),
            Origin::Elsewhere(source) => source.leave(),
        };
        resume(left.and(each(on_end.into_iter(), |callback| callback())));
    }
}

impl Stream for Subscription {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.get_mut();
        // Fast path: a subscription to a hub that has begun, without a callback, a handle or a future.
        let Self { extras: None, source: Origin::Hub(live) } = this else {
            return this.poll_any(cx);
        };
        if let Some(polled) = live.poll_lane(cx) {
            return polled;
        }
        let polled = live.poll_hub(cx);
        this.settle(&polled, cx);
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
        let topics: Vec<String> = match &self.source {
            Origin::Hub(live) => live.topics().iter().map(|topic| topic.to_string()).collect(),
            Origin::Elsewhere(source) => source.topics().into_iter().map(str::to_owned).collect(),
        };
        f.debug_struct("Subscription")
            .field("topics", &topics)
            .field("gap", &self.gap())
            .field("ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}
