//! An error that waits for what was sent before it.
//!
//! A stack that is given an error drops what it still buffers: hyper discards its write buffer (HTTP/1.1) or resets
//! the stream with all frames that are queued (HTTP/2), the head of the response included. So before the error comes
//! a last comment. Stacks write in order, so once they let go of it, everything before it has left their queues.

use std::{
    io,
    mem::take,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

pub(super) struct Failure {
    /// `None` once it has been given to the stack.
    error: Option<io::Error>,
    stage: Stage,
    marker: Arc<Mutex<Marked>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// The last comment is still to be given.
    Due,
    /// The stack has the last comment.
    Queued,
    /// The stack has let go of it, and had a turn to flush what it may have copied.
    Flushed,
}

/// What the last comment tells the body when it is dropped.
#[derive(Default)]
struct Marked {
    is_gone: bool,
    waker: Option<Waker>,
}

impl Failure {
    pub(super) fn new(error: io::Error) -> Self {
        Self { error: Some(error), stage: Stage::Due, marker: Arc::default() }
    }

    /// Returns the last comment, and the error once the stack has sent that. Then there is nothing more.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.stage == Stage::Due {
            self.stage = Stage::Queued;
            return Poll::Ready(Some(Ok(Bytes::from_owner(Marker(Arc::clone(&self.marker))))));
        }
        if self.stage == Stage::Queued {
            let mut marked = self.marker.lock().unwrap_or_else(PoisonError::into_inner);
            if !marked.is_gone {
                marked.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            // A stack that copies what it is given lets go of it at once. It flushes the copy when there is nothing
            // more for the moment.
            self.stage = Stage::Flushed;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.error.take().map(Err))
    }

    /// Returns how many items are still to come.
    pub(super) fn remaining(&self) -> usize {
        usize::from(self.stage == Stage::Due) + usize::from(self.error.is_some())
    }
}

/// A comment of which it is known when the stack drops it.
struct Marker(Arc<Mutex<Marked>>);

impl AsRef<[u8]> for Marker {
    fn as_ref(&self) -> &[u8] {
        b":\n"
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        let mut marked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marked.is_gone = true;
        let waker = take(&mut marked.waker);
        drop(marked);
        // The stack polls the body again, which is behind the lock by now.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
