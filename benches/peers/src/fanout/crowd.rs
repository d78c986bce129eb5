use std::{
    future::poll_fn,
    hint::black_box,
    mem,
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::Context,
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
        start(&runtime, streams);
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

/// How many subscribers have got what their streams begin with.
static STARTED: AtomicUsize = AtomicUsize::new(0);

/// Spawns subscribers, and waits until all have got what their streams begin with, which is not counted.
pub(super) fn start<S>(runtime: &Runtime, streams: Vec<S>)
where
    S: Stream<Item = Bytes> + Unpin + Send + 'static,
{
    let expected = STARTED.load(Relaxed) + streams.len();
    for stream in streams {
        runtime.spawn(receive(stream));
    }
    runtime.block_on(async {
        while STARTED.load(Acquire) < expected {
            yield_now().await;
        }
    });
}

/// Takes all that comes.
async fn receive(mut stream: impl Stream<Item = Bytes> + Unpin) {
    let mut has_started = false;
    let mut next = |cx: &mut Context<'_>| {
        let next = stream.poll_next_unpin(cx);
        if next.is_pending() && !mem::replace(&mut has_started, true) {
            STARTED.fetch_add(1, Release);
        }
        next
    };
    while let Some(bytes) = poll_fn(&mut next).await {
        let len = black_box(&bytes[..]).len();
        PART.with(|part| part.store(part.load(Relaxed) + len, Relaxed));
    }
}

/// Returns how many bytes all subscribers have got.
pub(super) fn received() -> usize {
    RECEIVED.lock().unwrap().iter().map(|part| part.load(Relaxed)).sum()
}
