use std::cell::Cell;

use futures_util::StreamExt;
use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
};

use super::{CAPACITY, Fanout, Message};
use crate::measure::Contender;

/// Subscribers on one thread, and their publisher.
pub(super) struct Crowd<F: Fanout> {
    runtime: Runtime,
    fanout: F,
    messages: Vec<Message>,
    subscribers: usize,
    bursts: usize,
}

thread_local! {
    /// Bytes that subscribers of this thread have got.
    static RECEIVED: Cell<usize> = const { Cell::new(0) };
}

impl<F: Fanout> Crowd<F> {
    pub(super) fn new(subscribers: usize, burst: usize, bursts: usize, text: &'static str) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        let (fanout, streams) = F::new(subscribers, CAPACITY);
        for stream in streams {
            runtime.spawn(receive(stream));
        }
        // What a stream begins with is not counted.
        runtime.block_on(settle());
        Self { runtime, fanout, messages: Message::sequence(burst, text), subscribers, bursts }
    }
}

impl<F: Fanout> Contender for Crowd<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn run(&mut self) -> u64 {
        self.runtime.block_on(async {
            let mut expected = received();
            for _ in 0..self.bursts {
                expected += self.fanout.publish(&self.messages) * self.subscribers;
                while received() < expected {
                    yield_now().await;
                }
            }
            assert_eq!(received(), expected, "{}", F::NAME);
        });
        (self.bursts * self.messages.len() * self.subscribers) as u64
    }
}

/// Takes all that comes.
pub(super) async fn receive(mut stream: impl futures_util::Stream<Item = bytes::Bytes> + Unpin) {
    while let Some(bytes) = stream.next().await {
        RECEIVED.set(RECEIVED.get() + std::hint::black_box(bytes).len());
    }
}

pub(super) fn received() -> usize {
    RECEIVED.get()
}

/// Waits until nothing comes any more.
pub(super) async fn settle() {
    let mut before = None;
    while before != Some(received()) {
        before = Some(received());
        // Each yield lets a limited number of tasks run.
        for _ in 0..1_000 {
            yield_now().await;
        }
    }
}
