//! What it costs to keep an idle stream alive, in memory.

use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use ssekit::{KeepAlive, timer::Timer};
use tokio::runtime::Builder;

use crate::{
    allocations,
    poll::now,
    report::{Report, Target},
};

pub(crate) fn run() -> usize {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let _context = runtime.enter();
    let mut report = Report::new();

    let idle = || stream::pending::<Bytes>();
    let tokio = bytes_of(|| KeepAlive::new(idle(), INTERVAL), |stream| now(stream.next()).is_none());
    report.figure("KeepAlive", "bytes a stream, tokio's timer", tokio, Target::AtMost(130.0));
    let shared = bytes_of(
        || KeepAlive::with_timer(idle(), INTERVAL, Shared::default()),
        |stream| now(stream.next()).is_none(),
    );
    report.figure("KeepAlive", "bytes a stream, a stand-in for a shared timer", shared, Target::Told);
    let events = stream::pending::<Result<axum::response::sse::Event, Infallible>>;
    let axum = bytes_of(
        || {
            let keep_alive = axum::response::sse::KeepAlive::new().interval(INTERVAL);
            axum::response::Sse::new(events()).keep_alive(keep_alive)
        },
        |_| true,
    );
    report.figure("axum's KeepAlive", "bytes a stream", axum, Target::Told);
    let sleep = bytes_of(|| Box::pin(tokio::time::sleep(INTERVAL)), |sleep| now(sleep).is_none());
    let sleep = sleep - size_of::<usize>() as f64;
    report.figure("tokio's Sleep alone", "bytes a stream", sleep, Target::Told);
    report.print("Keep-alive: memory of an idle stream beside the stream itself")
}

/// Returns what a value takes once it waits, where it stands and on the heap.
fn bytes_of<T>(create: impl Fn() -> T, mut waits: impl FnMut(&mut T) -> bool) -> f64 {
    // The first one may set up what all share.
    assert!(waits(&mut create()));
    let (value, heap) = allocations::held_by(|| {
        let mut value = create();
        assert!(waits(&mut value));
        value
    });
    size_of_val(&value) as f64 + heap as f64
}

/// What a timer would take that shares one list of deadlines, in which each stream has a place of 24 bytes.
///
/// It never elapses: it shows what is left for the wrapper itself.
#[derive(Default)]
struct Shared(Option<Box<[u64; 3]>>);

impl Timer for Shared {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn arm(&mut self, _: Duration) {
        self.0.get_or_insert_default();
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

const INTERVAL: Duration = Duration::from_secs(15);
