use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::{time, time::Sleep};

use crate::timer::interface::Timer;

/// A [`Timer`] on tokio's clock.
///
/// It is one pointer. While armed, it has one entry in the runtime's timer, in one allocation of the size of
/// tokio's `Sleep`; arming it again while it waits moves that entry. It follows a paused clock, so tests
/// under `tokio::time::pause` take no real time.
///
/// # Panics
///
/// Arming it outside a tokio runtime with time enabled panics, as every tokio timer does. Creating it does
/// not.
///
/// # Examples
///
/// ```
/// use std::{future::poll_fn, time::Duration};
///
/// use ssekit::timer::{Timer, TokioTimer};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let mut timer = TokioTimer::new();
/// let start = timer.now();
/// timer.arm(Duration::from_secs(15));
/// poll_fn(|cx| timer.poll_elapsed(cx)).await;
/// assert_eq!((timer.now() - start).as_secs(), 15);
/// # }
/// ```
#[derive(Default)]
pub struct TokioTimer {
    /// `None` while the timer is not armed.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl TokioTimer {
    /// Creates a timer that is not armed. Costs nothing until it is.
    ///
    /// # Examples
    ///
    /// ```
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # #[cfg(feature = "tokio")]
    /// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
    /// use std::{future::poll_fn, time::Duration};
    /// use ssekit::timer::{Timer, TokioTimer};
    ///
    /// let mut timer = TokioTimer::new();
    /// let start = timer.now();
    /// timer.arm(Duration::from_secs(1));
    /// poll_fn(|cx| timer.poll_elapsed(cx)).await;
    /// assert!(timer.now() - start >= Duration::from_secs(1));
    /// # });
    /// ```
    pub const fn new() -> Self {
        Self { sleep: None }
    }

    pub(super) fn is_armed(&self) -> bool {
        self.sleep.is_some()
    }
}

impl Timer for TokioTimer {
    fn now(&self) -> Instant {
        time::Instant::now().into_std()
    }

    fn arm(&mut self, delay: Duration) {
        match &mut self.sleep {
            Some(sleep) => {
                let now = time::Instant::now();
                sleep.as_mut().reset(now.checked_add(delay).unwrap_or_else(|| now + FAR));
            }
            None => self.sleep = Some(Box::pin(time::sleep(delay))),
        }
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) => {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
                Poll::Ready(())
            }
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for TokioTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioTimer").field("armed", &self.sleep.is_some()).finish()
    }
}

/// Thirty years, which tokio also uses for a delay that its clock cannot represent.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);
