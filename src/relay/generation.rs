use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::{Hub, replay::log::Position};

/// A hub that holds the newest part of one state of the log.
///
/// When the log turns out to be another one, or in an older state, all that was read of it is in doubt: the hub ends
/// and another takes its place.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) hub: Hub,
    /// The positions of the newest entries that the hub was fed, events and marks, without a gap.
    tailed: Mutex<VecDeque<Position>>,
    /// How many positions are kept.
    max_tailed: usize,
}

impl Generation {
    pub(super) fn new(hub: Hub, max_tailed: usize) -> Self {
        // The newest one is needed, to know whether the log is still the same.
        Self { hub, tailed: Mutex::default(), max_tailed: max_tailed.max(1) }
    }

    /// Notes entries that the hub has been fed.
    pub(super) fn note(&self, positions: impl IntoIterator<Item = Position>) {
        let mut tailed = self.tailed.lock().unwrap_or_else(PoisonError::into_inner);
        tailed.extend(positions);
        let surplus = tailed.len().saturating_sub(self.max_tailed);
        tailed.drain(..surplus);
    }

    /// Returns whether an entry at this position is among the newest that the hub was fed.
    ///
    /// If so, the hub goes on from it in the same state of the log in which it stands. It does not say that the log
    /// still holds the entry, or anything after it that the hub has let go of.
    pub(super) fn has_tailed(&self, position: Position) -> bool {
        self.tailed.lock().unwrap_or_else(PoisonError::into_inner).binary_search(&position).is_ok()
    }

    /// Returns the position of the newest entry that the hub was fed.
    pub(super) fn last(&self) -> Option<Position> {
        self.tailed.lock().unwrap_or_else(PoisonError::into_inner).back().copied()
    }
}
