//! The locks and counters in use: std's, or loom's where interleavings are explored.

#[cfg(not(ssekit_loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(ssekit_loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard, atomic::AtomicU64};

use std::sync::PoisonError;

/// Locks, whatever happened under the lock before: no code of a caller runs there.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
