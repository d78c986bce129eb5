//! Polling by hand what is known to be ready.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Returns what a future yields at its first poll.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future was to be ready and is not"),
    }
}
