//! Streams end within their greatest lifetime.

#[allow(dead_code, reason = "its counts are not needed here")]
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use crate::support::clock::Clock;
use crate::support::counting_waker::CountingWaker;
use crate::support::hub_client::read;
use crate::support::manual_timer::ManualTimer;
use futures_core::Stream;
use ssekit::{Bounds, Event, Hub, Subscribe, timer::Timer};

const SECOND: Duration = Duration::from_secs(1);

fn publish(hub: &Hub) {
    hub.publish("a", Event::new("x")).unwrap();
}

#[test]
fn a_stream_ends_within_its_greatest_lifetime() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(10)).clock(clock.now()).build();
    let (max, jitter) = (10 * SECOND, 4 * SECOND);
    let mut clients: Vec<_> =
        (0..100).map(|_| hub.subscribe(Subscribe::to(["a"]).lifetime(max - jitter..=max)).unwrap()).collect();
    let mut alive = Vec::new();
    for _ in 0..=20 {
        alive.push(clients.iter_mut().filter_map(|client| (!read(client).ended).then_some(())).count());
        clock.advance(SECOND / 2);
    }
    assert!(alive[..12].iter().all(|alive| *alive == 100), "{alive:?}");
    assert!((20..80).contains(&alive[16]), "{alive:?}");
    assert_eq!(alive[20], 0);
    assert_eq!(hub.stats().subscribers, 0);

    let at_once = hub.subscribe(Subscribe::to(["a"]).lifetime(Duration::ZERO..=Duration::ZERO));
    assert!(read(&mut at_once.unwrap()).ended);
    let never = hub.subscribe(Subscribe::to(["a"]).lifetime(Duration::ZERO..=Duration::MAX));
    assert!(!read(&mut never.unwrap()).ended);
}

#[test]
fn a_keep_alive_is_never_later_than_the_greatest_lifetime() {
    let timer = ManualTimer::new();
    let clock = timer.clone();
    let hub = Hub::builder(Bounds::events(10)).clock(move || clock.now()).build();
    let client = hub.subscribe(Subscribe::to(["a"]).lifetime(28 * SECOND..=28 * SECOND)).unwrap();
    let mut client = client.keep_alive_with_timer(15 * SECOND, timer.clone());
    let (wakes, waker) = CountingWaker::new();
    let mut next = || Pin::new(&mut client).poll_next(&mut Context::from_waker(&waker));
    assert!(matches!(next(), Poll::Ready(Some(Ok(_)))), "the position");
    for _ in 0..27 {
        // An event now and then restarts the silence, but not the lifetime.
        publish(&hub);
        while next().is_ready() {}
        wakes.take();
        timer.advance(SECOND);
    }
    while next().is_ready() {}
    wakes.take();
    timer.advance(SECOND - Duration::from_millis(1));
    // The timer may have elapsed for an earlier silence, whose length is random. It is armed again for what is left.
    assert!(next().is_pending(), "its lifetime is not over");
    wakes.take();
    timer.advance(Duration::from_millis(1));
    assert_eq!(wakes.take(), 1, "it is woken when its lifetime is over");
    assert!(matches!(next(), Poll::Ready(None)));
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn a_quiet_stream_without_a_keep_alive_ends_on_time() {
    use futures_util::StreamExt;
    use tokio::time::{Instant, timeout};

    let hub = Hub::new(Bounds::events(10));
    let start = Instant::now();
    let lifetime = Duration::from_millis(300);
    let client = hub.subscribe(Subscribe::to(["a"]).lifetime(lifetime..=lifetime)).unwrap();
    let seen = timeout(10 * SECOND, client.collect::<Vec<_>>()).await.expect("it does not end");
    assert_eq!(seen.len(), 1, "the position");
    // Tokio's timer rounds up to whole milliseconds.
    assert!((lifetime..=lifetime + Duration::from_millis(1)).contains(&start.elapsed()));
}

#[cfg(feature = "tokio")]
#[test]
fn in_a_runtime_without_time_a_lifetime_acts_at_the_next_poll() {
    use std::{future::poll_fn, pin::pin};

    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(10)).clock(clock.now()).build();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let client = hub.subscribe(Subscribe::to(["a"]).lifetime(SECOND..=SECOND)).unwrap();
        let mut client = pin!(client);
        let mut next = async || poll_fn(|cx| Poll::Ready(client.as_mut().poll_next(cx))).await;
        assert!(matches!(next().await, Poll::Ready(Some(_))), "the position");
        assert!(next().await.is_pending());
        publish(&hub);
        assert!(matches!(next().await, Poll::Ready(Some(_))), "the event");
        assert!(next().await.is_pending());
        clock.advance(SECOND);
        assert!(matches!(next().await, Poll::Ready(None)));
    });
}
