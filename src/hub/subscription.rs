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
#[must_use = "a subscription does nothing unless it is polled"]
pub struct Subscription {
    shared: Arc<Shared>,
    pub(super) reader: Reader,
    /// It ended because it fell behind, or because the hub was closed.
    pub(super) left: bool,
    phase: Phase,
    gap: Option<Box<Gap>>,
    alarm: Alarm,
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

enum Phase {
    /// The first block has not been yielded.
    First(Bytes),
    Reading,
    /// A filter is running, or has panicked.
    Filtering,
    Ended,
}

impl Subscription {
    pub(super) fn new(shared: Arc<Shared>, reader: Reader, first: Option<Bytes>, gap: Option<Gap>) -> Self {
        let phase = first.map_or(Phase::Reading, Phase::First);
        Self { shared, reader, left: false, phase, gap: gap.map(Box::new), alarm: Alarm::new(), on_end: None }
    }

    /// Sets the first block and the gap that it reports.
    pub(super) fn beginning_with(mut self, first: Option<Bytes>, gap: Option<Gap>) -> Self {
        self.phase = first.map_or(Phase::Reading, Phase::First);
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

    /// Disables its own wake-up at the end of its lifetime. The caller must poll it then.
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
            woken = woken.and(each(self.on_end.take().into_iter(), |callback| callback()));
            return resume(woken);
        }
        if let Some(callback) = self.on_end.take() {
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
                // The filter panicked. Its events are lost, and continuing would hide that.
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
                // No event passed the filter. There may be more, but a poll does a bounded amount of work.
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
