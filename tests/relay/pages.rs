//! What a node reads from its log for clients: no more than they take.
#![cfg(feature = "tokio")]

use crate::support::blocks;
use std::time::Duration;

use crate::support::hub_client::last_event_id;
use crate::support::memory_log::MemoryLog;
use crate::support::nodes::{publish, start, texts};
use crate::support::relay_client::{first, read};
use futures_util::StreamExt;
use ssekit::{
    Bounds, Event, Hub, Subscribe,
    hub::{GapReason, Lag, Start},
    relay::Relay,
};
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_page_is_one_entry_or_half_a_megabyte() {
    const HALF: usize = 512 * 1024;
    let log = MemoryLog::default();
    let relay = start(&log, 1);
    let sizes = [vec![100; 300], vec![1_000_000; 5], vec![100; 300], vec![200_000; 10]].concat();
    let mut ids = Vec::new();
    for size in &sizes {
        ids.push(relay.publish("a", Event::new("x".repeat(*size))).await.unwrap());
    }
    while relay.stats().hub.published < sizes.len() as u64 {
        tokio::task::yield_now().await;
    }
    // What this node has read, and what it has not: it remembers the size of one entry.
    let (other, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(1)));
    tokio::spawn(tail.remembered_ids(1).run());
    for relay in [&relay, &other] {
        let mut client =
            relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
        first(&mut client).await;
        log.take_read_entries();
        let mut seen = 1;
        while seen < sizes.len() - 1 {
            let block = client.next().await.unwrap();
            let events = blocks::blocks(&block).len();
            seen += events;
            assert!(events == 1 || block.len() <= HALF, "{events} events of {} bytes", block.len());
            // Nothing is read ahead.
            assert_eq!(log.take_read_entries(), events);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_let_in_costs_two_entries_at_most_until_it_reads() {
    let log = MemoryLog::default();
    let relay = start(&log, 1);
    let ids = publish(&relay, "a", 0..50).await;
    first(&mut relay.subscribe(["a"]).await.unwrap()).await;
    log.trim(30);
    log.take_read_entries();
    let mut clients = Vec::new();
    for last in [None, Some("nonsense"), Some("n999"), Some(ids[0].as_str()), Some(ids[30].as_str())] {
        for start in [Start::Now, Start::Oldest] {
            let options = Subscribe::to(["a"]).start(start);
            let mut client = relay.subscribe(options.after(last.and_then(last_event_id))).await.unwrap();
            first(&mut client).await;
            let cost = log.take_read_entries();
            assert!(cost <= 2, "{cost} for {last:?}");
            clients.push(client);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_wait_for_the_oldest_entry_share_one_look_at_it() {
    let log = MemoryLog::default();
    let relay = start(&log, 1);
    publish(&relay, "a", 0..50).await;
    first(&mut relay.subscribe(["a"]).await.unwrap()).await;
    log.set_pages_stalled(true);
    log.take_reads();
    log.take_read_entries();
    let resume = |number: usize| {
        let relay = relay.clone();
        async move {
            relay.subscribe(Subscribe::to(["a"]).after(last_event_id(&format!("n{}", 1000 + number)))).await
        }
    };
    let mut clients: Vec<_> = (0..100).map(|number| tokio::spawn(resume(number))).collect();
    // Each has asked for its own ID, and the first one for the oldest entry.
    let mut reads = 0;
    for _ in 0..1_000 {
        reads += log.take_reads();
        tokio::task::yield_now().await;
    }
    assert_eq!(reads, 100 + 1);
    log.set_pages_stalled(false);
    for client in &mut clients {
        let client = client.await.unwrap().unwrap();
        assert_eq!(client.gap().unwrap().reason(), GapReason::Unknown);
    }
    // One for the first, which may have begun before the others asked, and one for all of those.
    assert_eq!(log.take_read_entries(), 2);
}

#[tokio::test(start_paused = true)]
async fn ids_that_take_long_to_look_up_hold_up_nobody_else() {
    let log = MemoryLog::default();
    let relay = start(&log, 5);
    let ids = publish(&relay, "a", 0..50).await;
    let mut live = relay.subscribe(["a"]).await.unwrap();
    first(&mut live).await;
    let mut paging =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    first(&mut paging).await;
    log.set_lookups_stalled(true);
    log.take_reads();
    for number in 0..100 {
        let relay = relay.clone();
        let bogus = last_event_id(&format!("n{}", 1000 + number));
        tokio::spawn(async move { relay.subscribe(Subscribe::to(["a"]).after(bogus)).await.map(drop) });
    }
    while log.take_reads() == 0 {
        tokio::task::yield_now().await;
    }
    let before = Instant::now();
    let mut resumed =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[47].as_str()))).await.unwrap();
    assert_eq!(read(&mut resumed, 2).await.data(), texts(48..50));
    assert_eq!(read(&mut paging, 49).await.data(), texts(1..50));
    assert_eq!(before.elapsed(), Duration::ZERO);
    // Four are asked for at a time.
    assert!(log.take_reads() <= 49 + 4);
}

#[tokio::test(start_paused = true)]
async fn what_a_log_loses_between_a_gap_and_the_next_page_is_told_as_well() {
    for lag in [Lag::Disconnect, Lag::Skip] {
        let log = MemoryLog::default();
        let relay = start(&log, 1);
        let first = publish(&relay, "a", 0..1).await.remove(0);
        publish(&relay, "a", 1..10).await;
        log.trim(5);
        let options = Subscribe::to(["a"]).lag(lag).after(last_event_id(first.as_str()));
        let mut client = relay.subscribe(options).await.unwrap();
        assert_eq!(client.gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
        publish(&relay, "a", 10..20).await;
        log.trim(2);
        let seen = read(&mut client, 2).await;
        let again = if lag == Lag::Skip { "lagged" } else { "evicted" };
        assert_eq!((seen.gaps(), seen.data()), (vec!["evicted", again], vec!["18", "19"]));
    }
}
