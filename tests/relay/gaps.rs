//! What clients of a relay are told when the log has lost something, and that it is told before any later event.
#![cfg(feature = "tokio")]

use crate::support::twin;
use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::hub_client::last_event_id;
use crate::support::memory_log::{MemoryLog, Unreachable};
use crate::support::nodes::{start, texts};
use crate::support::relay_client::{first, is_pending, read, read_to_end};
use ssekit::{
    Bounds, Event, EventId, Hub, Subscribe,
    hub::{GapReason, Lag, RefusalReason, Start},
    relay::{PublishError, Relay},
};

async fn publish(relay: &Relay<MemoryLog>, numbers: Range<usize>) -> Vec<EventId> {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(relay.publish("a", Event::new(number.to_string())).await.unwrap());
    }
    ids
}

/// Lets the tail notice what has become of the log.
async fn noticed(relay: &Relay<MemoryLog>, resets: u64) {
    while relay.stats().resets < resets {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn evicted_is_told_only_when_the_log_has_let_go() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, 0..20).await;
    log.trim(10);
    for (cursor, evicted) in [(8, true), (9, true), (10, false), (15, false)] {
        let mut client =
            relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[cursor].as_str()))).await.unwrap();
        let reason = client.gap().map(|gap| gap.reason());
        assert_eq!(reason, evicted.then_some(GapReason::Evicted), "{cursor}");
        let from = if evicted { 10 } else { cursor + 1 };
        let seen = read(&mut client, 20 - from).await;
        assert_eq!(seen.data(), texts(from..20));
        assert_eq!(seen.gaps(), if evicted { vec!["evicted"] } else { vec![] });
        assert_eq!(seen.blocks[0].id.as_deref(), Some(ids[cursor].as_str()));
    }
}

