//! What cannot be avoided: each subscriber's task must be woken and polled. These do nothing then.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, task::AtomicWaker};

use super::{Fanout, Message};

pub(super) struct Wake {
    published: Arc<AtomicU64>,
    wakers: Vec<Arc<AtomicWaker>>,
}

pub(super) struct Woken {
    published: Arc<AtomicU64>,
    seen: u64,
    waker: Arc<AtomicWaker>,
}

impl Fanout for Wake {
    const NAME: &'static str = "wake and poll";

    type Subscriber = Woken;

    fn new(subscribers: usize, _: usize) -> (Self, Vec<Woken>) {
        let published = Arc::<AtomicU64>::default();
        let wakers: Vec<Arc<AtomicWaker>> = (0..subscribers).map(|_| Arc::default()).collect();
        let woken = wakers.iter().map(|waker| Woken {
            published: Arc::clone(&published),
            seen: 0,
            waker: Arc::clone(waker),
        });
        let woken = woken.collect();
        (Self { published, wakers }, woken)
    }

    fn publish(&self, _: &[Message]) -> usize {
        self.published.fetch_add(1, Relaxed);
        for waker in &self.wakers {
            waker.wake();
        }
        1
    }
}

impl Stream for Woken {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.published.load(Relaxed) == self.seen {
            self.waker.register(cx.waker());
        }
        // What was published before it was registered has not woken it.
        let published = self.published.load(Relaxed);
        if published == self.seen {
            return Poll::Pending;
        }
        self.seen = published;
        Poll::Ready(Some(Bytes::from_static(b"\n")))
    }
}
