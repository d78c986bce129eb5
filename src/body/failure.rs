//! Holds back an error until the data before it has been sent.
//!
//! When a stack receives an error, it drops its buffered data: hyper discards its write buffer (HTTP/1.1), or
//! resets the stream with all queued frames (HTTP/2), including the response's head. So a last comment is
//! sent before the error. Stacks write in order, so once they drop the comment, everything before it has left
//! their queues.

use std::{
    io,
    mem::take,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;

pub(super) struct Failure {
    /// `None` once the stack has received it.
    error: Option<io::Error>,
    stage: Stage,
    marker: Arc<Mutex<Marked>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// The last comment is still to be sent.
    Due,
    /// The stack has the last comment.
    Queued,
    /// The stack has dropped it, and was polled once more, so it could flush a copy.
    Flushed,
}

/// State shared with the last comment, which sets it when it is dropped.
#[derive(Default)]
struct Marked {
    is_gone: bool,
    waker: Option<Waker>,
}

impl Failure {
    pub(super) fn new(error: io::Error) -> Self {
        Self { error: Some(error), stage: Stage::Due, marker: Arc::default() }
    }

    /// Returns the last comment, then the error once the stack has sent the comment, then `None`.
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
            // A stack that copies the comment drops it at once. It flushes the copy when the body is pending.
            self.stage = Stage::Flushed;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.error.take().map(Err))
    }

    /// Returns the number of items left.
    pub(super) fn remaining(&self) -> usize {
        usize::from(self.stage == Stage::Due) + usize::from(self.error.is_some())
    }
}

/// A comment that reports when the stack drops it.
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
        // The stack polls the body again, which takes the lock, so release it first.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
