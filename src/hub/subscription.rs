use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;

use crate::{
    base::sync::{Arc, lock},
    hub::{
        core::{
            shared::Shared,
            wake::{each, resume},
        },
        notice::{Gap, GapReason},
        positioned::Positioned,
        reader::reading::{Ending, Reader, Step, join},
    },
    timer::alarm::Alarm,
};

/// A stream of encoded events from a [`Hub`](crate::Hub), for one client.
///
/// It yields [`Bytes`] that are ready for the wire, each one or more whole blocks: first its position, or what it
/// cannot have ([`Gap`]), then every event of its topics in order, without a gap and without a duplicate. A
/// subscription that is several events behind gets them in one piece.
///
/// # Slow consumers
///
/// A subscription holds no queue: it is a position in the hub's history. One that falls behind what the history
/// holds has *lagged*, and what then happens is its [`Lag`](super::Lag) policy. It never delays a publisher or
/// another subscription.
///
/// # Ending
///
/// The stream ends when all its topics are [finished](crate::Hub::finish) and nothing remains, when the hub is
/// [closed](crate::Hub::close) or its last [handle](crate::Hub) is dropped, when its greatest lifetime has passed, and
/// after a lag under [`Lag::Disconnect`](super::Lag::Disconnect). Dropping it frees at once what it held.
///
/// A subscription is no handle: it keeps no hub open.
#[must_use = "a subscription does nothing unless it is polled"]
pub struct Subscription {
    shared: Arc<Shared>,
    pub(super) reader: Reader,
    /// Whether it ended because it had fallen behind, or because the hub was closed.
    pub(super) left: bool,
    phase: Phase,
    gap: Option<Box<Gap>>,
    alarm: Alarm,
    on_drop: Option<Box<dyn FnOnce() + Send>>,
}

enum Phase {
    /// The first block is still to be yielded.
    First(Bytes),
    Reading,
    /// A filter runs, or has panicked.
    Filtering,
    Ended,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, reader: Reader, first: Option<Bytes>, gap: Option<Gap>) -> Self {
        let phase = first.map_or(Phase::Reading, Phase::First);
        Self {
            shared,
            reader,
            left: false,
            phase,
            gap: gap.map(Box::new),
            alarm: Alarm::new(),
            on_drop: None,
        }
    }

    /// Sets the first block, which says what the client has missed and cannot have.
    pub(super) fn beginning_with(mut self, first: Option<Bytes>, gap: Option<Gap>) -> Self {
        self.phase = first.map_or(Phase::Reading, Phase::First);
        self.gap = gap.map(Box::new);
        self
    }

    /// Returns the gap between what the client asked for and what it gets, or `None` if nothing is missing.
    ///
    /// It is known from the start, and does not change. The stream's first block says the same to the client. Ask here
    /// to send a snapshot first, or to say in your own words that something is missing.
    pub fn gap(&self) -> Option<&Gap> {
        self.gap.as_deref()
    }

    /// Sets what is called once, when the subscription has ended or was dropped.
    ///
    /// It replaces what was set before. It is called outside the hub's lock, so it may use the hub.
    pub fn on_drop(mut self, callback: impl FnOnce() + Send + 'static) -> Self {
        self.on_drop = Some(Box::new(callback));
        self
    }

    /// Leaves it to others to poll it when its lifetime is over.
    pub(crate) fn woken_elsewhere(mut self) -> Self {
        self.alarm.switch_off();
        self
    }

    fn end(&mut self) {
        if !matches!(mem::replace(&mut self.phase, Phase::Ended), Phase::Ended) {
            let (waker, drained) = {
                let mut state = lock(&self.shared.state);
                (self.reader.leave(&mut state), state.take_drained())
            };
            drop(waker);
            let mut woken = each(drained.into_iter(), Waker::wake);
            woken = woken.and(each(self.on_drop.take().into_iter(), |callback| callback()));
            return resume(woken);
        }
        if let Some(callback) = self.on_drop.take() {
            callback();
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match &mut self.phase {
            Phase::Reading if self.reader.is_parked(&self.shared, cx.waker()) => return Poll::Pending,
            Phase::Reading => {}
            Phase::First(first) => {
                let first = mem::take(first);
                self.phase = Phase::Reading;
                return Poll::Ready(Some(first));
            }
            Phase::Filtering => {
                // The filter has panicked. What it was to look at is gone, and going on would hide that.
                self.end();
                return Poll::Ready(None);
            }
            Phase::Ended => return Poll::Ready(None),
        }
        match self.reader.step(&self.shared, cx) {
            Step::Parked => Poll::Pending,
            Step::Lagged(mark) => {
                let gap = Gap::new(GapReason::Lagged, self.shared.ids.id(mark));
                Poll::Ready(Some(self.shared.notices.gap(&gap, None)))
            }
            Step::End(ending) => {
                self.left = ending.as_ref().is_none_or(Ending::of_closed_hub);
                self.end();
                Poll::Ready(ending.and_then(|ending| ending.block(&self.shared)))
            }
            Step::Piece(bytes) => Poll::Ready(Some(bytes)),
            Step::Pieces(pieces) => Poll::Ready(join(pieces)),
            Step::Unfiltered(events) => {
                self.phase = Phase::Filtering;
                let kept = self.reader.filter(&self.shared, events);
                self.phase = Phase::Reading;
                if kept.is_some() {
                    return Poll::Ready(kept);
                }
                // Nothing passed the filter. There may be more, but one poll looks only so far.
                if !self.reader.is_parked(&self.shared, cx.waker()) {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
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

impl Positioned for Subscription {
    fn moved(self: Pin<&mut Self>, due: Option<&Bytes>) -> Option<Bytes> {
        let this = self.get_mut();
        match this.phase {
            Phase::Reading => this.reader.moved(&this.shared, due),
            _ => None,
        }
    }

    fn time_left(&self) -> Option<Duration> {
        let ends_at = self.reader.ends_at?;
        Some(ends_at.saturating_duration_since(self.shared.clock.now()))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("topics", &self.reader.topics().collect::<Vec<_>>())
            .field("gap", &self.gap)
            .field("ended", &matches!(self.phase, Phase::Ended))
            .finish_non_exhaustive()
    }
}
