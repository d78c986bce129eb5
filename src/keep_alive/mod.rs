//! Keeping idle connections alive, so that no proxy or client considers them dead.

mod silence;

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use pin_project_lite::pin_project;

#[cfg(feature = "tokio")]
use crate::timer::tokio::TokioTimer;
use crate::{
    event::{into_event::IntoEvent, value::Event},
    frame::IntoFrame,
    keep_alive::silence::Silence,
    timer::interface::Timer,
};

pin_project! {
    /// A stream of events that is never silent for longer than an interval.
    ///
    /// It yields the items of the inner stream, encoded. When the inner stream has been pending for
    /// `interval`, it yields a keep-alive: a comment, or with [`event`](Self::event) your own event. Choose
    /// an interval below the shortest idle timeout on the way. Proxies commonly have 30 to 60 seconds; 15 is
    /// a good start.
    ///
    /// - A silence begins when the inner stream is found pending. It gets one keep-alive per interval; if the
    ///   stream is not polled for a long time, one keep-alive replaces all that were missed.
    /// - Each interval is shortened at random by up to a tenth, so that streams that fell silent with the
    ///   same event do not all send their keep-alives at the same instant. None is longer than `interval`.
    /// - A keep-alive is a frame of its own, never in the middle of another one.
    /// - A comment is a single line, `:`. A blank line after it would make some clients dispatch an empty
    ///   message. Other clients buffer up to 64 KiB until a blank line arrives, so every 16,384th comment in
    ///   a row has one.
    /// - Once the inner stream has ended, neither it nor the timer is polled again.
    ///
    /// The interval is rounded up to whole milliseconds. It is at least one, so that an interval of zero is
    /// not a busy loop, and at most `u32::MAX` of them (49 days).
    ///
    /// Traffic does not touch the timer: it is armed once per interval, and if it elapses early, again for
    /// the rest. A value takes 32 bytes in addition to the stream and the timer, and 32 on the heap with an
    /// event of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    ///
    /// use futures_util::{StreamExt, stream};
    /// use ssekit::{Event, KeepAlive};
    ///
    /// let events = stream::iter([Event::new("a")]).chain(stream::pending());
    /// let mut events = KeepAlive::new(events, Duration::from_secs(15));
    /// assert_eq!(events.next().await.unwrap().unwrap(), "data: a\n\n");
    /// assert_eq!(events.next().await.unwrap().unwrap(), ":\n"); // at most 15 seconds later
    /// # }
    /// # #[cfg(not(feature = "tokio"))]
    /// # fn main() {}
    /// ```
    #[doc(alias = "ping")]
    #[doc(alias = "heartbeat")]
    #[must_use = "streams do nothing unless polled"]
    pub struct KeepAlive<S, T> {
        #[pin]
        stream: S,
        silence: Silence<T>,
        frame: Option<Box<dyn KeepAliveFrame<S>>>,
    }
}

#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
impl<S> KeepAlive<S, TokioTimer> {
    /// Wraps a stream, using tokio's clock.
    ///
    /// # Panics
    ///
    /// Polling it outside a tokio runtime with time enabled panics. Creating it does not.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # #[cfg(feature = "tokio")]
    /// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use futures_util::{StreamExt, stream};
    /// use ssekit::{Event, KeepAlive};
    ///
    /// let mut events = KeepAlive::new(stream::pending::<Event>(), Duration::from_secs(15));
    /// assert_eq!(events.next().await.unwrap().unwrap(), ":\n");
    /// # });
    /// ```
    pub fn new(stream: S, interval: Duration) -> Self {
        Self::with_timer(stream, interval, TokioTimer::new())
    }
}

impl<S, T: Timer> KeepAlive<S, T> {
    /// Wraps a stream, using your timer. It is armed when the stream is first found pending.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # #[cfg(feature = "tokio")]
    /// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use futures_util::{StreamExt, stream};
    /// use ssekit::{Event, KeepAlive, timer::TokioTimer};
    ///
    /// let idle = stream::pending::<Event>();
    /// let mut events = KeepAlive::with_timer(idle, Duration::from_secs(15), TokioTimer::new());
    /// assert_eq!(events.next().await.unwrap().unwrap(), ":\n");
    /// # });
    /// ```
    pub fn with_timer(stream: S, interval: Duration, timer: T) -> Self {
        Self { stream, silence: Silence::new(interval, timer), frame: None }
    }

    /// Wraps a stream that has keep-alives of its own.
    pub(crate) fn with_frame(
        stream: S,
        interval: Duration,
        timer: T,
        frame: impl KeepAliveFrame<S> + 'static,
    ) -> Self {
        // A box of a type without size allocates nothing.
        Self { frame: Some(Box::new(frame)), ..Self::with_timer(stream, interval, timer) }
    }
}

