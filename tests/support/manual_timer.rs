//! A timer that a test moves by hand, and that counts what is asked of it.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use ssekit::timer::Timer;

/// A timer, and by its clones a handle on it.
#[derive(Clone, Debug)]
pub(crate) struct ManualTimer(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Instant,
    deadline: Option<Instant>,
    waker: Option<Waker>,
    counts: Counts,
}

/// How often each method was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) clock_reads: usize,
    pub(crate) arms: usize,
    pub(crate) polls: usize,
}

impl ManualTimer {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            now: Instant::now(),
            deadline: None,
            waker: None,
            counts: Counts::default(),
        })))
    }

    /// Moves the clock, and wakes who waits if the deadline has come.
    pub(crate) fn advance(&self, time: Duration) {
        let mut state = self.0.lock().unwrap();
        state.now += time;
        if state.deadline.is_some_and(|deadline| deadline <= state.now) {
            let waker = state.waker.take();
            drop(state);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    #[allow(dead_code, reason = "not every test counts")]
    pub(crate) fn counts(&self) -> Counts {
        self.0.lock().unwrap().counts
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Instant {
        let mut state = self.0.lock().unwrap();
        state.counts.clock_reads += 1;
        state.now
    }

    fn arm(&mut self, delay: Duration) {
        let mut state = self.0.lock().unwrap();
        state.counts.arms += 1;
        state.deadline = Some(state.now + delay);
        state.waker = None;
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap();
        state.counts.polls += 1;
        let now = state.now;
        if state.deadline.take_if(|deadline| *deadline <= now).is_some() {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