/// Waits until the node has read as many events.
async fn tailed(relay: &Relay<MemoryLog>, events: u64) {
    while relay.stats().hub.published < events {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_the_node_has_read_and_the_log_has_let_go_of_is_evicted() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, 0..20).await;
    tailed(&relay, 20).await;
    log.trim(5);
    for lost in [0, 10, 14] {
        for lag in [Lag::Disconnect, Lag::Skip] {
            let options = Subscribe::to(["a"]).lag(lag);
            let mut client = relay.subscribe(options.after(last_event_id(ids[lost].as_str()))).await.unwrap();
            assert_eq!(client.gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
            let seen = read(&mut client, 5).await;
            assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["15", "16", "17", "18", "19"]));
        }
    }
    assert_eq!(relay.stats().hub.gaps, 6);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_lags_where_it_began_tells_so_before_it_ends() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, 0..3).await;
    tailed(&relay, 3).await;
    let mut client =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[2].as_str()))).await.unwrap();
    assert_eq!(client.gap(), None);
    first(&mut client).await;
    publish(&relay, 3..23).await;
    tailed(&relay, 23).await;
    log.trim(5);
    let seen = read_to_end(&mut client).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec![]));
    let mut client = relay.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
    let seen = read(&mut client, 5).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["18", "19", "20", "21", "22"]));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_trimmed_while_a_client_is_let_in_is_told_to_it() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, 0..20).await;
    tailed(&relay, 20).await;
    let mut client =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    // It was there when the client came, and is not when the first page is read.
    log.trim(3);
    let seen = read_to_end(&mut client).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec![]));
    assert_eq!(relay.stats().hub.lagged, 1);
    let mut client = relay.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
    assert_eq!(read(&mut client, 3).await.data(), ["17", "18", "19"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_the_log_has_lost_where_it_began_tells_so_before_it_ends() {
    for lag in [Lag::Disconnect, Lag::Skip] {
        let log = MemoryLog::default();
        let relay = start(&log, 2);
        let ids = publish(&relay, 0..20).await;
        tailed(&relay, 20).await;
        let options = Subscribe::to(["a"]).lag(lag);
        let mut client = relay.subscribe(options.after(last_event_id(ids[0].as_str()))).await.unwrap();
        // The tail does not notice that the log is empty.
        log.set_deaf(true);
        log.erase();
        let seen = read_to_end(&mut client).await;
        assert_eq!((seen.gaps(), seen.data()), (vec!["unknown"], vec![]), "{lag:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_node_is_filled_anew_tells_what_it_lost_before_it_ends() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let ids = publish(&relay, 0..5).await;
    tailed(&relay, 5).await;
    let mut client =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[4].as_str()))).await.unwrap();
    first(&mut client).await;
    let older = log.copy()[..3].to_vec();
    log.put_back(older);
    let seen = read_to_end(&mut client).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["unknown"], vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_position_that_no_event_moved_is_told_before_the_stream_ends() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, 0..20).await;
    tailed(&relay, 20).await;
    log.set_deaf(true);
    let options = Subscribe::to(["a"]).filter(|_| false);
    let mut client = relay.subscribe(options.after(last_event_id(ids[0].as_str()))).await.unwrap();
    first(&mut client).await;
    // It reads to the end of the log, and has nothing to give.
    publish(&relay, 20..22).await;
    assert!(is_pending(&mut client));
    publish(&relay, 22..40).await;
    log.trim(5);
    log.set_deaf(false);
    let seen = read_to_end(&mut client).await;
    assert_eq!((seen.gaps(), seen.data()), (vec![], vec![]));
    assert_ne!(seen.last_event_id(), last_event_id(ids[0].as_str()));
    let client = relay.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
    assert_eq!(client.gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
}

#[tokio::test(start_paused = true)]
async fn a_new_client_that_starts_at_the_oldest_is_told_if_the_beginning_is_gone() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    publish(&relay, 0..10).await;
    let oldest = || Subscribe::to(["a"]).start(Start::Oldest);
    let mut client = relay.subscribe(oldest()).await.unwrap();
    assert_eq!(client.gap(), None);
    assert_eq!(read(&mut client, 10).await.gaps(), Vec::<&str>::new());
    // It was all there when this one came, and is not when its first page is read.
    let mut late = relay.subscribe(oldest()).await.unwrap();
    log.trim(3);
    let seen = read_to_end(&mut late).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec![]));

    for finished in [false, true] {
        let mut client = relay.subscribe(oldest()).await.unwrap();
        assert_eq!(client.gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
        let seen = read(&mut client, 3 - usize::from(finished)).await;
        let data = if finished { vec!["8", "9"] } else { vec!["7", "8", "9"] };
        assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], data));
        relay.finish("a").await.unwrap();
        log.trim(3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_of_a_quiet_topic_is_not_told_of_what_does_not_concern_it() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let id = relay.publish("quiet", Event::new("x")).await.unwrap();
    publish(&relay, 0..100).await;
    let mut client =
        relay.subscribe(Subscribe::to(["quiet"]).after(last_event_id(id.as_str()))).await.unwrap();
    let newest = log.ids().pop();
    assert_eq!(client.gap(), None);
    assert_eq!(first(&mut client).await.id, newest);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_never_given_out_is_unknown() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, 0..20).await;
    let mut entries = log.copy();
    entries.retain(|entry| entry.id != ids[10]);
    log.put_back(entries);
    let removed = ids[10].as_str();
    for unknown in ["n99999", "nonsense", "7", removed] {
        let node = start(&log, 2);
        let mut client = node.subscribe(Subscribe::to(["a"]).after(last_event_id(unknown))).await.unwrap();
        assert_eq!(client.gap().map(|gap| gap.reason()), Some(GapReason::Unknown), "{unknown}");
        let block = first(&mut client).await;
        assert_eq!(block.id.as_deref(), Some(ids[19].as_str()));
        assert!(is_pending(&mut client));

        let later = start(&log, 2);
        let options = Subscribe::to(["a"]).start(Start::Oldest);
        let mut client = later.subscribe(options.after(last_event_id(unknown))).await.unwrap();
        let seen = read(&mut client, 19).await;
        assert_eq!((seen.gaps(), seen.data().len()), (vec!["unknown"], 19));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_slower_than_the_log_is_told_or_ends() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let mut ending = relay.subscribe(["a"]).await.unwrap();
    let mut skipping = relay.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).await.unwrap();
    first(&mut ending).await;
    first(&mut skipping).await;
    publish(&relay, 0..20).await;
    // The tail has read all, and the hub has let go of it. Now the log does so, too.
    while relay.stats().hub.published < 20 {
        tokio::task::yield_now().await;
    }
    log.trim(5);
    assert_eq!(read_to_end(&mut ending).await.blocks, []);
    let seen = read(&mut skipping, 5).await;
    assert_eq!(
        (seen.gaps(), seen.data()),
        (vec!["lagged"], texts(15..20).iter().map(|text| &**text).collect())
    );
    publish(&relay, 20..21).await;
    assert_eq!(read(&mut skipping, 1).await.data(), ["20"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_the_log_was_trimmed_past_sends_its_clients_to_be_told() {
    let log = MemoryLog::default();
    let (relay, other) = (start(&log, 10), start(&log, 10));
    let mut client = relay.subscribe(["a"]).await.unwrap();
    publish(&relay, 0..3).await;
    let seen = read(&mut client, 3).await;
    log.set_unreachable(true);
    assert!(is_pending(&mut client));
    while relay.stats().connected || other.stats().connected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    log.set_unreachable(false);
    // Both tails are waiting to try again.
    for number in 3..10 {
        relay.publish("a", Event::new(number.to_string())).await.unwrap();
    }
    log.trim(2);
    assert_eq!(read_to_end(&mut client).await.data(), Vec::<&str>::new());
    let mut client = relay.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
    let seen = read(&mut client, 2).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["8", "9"]));
    let stats = relay.stats();
    assert_eq!((stats.resets, stats.connected), (1, true));
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_deleted_is_told_and_begins_anew() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let mut client = relay.subscribe(["a"]).await.unwrap();
    publish(&relay, 0..3).await;
    let seen = read(&mut client, 3).await;
    log.erase();
    assert_eq!(read_to_end(&mut client).await.data(), Vec::<&str>::new());
    noticed(&relay, 1).await;
    publish(&relay, 3..5).await;
    let mut client = relay.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap();
    let seen = read(&mut client, 2).await;
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["3", "4"]));
}

