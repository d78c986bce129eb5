//! A relay's streams end on time without a keep-alive, wherever they read.
#![cfg(feature = "tokio")]

use std::time::Duration;

use crate::support::memory_log::MemoryLog;
use futures_util::{StreamExt, future::join};
use ssekit::{Bounds, Event, Hub, Subscribe, Subscription, relay::Relay};
use tokio::time::{Instant, timeout};

const LIFETIME: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_ends_on_time_wherever_it_reads() {
    let log = MemoryLog::default();
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(2)));
    tokio::spawn(tail.run());
    let first = relay.publish("a", Event::new("1")).await.unwrap();
    for _ in 0..5 {
        relay.publish("a", Event::new("another")).await.unwrap();
    }
    let options = || Subscribe::to(["a"]).lifetime(LIFETIME..=LIFETIME);
    let start = Instant::now();
    let live = relay.subscribe(options()).await.unwrap();
    // What this one missed is only in the log, which cannot be read.
    let paging = relay.subscribe(options().after(first)).await.unwrap();
    log.set_unreachable(true);
    assert_eq!(start.elapsed(), Duration::ZERO);
    join(assert_ends_on_time(live), assert_ends_on_time(paging)).await;
}

async fn assert_ends_on_time(stream: Subscription) {
    let start = Instant::now();
    let seen = timeout(2 * LIFETIME, stream.collect::<Vec<_>>()).await.expect("it does not end");
    assert_eq!(seen.len(), 1, "the position");
    // Tokio's timer rounds up to whole milliseconds.
    assert!((LIFETIME..=LIFETIME + Duration::from_millis(1)).contains(&start.elapsed()));
}
