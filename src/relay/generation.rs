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
}

impl Generation {
    pub(super) fn new(hub: Hub) -> Self {
        Self { hub, tailed: Mutex::default() }
    }

    /// Notes entries that the hub has been fed.
    pub(super) fn note(&self, positions: impl IntoIterator<Item = Position>) {
        let mut tailed = self.tailed.lock().unwrap_or_else(PoisonError::into_inner);
        tailed.extend(positions);
        let surplus = tailed.len().saturating_sub(MAX_TAILED);
        tailed.drain(..surplus);
    }

    /// Returns whether an entry at this position is among the newest that the hub was fed.
    ///
    /// If so, the hub goes on from it in the same state of the log in which it stands.
    pub(super) fn has_tailed(&self, position: Position) -> bool {
        self.tailed.lock().unwrap_or_else(PoisonError::into_inner).binary_search(&position).is_ok()
    }

    /// Returns the position of the newest entry that the hub was fed.
    pub(super) fn last(&self) -> Option<Position> {
        self.tailed.lock().unwrap_or_else(PoisonError::into_inner).back().copied()
    }
}

/// One megabyte of positions.
const MAX_TAILED: usize = 1 << 16;
