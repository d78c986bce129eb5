//! Polling by hand.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Returns what a future yields at its first poll, if it does.
pub(crate) fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Returns what a future yields that is known to be ready.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    now(future).expect("a future was to be ready")
}