#[tokio::test(start_paused = true)]
async fn a_log_in_an_older_state_is_told_and_gives_nothing_twice() {
    let log = MemoryLog::default();
    let (relay, other) = (start(&log, 10), start(&log, 10));
    let mut client = relay.subscribe(["a"]).await.unwrap();
    publish(&relay, 0..3).await;
    let older = log.copy();
    publish(&relay, 3..6).await;
    let seen = read(&mut client, 6).await;
    log.put_back(older);
    // Before any node has noticed: the cursor is looked up in the log by a node that does not know it.
    publish(&other, 6..8).await;
    assert_eq!(read_to_end(&mut client).await.data(), Vec::<&str>::new());
    noticed(&relay, 1).await;
    for node in [&relay, &other] {
        let options = Subscribe::to(["a"]).start(Start::Now);
        let mut client = node.subscribe(options.after(seen.last_event_id())).await.unwrap();
        let block = first(&mut client).await;
        assert_eq!(block.data.as_deref(), Some(r#"{"reason": "unknown"}"#));
        assert!(is_pending(&mut client));
    }
    // One that was there before the older state has missed nothing but what nobody can have.
    let mut client = relay
        .subscribe(Subscribe::to(["a"]).after(seen.blocks[2].id.as_deref().and_then(last_event_id)))
        .await
        .unwrap();
    let seen = read(&mut client, 3).await;
    assert_eq!((seen.gaps(), seen.data()), (vec![], vec!["2", "6", "7"]));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_the_log_does_not_go_over_to_a_hub_of_another() {
    let log = MemoryLog::default();
    let relay = start(&log, 4);
    let mut live = relay.subscribe(["a"]).await.unwrap();
    let ids = publish(&relay, 0..40).await;
    let older = log.copy();
    log.set_newest(100);
    publish(&relay, 40..44).await;
    read(&mut live, 44).await;

    // The log goes back behind the tail's back, and on with IDs that are less than some the hub has, and not among them.
    log.set_deaf(true);
    log.put_back(older);
    log.set_newest(50);
    publish(&relay, 44..46).await;
    let mut client =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    let seen = read(&mut client, 41).await;
    let expected: Vec<String> = texts(1..40).into_iter().chain(texts(44..46)).collect();
    assert_eq!((seen.gaps(), seen.data()), (vec![], expected.iter().map(|text| &**text).collect()));
    assert!(is_pending(&mut client));

    log.set_deaf(false);
    publish(&relay, 46..47).await;
    assert_eq!(read(&mut client, 1).await.data(), ["46"]);
    assert!(read_to_end(&mut live).await.data().is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_the_log_cannot_be_reached_streams_stay_and_publishing_fails() {
    let log = MemoryLog::default();
    let faults = Arc::new(AtomicUsize::new(0));
    let counted = faults.clone();
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(3)));
    let count = move |error: &Unreachable| {
        assert_eq!(*error, Unreachable);
        counted.fetch_add(1, Ordering::Relaxed);
    };
    tokio::spawn(tail.on_fault(count).run());
    let ids = publish(&relay, 0..10).await;
    let mut client =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[9].as_str()))).await.unwrap();
    first(&mut client).await;
    while relay.stats().lag > Duration::ZERO {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    log.set_unreachable(true);
    assert!(is_pending(&mut client));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let stats = relay.stats();
    assert!(!stats.connected && stats.lag > Duration::from_secs(19), "{stats:?}");
    assert!((3..20).contains(&faults.load(Ordering::Relaxed)));
    let error = relay.publish("a", Event::new("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::NotPublished(Unreachable)));

    // What the hub holds can be resumed, the rest is not guessed.
    let mut local =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[7].as_str()))).await.unwrap();
    assert_eq!(read(&mut local, 2).await.data(), ["8", "9"]);
    let refusal = relay.subscribe(Subscribe::to(["a"]).after(last_event_id("n5000"))).await.unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::Unavailable);
    assert!(refusal.retry().is_some());
    let mut old = relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    assert!(first(&mut old).await.id.is_some() && is_pending(&mut old));

    log.set_unreachable(false);
    let ids = publish(&relay, 10..12).await;
    assert_eq!(read(&mut old, 11).await.data(), texts(1..12));
    for client in [&mut client, &mut local] {
        let seen = read(client, 2).await;
        assert_eq!((seen.data(), seen.gaps()), (vec!["10", "11"], vec![]));
        assert_eq!(seen.last_event_id(), last_event_id(ids[1].as_str()));
    }
    let stats = relay.stats();
    assert_eq!((stats.connected, stats.reconnects, stats.resets), (true, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_callback_for_faults_that_panics_does_not_end_the_tail() {
    let log = MemoryLog::default();
    let faults = Arc::new(AtomicUsize::new(0));
    let counted = faults.clone();
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(3)));
    let panic = move |_: &Unreachable| panic!("fault {}", counted.fetch_add(1, Ordering::Relaxed));
    tokio::spawn(tail.on_fault(panic).run());
    let mut client = relay.subscribe(["a"]).await.unwrap();
    first(&mut client).await;
    log.set_unreachable(true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(faults.load(Ordering::Relaxed) >= 3, "{faults:?}");
    log.set_unreachable(false);
    publish(&relay, 0..2).await;
    assert_eq!(read(&mut client, 2).await.data(), ["0", "1"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_not_read_the_log_yet_sends_clients_away_for_a_while() {
    let log = MemoryLog::default();
    log.set_unreachable(true);
    let relay = start(&log, 10);
    let refusal = relay.subscribe(["a"]).await.unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::Unavailable);
    assert_eq!(refusal.response().status(), 200);
    let refusal = relay.subscribe(Subscribe::to(["a"]).after(last_event_id("n7"))).await.unwrap_err();
    assert_eq!(twin::interpret(&refusal.body()).last_event_id, "n7", "it is not lost meanwhile");
    let waiting = relay.clone();
    let waiting = tokio::spawn(async move { waiting.subscribe(["a"]).await });
    log.set_unreachable(false);
    drop(waiting.await.unwrap().unwrap());
}
