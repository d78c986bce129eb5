//! A clock that moves only when a test says so.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use ssekit::timer::Timer;

/// Where the timers made from it get their time.
#[derive(Clone)]
pub(crate) struct ManualClock(Arc<Mutex<State>>);

struct State {
    now: Instant,
    wakers: Vec<Waker>,
}

/// A timer on a manual clock.
pub(crate) struct ManualTimer {
    clock: ManualClock,
    until: Option<Instant>,
}

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { now: Instant::now(), wakers: Vec::new() })))
    }

    pub(crate) fn timer(&self) -> ManualTimer {
        ManualTimer { clock: self.clone(), until: None }
    }

    pub(crate) fn advance(&self, time: Duration) {
        let mut state = self.0.lock().unwrap();
        state.now += time;
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Instant {
        self.clock.0.lock().unwrap().now
    }

    fn arm(&mut self, delay: Duration) {
        self.until = Some(self.now() + delay);
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.0.lock().unwrap();
        if self.until.is_some_and(|until| until <= state.now) {
            self.until = None;
            return Poll::Ready(());
        }
        state.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}
