use std::{
    mem,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    base::{
        panics::{Panic, each, resume},
        sync::{Arc, lock},
        trace::hub as trace,
    },
    history::scheme::Mark,
    hub::{
        core::{name::Name, shared::Shared},
        end::End,
        notice::{Gap, GapReason, Notices},
        reader::{
            ending::Ending,
            join::join,
            progress::Phase,
            reading::{Reader, Step},
        },
        steering::Steering,
    },
};

/// A reader in its hub: it yields what a subscription sends after its first block.
///
/// It leaves the hub when it is dropped.
pub(crate) struct Live {
    shared: Arc<Shared>,
    pub(in crate::hub) reader: Reader,
}

impl Live {
    pub(in crate::hub) fn new(shared: Arc<Shared>, reader: Reader) -> Self {
        Self { shared, reader }
    }

    pub(crate) fn notices(&self) -> &Notices {
        self.reader.options.notices().unwrap_or(&self.shared.notices)
    }

    /// Returns the names of its topics, or none once it has left the hub.
    pub(crate) fn topics(&self) -> Vec<Name> {
        if self.reader.progress.is_out { Vec::new() } else { self.reader.topics(&self.shared) }
    }

    /// Lets handles change its topics from now on.
    pub(crate) fn steer(&mut self, steering: Arc<Steering>) {
        // A stream that has ended has left its topics, and a panicked filter lets no more through.
        if self.reader.progress.phase == Phase::Reading {
            let waker = self.reader.steer(steering, &mut lock(&self.shared.state));
            drop(waker);
        }
    }

    /// Ends the stream now. Returns its last block: the position if it has moved, or with a reconnection
    /// time.
    pub(crate) fn finish(&mut self, end: &End) -> Option<Bytes> {
        if self.reader.progress.phase != Phase::Reading {
            return None;
        }
        self.reader.progress.phase = Phase::Ended;
        let position = self.reader.last_position(&lock(&self.shared.state), end.retry.is_some());
        let id = position.and_then(|mark| self.shared.ids.id(mark));
        join(self.notices().position(id, end.retry).into_iter().chain(end.last.clone()).collect())
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.reader.progress.phase == Phase::Ended
    }

    /// Fast path: yields what can be had without the hub's lock. Returns `None` if that must be taken.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn poll_lane(&mut self, cx: &Context<'_>) -> Option<Poll<Option<Bytes>>> {
        match self.reader.progress.phase {
            Phase::Reading => self.reader.poll_lane(&self.shared, cx.waker()).map(|polled| polled.map(Some)),
            _ => None,
        }
    }

    /// Yields the next blocks. Once it has ended, the caller shall let it [`leave`](Self::leave).
    pub(crate) fn poll_piece(&mut self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_lane(cx).unwrap_or_else(|| self.poll_hub(cx))
    }

    /// Like [`poll_piece`](Self::poll_piece), after [`poll_lane`](Self::poll_lane).
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn poll_hub(&mut self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        match self.reader.progress.phase {
            Phase::Reading => {}
            Phase::Filtering => {
                // The filter panicked. Its events are lost, and continuing would hide that.
                self.reader.progress.phase = Phase::Ended;
                return Poll::Ready(None);
            }
            Phase::Ended => return Poll::Ready(None),
        }
        match self.reader.step(&self.shared, cx.waker()) {
            Step::Parked => Poll::Pending,
            Step::Gap(reason, mark) => Poll::Ready(Some(self.gap(reason, mark))),
            Step::End(ending) => Poll::Ready(self.end(ending)),
            Step::Piece(bytes) => Poll::Ready(Some(bytes)),
            Step::Pieces(pieces) => Poll::Ready(join(pieces)),
            Step::Unfiltered(events) => {
                // Set before the filter is called and reset after it, so that a panic leaves it
                // set.
                self.reader.progress.phase = Phase::Filtering;
                let kept = self.reader.filter(&self.shared, events);
                self.reader.progress.phase = Phase::Reading;
                if kept.is_some() {
                    return Poll::Ready(kept);
                }
                // No event passed the filter. There may be more, but a poll does a bounded amount of work.
                // If it parked under the same lock, the next change wakes it; if not, it must be
                // polled again.
                if !self.reader.is_parked(&self.shared, cx.waker()) {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    /// Returns the block that reports the gap.
    ///
    /// Cold, like `end`: inlined into `poll_piece`, the reports would cost each delivery 3 % of its
    /// instructions.
    #[cold]
    fn gap(&mut self, reason: GapReason, mark: Mark) -> Bytes {
        let topics = self.topics();
        if reason == GapReason::Lagged {
            trace::lagged(topics.iter());
        }
        trace::gap(topics.iter(), reason.as_str());
        let gap = Gap::new(reason, self.shared.ids.id(mark));
        self.notices().gap(&gap)
    }

    /// Ends, and returns the last block. Without an ending it has fallen behind.
    #[cold]
    fn end(&mut self, ending: Option<Ending>) -> Option<Bytes> {
        if ending.is_none() {
            trace::lagged(self.topics().iter());
        }
        // Without an ending it lagged and may go on in a log. The same holds for a hub that closed,
        // as a relay replaces its hub.
        self.reader.progress.left = ending.as_ref().is_none_or(Ending::of_closed_hub);
        self.reader.progress.phase = Phase::Ended;
        ending.and_then(|ending| ending.block(&self.shared.ids, self.notices()))
    }

    /// Returns a block with the client's position, if the position has moved since it was last sent. If a due
    /// event can carry it, the block is that event.
    pub(crate) fn moved(&mut self, due: Option<&Bytes>) -> Option<Bytes> {
        // A position that is not sent does not count as sent.
        if self.reader.progress.phase != Phase::Reading || !self.notices().sends_positions() {
            return None;
        }
        let id = self.reader.moved(&self.shared)?;
        self.notices().moved(id, due)
    }

    /// Returns the rest of the maximum lifetime, if there is one.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let ends_at = self.reader.options.ends_at()?;
        Some(ends_at.saturating_duration_since(self.shared.clock.now()))
    }

    /// Leaves the hub. Returns the panic of a waker that it woke, for the caller to resume.
    pub(crate) fn leave(&mut self) -> Result<(), Panic> {
        self.reader.progress.phase = Phase::Ended;
        // The stream leaves when it ends, and once more when it is dropped.
        if mem::replace(&mut self.reader.progress.is_out, true) {
            return Ok(());
        }
        let (waker, waiting) = {
            let mut state = lock(&self.shared.state);
            // Under one lock, so that nobody can subscribe between leaving and finding the hub
            // empty.
            (self.reader.leave(&mut state), state.take_last_left())
        };
        drop(waker);
        each(waiting.into_iter(), Waker::wake)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        resume(self.leave());
    }
}
