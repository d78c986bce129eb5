//! Locks and counters: std's, or loom's when interleavings are explored.

#[cfg(not(ssekit_loom))]
pub(crate) use std::sync::Arc;
#[cfg(not(ssekit_loom))]
pub(crate) use std::sync::Mutex;
#[cfg(not(ssekit_loom))]
pub(crate) use std::sync::MutexGuard;
use std::sync::PoisonError;
#[cfg(not(ssekit_loom))]
pub(crate) use std::sync::atomic::AtomicU64;

#[cfg(ssekit_loom)]
pub(crate) use loom::sync::Arc;
#[cfg(ssekit_loom)]
pub(crate) use loom::sync::Mutex;
#[cfg(ssekit_loom)]
pub(crate) use loom::sync::MutexGuard;
#[cfg(ssekit_loom)]
pub(crate) use loom::sync::atomic::AtomicU64;

/// Locks a mutex, even if it is poisoned: no application code runs under it, so its state is consistent.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
