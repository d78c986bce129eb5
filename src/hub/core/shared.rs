use std::sync::{atomic, atomic::Ordering};

use crate::{
    base::{
        clock::Clock,
        panics::resume,
        sync::{AtomicU64, Mutex, lock},
    },
    history::scheme::Scheme,
    hub::{
        core::state::{State, Wake},
        notice::SharedNotices,
    },
};

/// State shared by a hub and its subscriptions.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// The number of changes that subscriptions must see, counted from one.
    pub(crate) changes: AtomicU64,
    /// Events that passed a filter. Counted here because filters run without the lock.
    pub(crate) filtered: AtomicU64,
    /// The number of handles. Dropping the last one closes the hub.
    ///
    /// Like an `Arc`'s counter, it only determines which drop is the last, so it is not explored for
    /// interleavings.
    pub(crate) handles: atomic::AtomicUsize,
    pub(crate) clock: Clock,
    /// The bounds have a maximum age, so the clock must be read.
    pub(crate) aged: bool,
    /// The maximum size of an event, in bytes.
    pub(crate) max_event: usize,
    /// The maximum memory of all topics together, in bytes.
    pub(crate) max_bytes: usize,
    pub(crate) ids: Scheme,
    pub(crate) notices: SharedNotices,
}

impl Shared {
    /// Changes the state, then wakes the subscriptions that must see the change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State, &mut Wake) -> T) -> T {
        let mut wake = Wake::default();
        let outcome = {
            let mut state = lock(&self.state);
            let outcome = change(&mut state, &mut wake);
            self.count_change();
            outcome
        };
        // The lock is released. Wakers run application code, which may call the hub.
        let over = wake.over;
        let woken = wake.wake(|| {
            let _state = lock(&self.state);
            self.count_change();
        });
        if let Some(topic) = over {
            // Evict the rest in further steps, taking the lock again for each.
            while lock(&self.state).trim(topic) {}
        }
        resume(woken);
        outcome
    }

    /// Counts a change. The caller holds the lock.
    #[inline]
    fn count_change(&self) {
        // Only the holder of the lock increments the counter, so load and store suffice. `Release` comes after
        // all changes that can be seen without the lock, such as hidden lanes.
        self.changes.store(self.changes.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Returns the time by which events age. Reads the clock only if there is a maximum age.
    pub(crate) fn now(&self) -> u64 {
        if self.aged { self.clock.nanos() } else { 0 }
    }
}
