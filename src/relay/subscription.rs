use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_core::Stream;

use crate::{
    hub::{fill::Moved, notice::Gap, policies::Lag, positioned::Positioned},
    keep_alive::KeepAlive,
    relay::{
        core::Pages,
        paging::{Paging, Step},
    },
    timer::{alarm::Alarm, interface::Timer, tokio::TokioTimer},
};

/// A stream of encoded events from a [`Relay`](super::Relay), for one client.
/// It yields the same blocks as a [`hub::Subscription`](crate::Subscription). While the local hub does not hold the
/// next event, it reads the log page by page, each of up to half a megabyte or one event, and returns to the hub as
/// soon as that can continue without a gap. It does not read ahead: it requests a page when it is polled, and the
/// page has a share of the [memory](crate::relay#costs) of all pages until it is yielded. So do not stop polling it
/// while it is pending; drop it instead.
///
/// # Ending
///
/// The stream ends when all its topics are [finished](super::Relay::finish) and nothing remains, when the relay is
/// [closed](super::Relay::close) or its last handle is dropped, when its maximum lifetime has passed, when the log no
/// longer holds the next event under [`Lag::Disconnect`], and when the log turns out to be another one or in an older
/// state. In the last two cases its last block reports the gap if the client has
/// received nothing since the first block that changes its position, because it would otherwise resume at the same
/// place. The stream does not end when the log cannot be reached. Dropping
/// it frees its memory at once.
#[must_use = "a subscription does nothing unless it is polled"]
pub struct Subscription {
    /// The first block, until it is yielded.
    first: Option<Bytes>,
    gap: Option<Gap>,
    source: Source,
    reading: Reading,
    /// The hub's stream has sent a block that changes the client's position, or a gap was reported.
    advanced: bool,
    alarm: Alarm,
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

/// Everything needed to read the log later.
pub(super) struct Reading {
    pub(super) pages: Arc<dyn Pages>,
    pub(super) topics: Arc<[String]>,
    pub(super) lag: Lag,
    pub(super) ends_at: Option<Instant>,
}

#[expect(clippy::large_enum_variant, reason = "the large variant is what it usually is")]
pub(super) enum Source {
    Live(crate::Subscription),
    Paging(Box<Paging>),
    Ended,
}

impl Subscription {
    pub(super) fn new(source: Source, reading: Reading, first: Option<Bytes>, gap: Option<Gap>) -> Self {
        let gap = match &source {
            Source::Live(live) => live.gap().cloned().or(gap),
            _ => gap,
        };
        Self { first, advanced: gap.is_some(), gap, source, reading, alarm: Alarm::new(), on_end: None }
    }

    /// Returns the events that the client has missed and cannot get, as known when it resumed.
    ///
    /// The stream's first block reports it to the client. You may check it to send a snapshot first.
    pub fn gap(&self) -> Option<&Gap> {
        self.gap.as_ref()
    }

    /// Registers a callback that runs once, when the subscription has ended or is dropped.
    ///
    /// It replaces an earlier callback.
    pub fn on_end(mut self, callback: impl FnOnce() + Send + 'static) -> Self {
        self.on_end = Some(Box::new(callback));
        self
    }

    /// Keeps the connection alive: whenever nothing was sent for `interval`, sends a comment, or the client's
    /// position if it has moved.
    ///
    /// The stream also ends on time when its [maximum lifetime](crate::Subscribe::lifetime) has passed, even within
    /// an interval.
    ///
    /// # Panics
    ///
    /// Polling it outside a tokio runtime with time enabled panics. Creating it does not.
    pub fn keep_alive(self, interval: Duration) -> KeepAlive<Self, TokioTimer, Moved> {
        self.keep_alive_with_timer(interval, TokioTimer::new())
    }

    /// Like [`keep_alive`](Self::keep_alive), on your timer.
    pub fn keep_alive_with_timer<T: Timer>(
        mut self,
        interval: Duration,
        timer: T,
    ) -> KeepAlive<Self, T, Moved> {
        self.alarm.switch_off();
        KeepAlive::with_fill(self, interval, timer, Moved::COMMENT)
    }

    fn end(&mut self) {
        self.source = Source::Ended;
        if let Some(callback) = self.on_end.take() {
            callback();
        }
    }

    fn is_over(&self) -> bool {
        self.time_left().is_some_and(|left| left.is_zero())
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            let over = matches!(self.source, Source::Paging(_)) && self.is_over();
            let reading = &self.reading;
            match &mut self.source {
                Source::Ended => return Poll::Ready(None),
                Source::Live(live) => {
                    if let Some(bytes) = ready!(Pin::new(&mut *live).poll_next(cx)) {
                        self.advanced = true;
                        return Poll::Ready(Some(bytes));
                    }
                    // The hub was closed, but the node was not: a new generation replaced it. The log decides whether
                    // the client has missed anything.
                    let left = if reading.pages.node().is_sealed() { None } else { live.left_at() };
                    let Some((seen, told, filter)) = left else {
                        self.end();
                        continue;
                    };
                    let mut paging = reading.after(seen, told, filter);
                    paging.advanced = self.advanced;
                    self.source = Source::Paging(Box::new(paging));
                }
                Source::Paging(paging) => {
                    let step = if over { Step::End(paging.moved(None)) } else { ready!(paging.poll(cx)) };
                    match step {
                        Step::Block(block) => return Poll::Ready(Some(block)),
                        Step::Live(live) => {
                            self.advanced |= paging.advanced;
                            self.source = Source::Live(live.ending_at(reading.ends_at));
                        }
                        Step::End(last) => {
                            self.end();
                            return Poll::Ready(last);
                        }
                    }
                }
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Bytes;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = self.get_mut();
        let polled = this.poll_piece(cx);
        if polled.is_pending() {
            if let Some(left) = this.time_left() {
                this.alarm.wake_after(left, cx);
            }
        }
        polled
    }
}

impl Reading {
    /// Begins to read the log after an entry of the hub.
    fn after(&self, seen: u128, told: u128, filter: Option<crate::hub::reader::reading::Filter>) -> Paging {
        let (pages, topics) = (Arc::clone(&self.pages), Arc::clone(&self.topics));
        let mut paging = Paging::new(pages, topics, self.lag, filter, Some(seen));
        paging.told = told;
        paging
    }
}

impl Positioned for Subscription {
    fn moved(self: Pin<&mut Self>, due: Option<&Bytes>) -> Option<Bytes> {
        let this = self.get_mut();
        match &mut this.source {
            _ if this.first.is_some() => None,
            Source::Live(live) => {
                let moved = Pin::new(live).moved(due);
                this.advanced |= moved.is_some();
                moved
            }
            Source::Paging(paging) => paging.moved(due),
            Source::Ended => None,
        }
    }

    fn time_left(&self) -> Option<Duration> {
        let clock = &self.reading.pages.node().builder.clock;
        self.reading.ends_at.map(|end| end.saturating_duration_since(clock.now()))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match &self.source {
            Source::Live(_) => "hub",
            Source::Paging(_) => "log",
            Source::Ended => "ended",
        };
        f.debug_struct("Subscription")
            .field("topics", &self.reading.topics)
            .field("gap", &self.gap)
            .field("source", &source)
            .finish_non_exhaustive()
    }
}
