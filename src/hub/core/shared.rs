use std::{
    sync::{atomic, atomic::Ordering},
    time::Duration,
};

use crate::{
    base::{
        clock::Clock,
        sync::{AtomicU64, Mutex, lock},
    },
    history::scheme::Scheme,
    hub::{
        core::{
            state::{State, Wake},
            wake::resume,
        },
        notice::Notices,
    },
};

/// What a hub and its subscriptions have in common.
pub(crate) struct Shared {
    pub(crate) state: Mutex<State>,
    /// Counts, from one, how often the state has changed in a way that subscriptions must see.
    pub(crate) changes: AtomicU64,
    /// Events that passed a filter, counted apart because filters run without the lock.
    pub(crate) filtered: AtomicU64,
    /// How many handles there are. The last one that is dropped closes the hub.
    ///
    /// As with an `Arc`'s counter, only that matters, so it is not among what is explored for interleavings.
    pub(crate) handles: atomic::AtomicUsize,
    pub(crate) clock: Clock,
    /// Whether the age of events matters, so that the clock must be read.
    pub(crate) aged: bool,
    /// The greatest event, in bytes.
    pub(crate) max_event: usize,
    /// What all topics may take together, in bytes.
    pub(crate) max_bytes: usize,
    pub(crate) ids: Scheme,
    pub(crate) notices: Notices,
    pub(crate) retry: Option<Duration>,
}

impl Shared {
    /// Changes the state, and wakes those that are to see it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State, &mut Wake) -> T) -> T {
        let mut wake = Wake::default();
        let outcome = {
            let mut state = lock(&self.state);
            let outcome = change(&mut state, &mut wake);
            // Only whoever holds the lock counts, once all has changed that can be seen without it.
            self.changes.store(self.changes.load(Ordering::Relaxed) + 1, Ordering::Release);
            outcome
        };
        let over = wake.over;
        let (crowd, woken) = wake.wake();
        if let Some((topic, crowd)) = crowd {
            let unwanted = lock(&self.state).topics.put_back(topic, crowd);
            drop(unwanted);
        }
        if let Some(topic) = over {
            // What has to go for an event beyond the first step, with the lock taken anew for each.
            while lock(&self.state).trim(topic) {}
        }
        resume(woken);
        outcome
    }

    /// Returns the time by which events age, which is not read if none do.
    pub(crate) fn now(&self) -> u64 {
        if self.aged { self.clock.nanos() } else { 0 }
    }
}
