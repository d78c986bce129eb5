//! Locks and counters: std's, or loom's when interleavings are explored.

#[cfg(not(ssekit_loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(ssekit_loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic::AtomicU64};

use std::sync::PoisonError;

/// Locks a mutex, even if it is poisoned: no application code runs under it, so its state is consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
