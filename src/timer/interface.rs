use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// A resettable timer with its own clock.
///
/// Each value has at most one wait. A timer that is not armed, or that has elapsed and was not armed again,
/// stays pending.
///
/// Implementations must not fire early by their own clock: when [`poll_elapsed`](Self::poll_elapsed) is
/// ready, [`now`](Self::now) has advanced by at least the delay since [`arm`](Self::arm). No method may
/// block.
///
/// # Examples
///
/// A timer that reads the clock at each poll, for a loop that polls all the time:
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

    /// Sets the timer to elapse `delay` from now, replacing an earlier wait.
    ///
    /// Does not register a waker: call [`poll_elapsed`](Self::poll_elapsed) afterwards. If the clock cannot
    /// represent the delay, the timer waits as long as it can.
    fn arm(&mut self, delay: Duration);

    /// Polls for the end of the current wait, and registers the waker if it is pending.
    ///
    /// It is ready once for each [`arm`](Self::arm). Only the waker of the latest call is woken.
    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}
