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
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    #[cfg(feature = "tokio")]
    timer: TokioTimer,
    /// The task is woken by other means, or nothing can wake it.
    #[cfg(feature = "tokio")]
    is_off: bool,
}

#[cfg(feature = "tokio")]
impl Alarm {
    fn switch_off(&mut self) {
        *self = Self { timer: TokioTimer::new(), is_off: true };
    }

    /// Wakes the task after this time. Does not move a wake-up that is already set.
    ///
    /// Does nothing outside a runtime, and in one without time, so that a stream polled there behaves as
    /// without the feature.
    pub(crate) fn wake_after(&mut self, time: Duration, cx: &mut Context<'_>) {
        if self.is_off {
            return;
        }
        if !self.timer.is_armed() {
            if Handle::try_current().is_err() {
                return;
            }
            // The only way to find out whether the runtime has time is that this panics if not. It panics before it
            // changes anything, and once for each stream, which then continues without an alarm.
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
    pub(crate) fn wake_after(&mut self, _: Duration, _: &mut Context<'_>) {}
}
