use std::{
    hint::black_box,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
};

use super::{CAPACITY, Fanout, Message};
use crate::measure::Contender;

/// Subscribers, and a task that publishes to them.
pub(super) struct Crowd<F: Fanout> {
    runtime: Runtime,
    fanout: Arc<F>,
    messages: Arc<[Message]>,
    subscribers: usize,
    bursts: usize,
}

impl<F: Fanout> Crowd<F> {
    /// Creates one on this thread, or on more of their own.
    pub(super) fn new(threads: usize, subscribers: usize, bursts: usize, messages: Vec<Message>) -> Self {
        let runtime = match threads {
            1 => Builder::new_current_thread().build(),
            _ => Builder::new_multi_thread().worker_threads(threads).build(),
        };
        let runtime = runtime.unwrap();
        let (fanout, streams) = F::new(subscribers, CAPACITY);
        for stream in streams {
            runtime.spawn(receive(stream));
        }
        // What a stream begins with is not counted.
        runtime.block_on(settle());
        Self { runtime, fanout: Arc::new(fanout), messages: messages.into(), subscribers, bursts }
    }
}

impl<F: Fanout> Contender for Crowd<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn run(&mut self) -> u64 {
        let (fanout, messages) = (Arc::clone(&self.fanout), Arc::clone(&self.messages));
        let (subscribers, bursts) = (self.subscribers, self.bursts);
        let publisher = async move {
            let mut expected = received();
            for _ in 0..bursts {
                expected += fanout.publish(&messages) * subscribers;
                while received() < expected {
                    yield_now().await;
                }
            }
            assert_eq!(received(), expected, "{}", F::NAME);
        };
        let publisher = self.runtime.spawn(publisher);
        self.runtime.block_on(publisher).unwrap();
        (self.bursts * self.messages.len() * self.subscribers) as u64
    }
}

/// What the subscribers on each thread have got, in bytes.
static RECEIVED: Mutex<Vec<Arc<AtomicUsize>>> = Mutex::new(Vec::new());

thread_local! {
    /// This thread's part, which no other thread writes.
    static PART: Arc<AtomicUsize> = {
        let part = Arc::<AtomicUsize>::default();
        RECEIVED.lock().unwrap().push(Arc::clone(&part));
        part
    };
}

/// Takes all that comes.
pub(super) async fn receive(mut stream: impl Stream<Item = Bytes> + Unpin) {
    while let Some(bytes) = stream.next().await {
        let len = black_box(&bytes[..]).len();
        PART.with(|part| part.store(part.load(Relaxed) + len, Relaxed));
    }
}

/// Returns how many bytes all subscribers have got.
pub(super) fn received() -> usize {
    RECEIVED.lock().unwrap().iter().map(|part| part.load(Relaxed)).sum()
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
