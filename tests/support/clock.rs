//! A clock that a test moves by hand.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// A clock that is moved by hand, and by its clones a handle on it.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(crate) fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    /// Returns what tells its time.
    pub(crate) fn now(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let clock = self.clone();
        move || *clock.0.lock().unwrap()
    }
}