impl<S, T> KeepAlive<S, T> {
    /// Sets an event to send as keep-alive, instead of a comment.
    ///
    /// Browsers hide comments from scripts, so a page that detects dead connections needs an event. If the
    /// event has an ID, that becomes the client's last event ID each time; around a
    /// [`Subscription`](crate::Subscription) the ID is left out, because the subscription sends its position.
    /// An event that is only a comment still ends in a blank line, which some clients turn into an empty
    /// message.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// use std::time::Duration;
    ///
    /// use futures_util::{StreamExt, stream};
    /// use ssekit::{Event, EventType, KeepAlive};
    ///
    /// let alive = Event::new("").with_type(EventType::from_static("alive"));
    /// let idle = stream::pending::<Event>();
    /// let mut events = KeepAlive::new(idle, Duration::from_secs(15)).event(alive);
    /// assert_eq!(events.next().await.unwrap().unwrap(), "event: alive\ndata: \n\n");
    /// # }
    /// # #[cfg(not(feature = "tokio"))]
    /// # fn main() {}
    /// ```
    pub fn event(self, event: impl IntoEvent) -> Self {
        let event = event.into_event();
        let frame = match self.frame {
            Some(frame) => frame.with_event(event),
            None => Box::new(event.encode()),
        };
        Self { frame: Some(frame), ..self }
    }

    /// Returns the inner stream.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # #[cfg(feature = "tokio")]
    /// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use futures_util::{Stream, stream};
    /// use ssekit::{Event, KeepAlive};
    ///
    /// let events = KeepAlive::new(stream::iter([Event::new("a")]), Duration::from_secs(15));
    /// assert_eq!(events.get_ref().size_hint(), (1, Some(1)));
    /// # });
    /// ```
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Returns the inner stream. Items taken from it directly do not count as traffic.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # #[cfg(feature = "tokio")]
    /// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use futures_util::{StreamExt, stream};
    /// use ssekit::{Event, KeepAlive};
    ///
    /// let mut events = KeepAlive::new(stream::iter([Event::new("a")]), Duration::from_secs(15));
    /// assert_eq!(events.get_mut().next().await, Some(Event::new("a")));
    /// assert!(events.next().await.is_none());
    /// # });
    /// ```
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Returns the inner stream, and drops the timer.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # #[cfg(feature = "tokio")]
    /// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::time::Duration;
    /// use futures_util::{StreamExt, stream};
    /// use ssekit::{Event, KeepAlive};
    ///
    /// let events = KeepAlive::new(stream::iter([Event::new("a")]), Duration::from_secs(15));
    /// assert_eq!(events.into_inner().collect::<Vec<_>>().await, [Event::new("a")]);
    /// # });
    /// ```
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S, T> Stream for KeepAlive<S, T>
where
    S: Stream<Item: IntoFrame>,
    T: Timer,
{
    type Item = Result<Bytes, <S::Item as IntoFrame>::Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if this.silence.has_ended() {
            return Poll::Ready(None);
        }
        match this.stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(item)) => {
                this.silence.interrupt();
                Poll::Ready(Some(item.into_frame()))
            }
            Poll::Ready(None) => {
                this.silence.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let frame = this.frame.as_deref();
                ready!(this.silence.poll_whole(cx, || frame?.time_left(&this.stream)));
                let bytes = frame.and_then(|frame| frame.frame(this.stream));
                Poll::Ready(Some(Ok(bytes.unwrap_or_else(|| this.silence.comment()))))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        if self.silence.has_ended() { (0, Some(0)) } else { (self.stream.size_hint().0, None) }
    }
}

impl<S: fmt::Debug, T: fmt::Debug> fmt::Debug for KeepAlive<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAlive")
            .field("stream", &self.stream)
            .field("silence", &self.silence)
            .finish_non_exhaustive()
    }
}

/// The keep-alives of a stream `S`, if they are not comments.
///
/// An object rather than a type parameter, which each user of a keep-alive would have to name.
pub(crate) trait KeepAliveFrame<S>: Send + Sync {
    /// Returns the frame to send now, or `None` for a comment.
    fn frame(&self, stream: Pin<&mut S>) -> Option<Bytes>;

    /// Returns the time after which the stream must be polled even if it is silent. Default: none.
    fn time_left(&self, _: &S) -> Option<Duration> {
        None
    }

    /// Replaces comments by an event.
    fn with_event(&self, event: Event) -> Box<dyn KeepAliveFrame<S>> {
        Box::new(event.encode())
    }
}

impl<S> KeepAliveFrame<S> for Bytes {
    fn frame(&self, _: Pin<&mut S>) -> Option<Bytes> {
        Some(self.clone())
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// Never has an item, and counts its silences.
    struct Silent(u32);

    impl Stream for Silent {
        type Item = Bytes;

        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
            Poll::Pending
        }
    }

    struct Numbered;

    impl KeepAliveFrame<Silent> for Numbered {
        fn frame(&self, mut stream: Pin<&mut Silent>) -> Option<Bytes> {
            stream.0 += 1;
            Some(format!(": {}\n\n", stream.0).into())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_stream_has_a_say_in_what_is_sent() {
        let interval = Duration::from_secs(15);
        let mut stream = KeepAlive::with_frame(Silent(0), interval, TokioTimer::new(), Numbered);
        for frame in [": 1\n\n", ": 2\n\n"] {
            let sent = poll_fn(|cx| Pin::new(&mut stream).poll_next(cx)).await;
            assert_eq!(sent, Some(Ok(Bytes::from(frame))));
        }
    }
}
