use std::{
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{history::position::Position, hub::handle::Hub};

/// A hub with the newest part of the log, in one state of the log.
///
/// If the log turns out to be another one, or in an older state, everything read from it is in doubt: the hub
/// is closed, and a new generation replaces it.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) hub: Hub,
    /// The newest entries that the hub was fed, both events and marks, without a gap.
    tailed: Mutex<Tailed>,
    /// The number of entries to keep.
    max_tailed: usize,
    /// The log had removed nothing when the hub began to be filled from it.
    whole: AtomicBool,
}

/// Entries in order: their positions, and their sizes in bytes.
#[derive(Debug, Default)]
struct Tailed {
    positions: VecDeque<Position>,
    sizes: VecDeque<u32>,
}

impl Generation {
    pub(super) fn new(hub: Hub, max_tailed: usize) -> Self {
        // Keep at least the newest, which shows whether the log is still the same.
        Self { hub, tailed: Mutex::default(), max_tailed: max_tailed.max(1), whole: AtomicBool::new(false) }
    }

    /// Records whether the hub is filled from the beginning of the log.
    pub(super) fn set_whole(&self, whole: bool) {
        self.whole.store(whole, Ordering::Release);
    }

    /// Returns whether the hub was filled from the beginning of the log. It may have lost events since.
    pub(super) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }

    /// Records entries that the hub was fed.
    pub(super) fn note(&self, entries: impl IntoIterator<Item = (Position, usize)>) {
        let mut tailed = self.lock();
        let Tailed { positions, sizes } = &mut *tailed;
        for (position, size) in entries {
            debug_assert!(
                positions.back().is_none_or(|last| *last < position),
                "positions are noted in order"
            );
            positions.push_back(position);
            sizes.push_back(u32::try_from(size).unwrap_or(u32::MAX));
        }
        // Both lose as many, so an index into one is an index into the other.
        let surplus = positions.len().saturating_sub(self.max_tailed);
        positions.drain(..surplus);
        sizes.drain(..surplus);
    }

    /// Returns how many entries after this position fit into this many bytes, at least one if there is one.
    /// Returns `None` if that is not known.
    pub(super) fn fitting(&self, after: Position, bytes: usize) -> Option<usize> {
        let tailed = self.lock();
        // The sizes after a position that is not remembered are unknown; the caller then
        // estimates.
        let next = tailed.positions.binary_search(&after).ok()? + 1;
        let mut left = bytes;
        let fits = tailed.sizes.range(next..).take_while(|size| {
            let fits = left.checked_sub(**size as usize);
            left = fits.unwrap_or(0);
            fits.is_some()
        });
        // An entry that is larger than a page is a page of its own, or its reader would never get
        // past it.
        let fitting = fits.count().max(1).min(tailed.sizes.len() - next);
        (fitting > 0).then_some(fitting)
    }

    /// Returns whether the entry at this position is among the newest that the hub was fed.
    ///
    /// If so, the hub continues from it in the same state of the log. The log itself may no longer hold the
    /// entry, or later entries that the hub has evicted.
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
