//! How a node of a relay ends, and what becomes of those that it serves.
#![cfg(feature = "tokio")]

use crate::support::twin;
use std::time::Duration;

use crate::support::hub_client::last_event_id;
use crate::support::memory_log::MemoryLog;
use crate::support::nodes::{publish, start, texts};
use crate::support::relay_client::{first, is_pending, read, read_to_end};
use ssekit::{
    Bounds, Event, Hub, Subscribe,
    hub::{self, Close, RefusalReason, Start},
    relay::{PublishError, Relay},
};

#[tokio::test(start_paused = true)]
async fn a_closed_node_ends_its_streams_and_the_others_go_on() {
    let log = MemoryLog::default();
    let (one, two) = (start(&log, 2), start(&log, 2));
    let ids = publish(&one, "a", 0..40).await;
    let mut live = one.subscribe(["a"]).await.unwrap();
    let mut paging = one.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    first(&mut paging).await;
    log.set_unreachable(true);
    assert!(is_pending(&mut paging));
    let retry = Duration::from_millis(700);
    one.close(Close::new().retry(retry, Duration::ZERO));
    for client in [&mut live, &mut paging] {
        assert_eq!(read_to_end(client).await.blocks.last().unwrap().retry, Some(700));
    }
    one.drained().await;
    log.set_unreachable(false);
    let refusal = one.subscribe(["a"]).await.unwrap_err();
    assert_eq!((refusal.reason(), refusal.retry()), (RefusalReason::Closed, Some(retry)));
    let refusal =
        one.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[39].as_str()))).await.unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::Closed);
    assert_eq!(twin::interpret(&refusal.body()).last_event_id, ids[39].as_str());
    let error = one.publish("a", Event::new("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused(hub::PublishError::Closed)));
    publish(&two, "a", 40..41).await;
    let mut client =
        two.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[38].as_str()))).await.unwrap();
    assert_eq!(read(&mut client, 2).await.data(), texts(39..41));
}

#[tokio::test(start_paused = true)]
async fn streams_and_the_tail_end_when_the_last_handle_of_a_relay_is_dropped() {
    let log = MemoryLog::default();
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(2)));
    let tail = tokio::spawn(tail.run());
    let ids = publish(&relay, "a", 0..40).await;
    let mut live = relay.subscribe(["a"]).await.unwrap();
    let mut paging =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    first(&mut live).await;
    first(&mut paging).await;
    log.set_stalled(true);
    let clone = relay.clone();
    drop(relay);
    assert!(is_pending(&mut live) && is_pending(&mut paging));
    drop(clone);
    assert_eq!(read_to_end(&mut live).await.blocks, []);
    assert_eq!(read_to_end(&mut paging).await.blocks, []);
    tail.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_the_tail_has_gone() {
    let log = MemoryLog::default();
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(2)));
    let tail = tokio::spawn(tail.run());
    let ids = publish(&relay, "a", 0..40).await;
    let mut live = relay.subscribe(["a"]).await.unwrap();
    let mut paging =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    first(&mut live).await;
    first(&mut paging).await;
    log.set_stalled(true);
    assert!(is_pending(&mut live) && is_pending(&mut paging));
    tail.abort();
    assert!(read_to_end(&mut live).await.ended && read_to_end(&mut paging).await.ended);
    for last in [None, last_event_id(ids[0].as_str()), last_event_id("n999")] {
        let refusal = relay.subscribe(Subscribe::to(["a"]).after(last)).await.unwrap_err();
        assert_eq!(refusal.reason(), RefusalReason::Unavailable);
    }
    relay.publish("a", Event::new("for the other nodes")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_wait_of_those_that_are_being_let_in() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    publish(&relay, "a", 0..10).await;
    first(&mut relay.subscribe(["a"]).await.unwrap()).await;
    log.set_stalled(true);
    let waiting: Vec<_> = [(Start::Now, Some("n999")), (Start::Oldest, None)]
        .into_iter()
        .map(|(start, last)| {
            let relay = relay.clone();
            let last = last.and_then(last_event_id);
            tokio::spawn(async move { relay.subscribe(Subscribe::to(["a"]).start(start).after(last)).await })
        })
        .collect();
    while log.take_reads() < waiting.len() {
        tokio::task::yield_now().await;
    }
    let before = tokio::time::Instant::now();
    relay.close(Close::new());
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap_err().reason(), RefusalReason::Closed);
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_position_at_the_end_is_not_ahead_of_what_a_closed_node_took_in() {
    let log = MemoryLog::default();
    let (one, two) = (start(&log, 20), start(&log, 20));
    let mut client = one.subscribe(["a"]).await.unwrap();
    first(&mut client).await;
    publish(&one, "a", 0..1).await;
    let before = read(&mut client, 1).await.last_event_id().unwrap();
    // The tail reads this one when the node is closed already.
    publish(&two, "a", 1..2).await;
    one.close(Close::new());
    tokio::time::sleep(Duration::from_millis(1)).await;
    let seen = read_to_end(&mut client).await;
    let last = seen.last_event_id().unwrap_or(before);
    let mut client = two.subscribe(Subscribe::to(["a"]).after(last)).await.unwrap();
    assert_eq!([seen.data(), read(&mut client, 1).await.data()].concat(), ["1"]);
}
