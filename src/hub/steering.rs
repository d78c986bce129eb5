use std::{
    mem,
    task::{Context, Waker},
};

use crate::{
    base::sync::{Mutex, lock},
    hub::end::End,
};

/// The requests of a stream's handles.
///
/// A change of topics applies to all that is read after the call. A reader looks here while it holds the
/// hub's lock, before it reads: an event that is published after the call is read after it, by a reader that
/// has applied the change.
#[derive(Debug, Default)]
pub(crate) struct Steering(Mutex<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    end: Option<End>,
    changes: Vec<Change>,
    /// The stream has ended.
    is_over: bool,
    /// The task that polls the stream.
    waker: Option<Waker>,
}

/// A change of a stream's topics.
#[derive(Debug)]
pub(crate) enum Change {
    Add(Vec<String>),
    Remove(Vec<String>),
}

impl Steering {
    /// Changes the topics, unless the stream has ended.
    pub(super) fn change(&self, change: Change) {
        let waker = {
            let mut wanted = lock(&self.0);
            if wanted.is_over {
                return;
            }
            wanted.changes.push(change);
            wanted.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn has_changes(&self) -> bool {
        !lock(&self.0).changes.is_empty()
    }

    /// Takes the changes, in their order.
    pub(crate) fn take_changes(&self) -> Vec<Change> {
        mem::take(&mut lock(&self.0).changes)
    }

    /// Ends the stream. Only the first call has an effect.
    pub(super) fn end(&self, end: End) {
        let waker = {
            let mut wanted = lock(&self.0);
            wanted.end.get_or_insert(end);
            wanted.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Returns the end that is wanted, or wakes the task once there is one.
    pub(super) fn poll_end(&self, cx: &Context<'_>) -> Option<End> {
        let (end, replaced) = {
            let mut wanted = lock(&self.0);
            // Fast path: most streams are polled by one task for their whole life.
            let is_same = wanted.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            let replaced = if is_same { None } else { wanted.waker.replace(cx.waker().clone()) };
            // Registered before this is read, under one lock, so that an end that comes later wakes
            // the task.
            (wanted.end.take(), replaced)
        };
        // Wakers are application code, which does not run under the lock.
        drop(replaced);
        end
    }

    pub(super) fn is_over(&self) -> bool {
        lock(&self.0).is_over
    }

    /// Records that the stream has ended.
    pub(super) fn set_over(&self) {
        let waker = {
            let mut wanted = lock(&self.0);
            wanted.is_over = true;
            wanted.waker.take()
        };
        drop(waker);
    }
}
