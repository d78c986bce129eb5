//! The durable entries within the bounds, which readers can see.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::relay::disk::segment::Segment;

#[derive(Debug)]
pub(super) struct Index {
    /// In order, and at least one. Each begins where the previous one ends.
    pub(super) segments: VecDeque<Segment>,
}

/// A part of a file to read.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) path: Arc<Path>,
    pub(super) first: u64,
    pub(super) at: u64,
    pub(super) end: u64,
}

impl Index {
    pub(super) fn first(&self) -> u64 {
        self.segments.front().map_or(1, |segment| segment.first)
    }

    pub(super) fn next(&self) -> u64 {
        self.segments.back().map_or(1, |segment| segment.next)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Returns the part of a file that contains an entry, or `None` if the log does not hold it.
    pub(super) fn piece(&self, number: u64) -> Option<Piece> {
        // The segments follow each other without a hole, so that at most one has the number.
        let at = self.segments.partition_point(|segment| segment.next <= number);
        let segment = self.segments.get(at).filter(|segment| segment.first <= number)?;
        Some(Piece {
            path: Arc::clone(&segment.path),
            first: segment.first,
            at: segment.near(number),
            end: segment.bytes,
        })
    }
}

/// State shared by the writing thread and the readers.
#[derive(Debug)]
pub(super) struct Shared {
    index: Mutex<Index>,
    /// The number after that of the newest durable entry. Closed when the writing thread has ended.
    pub(super) next: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(index: Index) -> Self {
        Self { next: watch::Sender::new(index.next()), index: Mutex::new(index) }
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
