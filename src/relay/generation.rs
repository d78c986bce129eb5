use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{history::position::Position, hub::handle::Hub};

/// A hub that holds the newest part of one state of the log.
///
/// When the log turns out to be another one, or in an older state, all that was read of it is in doubt: the hub ends
/// and another takes its place.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) hub: Hub,
    /// The newest entries that the hub was fed, events and marks, without a gap.
    tailed: Mutex<Tailed>,
    /// How many of them are kept.
    max_tailed: usize,
}

/// Entries in order: where each stands, and how many bytes it takes.
#[derive(Debug, Default)]
struct Tailed {
    positions: VecDeque<Position>,
    sizes: VecDeque<u32>,
}

impl Generation {
    pub(super) fn new(hub: Hub, max_tailed: usize) -> Self {
        // The newest one is needed, to know whether the log is still the same.
        Self { hub, tailed: Mutex::default(), max_tailed: max_tailed.max(1) }
    }

    /// Notes entries that the hub has been fed.
    pub(super) fn note(&self, entries: impl IntoIterator<Item = (Position, usize)>) {
        let mut tailed = self.lock();
        let Tailed { positions, sizes } = &mut *tailed;
        for (position, size) in entries {
            positions.push_back(position);
            sizes.push_back(u32::try_from(size).unwrap_or(u32::MAX));
        }
        let surplus = positions.len().saturating_sub(self.max_tailed);
        positions.drain(..surplus);
        sizes.drain(..surplus);
    }

    /// Returns how many entries after this position fit into so many bytes, at least one if there is one. `None` if
    /// it is not known.
    pub(super) fn fitting(&self, after: Position, bytes: usize) -> Option<usize> {
        let tailed = self.lock();
        let next = tailed.positions.binary_search(&after).ok()? + 1;
        let mut left = bytes;
        let fits = tailed.sizes.range(next..).take_while(|size| {
            let fits = left.checked_sub(**size as usize);
            left = fits.unwrap_or(0);
            fits.is_some()
        });
        let fitting = fits.count().max(1).min(tailed.sizes.len() - next);
        (fitting > 0).then_some(fitting)
    }

    /// Returns whether an entry at this position is among the newest that the hub was fed.
    ///
    /// If so, the hub goes on from it in the same state of the log in which it stands. It does not say that the log
    /// still holds the entry, or anything after it that the hub has let go of.
    pub(super) fn has_tailed(&self, position: Position) -> bool {
        self.lock().positions.binary_search(&position).is_ok()
    }

    /// Returns the position of the newest entry that the hub was fed.
    pub(super) fn last(&self) -> Option<Position> {
        self.lock().positions.back().copied()
    }

    fn lock(&self) -> MutexGuard<'_, Tailed> {
        self.tailed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
