//! A stream that a test fills by hand, and that a reader must not poll after its end.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;

/// The stream, to be given away.
#[derive(Debug)]
pub(crate) struct Feed<I>(Arc<Mutex<State<I>>>);

/// The handle that stays with the test.
pub(crate) struct Feeder<I>(Arc<Mutex<State<I>>>);

#[derive(Debug)]
struct State<I> {
    items: VecDeque<I>,
    ended: bool,
    polled_to_end: bool,
    waker: Option<Waker>,
}

pub(crate) fn feed<I>() -> (Feeder<I>, Feed<I>) {
    let state = State { items: VecDeque::new(), ended: false, polled_to_end: false, waker: None };
    let state = Arc::new(Mutex::new(state));
    (Feeder(state.clone()), Feed(state))
}

impl<I> Feeder<I> {
    pub(crate) fn push(&self, item: I) {
        self.change(|state| state.items.push_back(item));
    }

    pub(crate) fn end(&self) {
        self.change(|state| state.ended = true);
    }

    fn change(&self, change: impl FnOnce(&mut State<I>)) {
        let mut state = self.0.lock().unwrap();
        change(&mut state);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<I> Stream for Feed<I> {
    type Item = I;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I>> {
        let mut state = self.0.lock().unwrap();
        assert!(!state.polled_to_end, "polled after the end");
        if let Some(item) = state.items.pop_front() {
            return Poll::Ready(Some(item));
        }
        if state.ended {
            state.polled_to_end = true;
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let state = self.0.lock().unwrap();
        (state.items.len(), state.ended.then_some(state.items.len()))
    }
}
