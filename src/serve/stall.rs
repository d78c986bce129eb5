use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use crate::{
    base::trace::serve::slow_reader,
    timer::{interface::Timer, tokio::TokioTimer},
};

/// A limit on how long a peer may accept nothing. It uses a timer only while a write is pending.
#[derive(Debug)]
pub(super) struct Stall {
    timeout: Duration,
    timer: TokioTimer,
    armed: bool,
    /// Progress no longer restarts the time.
    last: bool,
}

impl Stall {
    pub(super) fn new(timeout: Duration) -> Self {
        Self { timeout, timer: TokioTimer::new(), armed: false, last: false }
    }

    /// Records that bytes were written or flushed.
    pub(super) fn progress(&mut self) {
        if self.armed && !self.last {
            *self = Self::new(self.timeout);
        }
    }

    /// Call it while a write is pending. Ready when it has been pending for too long.
    pub(super) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.armed {
            self.timer.arm(self.timeout);
            self.armed = true;
        }
        ready!(self.timer.poll_elapsed(cx));
        if !self.last {
            slow_reader(self.timeout);
        }
        Poll::Ready(())
    }

    /// Limits all that follows to [`LINGER`] in total.
    pub(super) fn linger(&mut self) {
        if !self.last {
            *self = Self { last: true, ..Self::new(self.timeout.min(LINGER)) };
        }
    }
}

/// How long the server waits for a peer when there is nothing left to send, or no time.
pub(super) const LINGER: Duration = Duration::from_secs(1);
