//! Waiting, without naming a runtime.
//!
//! The crate needs time in two places: a keep-alive that waits for silence, and a client that waits before it
//! reestablishes a connection. Both take a [`Timer`], so that they run on any runtime and, in tests, on none.

mod alarm;
#[cfg(feature = "tokio")]
mod tokio;

use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

pub(crate) use self::alarm::Alarm;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use self::tokio::TokioTimer;

/// A resettable timer with its own clock.
///
/// One value is one timer: at most one wait is set at a time. A timer that has not been armed, or that has
/// elapsed and was not armed again, stays pending.
///
/// Implementations must not fire early by their own clock: when [`poll_elapsed`](Self::poll_elapsed) is ready,
/// [`now`](Self::now) has moved by at least the delay since [`arm`](Self::arm). None of the methods may block.
///
/// # Examples
///
/// A timer that reads the clock whenever it is polled, for a loop that polls all the time:
///
/// ```
/// use std::task::{Context, Poll, Waker};
/// use std::time::{Duration, Instant};
///
/// use ssekit::timer::Timer;
///
/// #[derive(Default)]
/// struct Polled {
///     deadline: Option<Instant>,
/// }
///
/// impl Timer for Polled {
///     fn now(&self) -> Instant {
///         Instant::now()
///     }
///
///     fn arm(&mut self, delay: Duration) {
///         self.deadline = self.now().checked_add(delay);
///     }
///
///     fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
///         match self.deadline.take_if(|deadline| *deadline <= Instant::now()) {
///             Some(_) => Poll::Ready(()),
///             None => Poll::Pending, // nobody is woken: the loop comes back by itself
///         }
///     }
/// }
///
/// let mut timer = Polled::default();
/// let cx = &mut Context::from_waker(Waker::noop());
/// assert!(timer.poll_elapsed(cx).is_pending());
/// timer.arm(Duration::ZERO);
/// assert!(timer.poll_elapsed(cx).is_ready());
/// assert!(timer.poll_elapsed(cx).is_pending());
/// ```
pub trait Timer {
    /// Returns the present instant by this timer's clock, which never goes backwards.
    fn now(&self) -> Instant;

    /// Sets the timer to elapse `delay` from now, replacing what was set before.
    ///
    /// It wakes nobody by itself: call [`poll_elapsed`](Self::poll_elapsed) afterwards. A delay that the clock
    /// cannot express is as long as the timer can wait.
    fn arm(&mut self, delay: Duration);

    /// Polls for the end of the wait that was set last, and registers the waker if it is still to come.
    ///
    /// It is ready once for each [`arm`](Self::arm). Only the waker of the latest call is woken.
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}
