use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::time::{self, Sleep};

use super::Timer;

/// A [`Timer`] on tokio's clock.
///
/// It takes one entry in the runtime's timer, made when it is first armed. It follows a paused clock, so tests
/// under `tokio::time::pause` need no real time.
///
/// # Panics
///
/// Arming or polling it outside a tokio runtime with time enabled panics, as every tokio timer does.
#[derive(Default)]
pub struct TokioTimer {
    sleep: Option<Pin<Box<Sleep>>>,
    armed: bool,
}

impl TokioTimer {
    /// Creates a timer that is not armed. Costs nothing until it is.
    pub const fn new() -> Self {
        Self { sleep: None, armed: false }
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
                let far = now + Duration::from_secs(86_400 * 365 * 30);
                sleep.as_mut().reset(now.checked_add(delay).unwrap_or(far));
            }
            None => self.sleep = Some(Box::pin(time::sleep(delay))),
        }
        self.armed = true;
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if self.armed => {
                std::task::ready!(sleep.as_mut().poll(cx));
                self.armed = false;
                Poll::Ready(())
            }
            _ => Poll::Pending,
        }
    }
}

impl fmt::Debug for TokioTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokioTimer").field("armed", &self.armed).finish_non_exhaustive()
    }
}
