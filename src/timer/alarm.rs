#[cfg(feature = "tokio")]
use std::panic::AssertUnwindSafe;
#[cfg(feature = "tokio")]
use std::panic::catch_unwind;
use std::{task::Context, time::Duration};

#[cfg(feature = "tokio")]
use tokio::runtime::Handle;

#[cfg(feature = "tokio")]
use crate::timer::interface::Timer;
#[cfg(feature = "tokio")]
use crate::timer::tokio::TokioTimer;

/// Wakes the task of a stream at the end of its lifetime, if there is a runtime to do so.
///
/// It takes one pointer and a flag, and nothing without the feature `tokio`.
#[derive(Debug)]
pub(crate) struct Alarm {
    #[cfg(feature = "tokio")]
    timer: TokioTimer,
    /// Whether somebody else wakes the task, or nothing can.
    #[cfg(feature = "tokio")]
    is_off: bool,
}

#[cfg(feature = "tokio")]
impl Alarm {
    pub(crate) const fn new() -> Self {
        Self { timer: TokioTimer::new(), is_off: false }
    }

    pub(crate) fn switch_off(&mut self) {
        *self = Self { timer: TokioTimer::new(), is_off: true };
    }

    /// Wakes the task after this time. Does not move a wake-up that is already set.
    ///
    /// Outside of a runtime, and in one without time, it does nothing, so that a stream which is polled there works as
    /// it does without the feature.
    pub(crate) fn wake_after(&mut self, time: Duration, cx: &mut Context<'_>) {
        if self.is_off {
            return;
        }
        if !self.timer.is_armed() {
            if Handle::try_current().is_err() {
                return;
            }
            // Nothing tells whether the runtime has time but that this panics if it has not. It does so before it
            // changes anything, and once for each stream, which goes on without an alarm.
            if catch_unwind(AssertUnwindSafe(|| self.timer.arm(time))).is_err() {
                return self.switch_off();
            }
        }
        if self.timer.poll_elapsed(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(not(feature = "tokio"))]
impl Alarm {
    pub(crate) const fn new() -> Self {
        Self {}
    }

    pub(crate) fn switch_off(&mut self) {}

    pub(crate) fn wake_after(&mut self, _: Duration, _: &mut Context<'_>) {}
}
