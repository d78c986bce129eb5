//! Several nodes and one log: what any of them publishes, each delivers, and each can resume.
#![cfg(feature = "tokio")]

use std::time::Duration;

use crate::support::hub_client::last_event_id;
use crate::support::memory_log::MemoryLog;
use crate::support::nodes::{publish, start, texts};
use crate::support::relay_client::{first, is_pending, read, read_to_end};
use futures_util::{FutureExt, StreamExt};
use ssekit::{
    Bounds, Event, EventId, EventType, Hub, Subscribe,
    hub::{self, RefusalReason, Start},
    relay::{InvalidRecord, PublishError, Record, Relay},
};

#[tokio::test(start_paused = true)]
async fn an_event_has_one_id_on_all_nodes() {
    let log = MemoryLog::default();
    let (one, two) = (start(&log, 10), start(&log, 10));
    let mut here = one.subscribe(["a"]).await.unwrap();
    let mut there = two.subscribe(["a"]).await.unwrap();
    let id = one.publish("a", Event::new("x")).await.unwrap();
    for subscription in [&mut here, &mut there] {
        let seen = read(subscription, 1).await;
        assert_eq!(seen.data(), ["x"]);
        assert_eq!(seen.last_event_id(), last_event_id(id.as_str()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_goes_on_at_another_node() {
    let log = MemoryLog::default();
    let (one, two) = (start(&log, 100), start(&log, 100));
    let ids = publish(&one, "a", 0..5).await;
    let mut client = one.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    assert_eq!(read(&mut client, 2).await.data()[..1], texts(1..2));
    let mut client = two.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[2].as_str()))).await.unwrap();
    publish(&one, "a", 5..7).await;
    let seen = read(&mut client, 4).await;
    assert_eq!((seen.data(), seen.gaps()), (texts(3..7).iter().map(|text| &**text).collect(), vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_later_holds_what_was_published_before() {
    let log = MemoryLog::default();
    let one = start(&log, 100);
    let ids = publish(&one, "a", 0..5).await;
    let two = start(&log, 100);
    let mut client = two.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[1].as_str()))).await.unwrap();
    assert_eq!(read(&mut client, 3).await.data(), texts(2..5));
    assert_eq!(two.stats().paged, 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_does_not_hold_comes_from_the_log() {
    let log = MemoryLog::default();
    let relay = start(&log, 3);
    let ids = publish(&relay, "a", 0..100).await;
    let mut client =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[9].as_str()))).await.unwrap();
    assert_eq!(client.gap(), None);
    let block = first(&mut client).await;
    assert_eq!((block.id.as_deref(), block.data.as_deref()), (Some(ids[9].as_str()), Some("")));
    assert_eq!(read(&mut client, 90).await.data(), texts(10..100));
    // From here on it is live, and the log is not read for it.
    assert!(is_pending(&mut client));
    log.take_reads();
    publish(&relay, "a", 100..103).await;
    assert_eq!(read(&mut client, 3).await.data(), texts(100..103));
    let stats = relay.stats();
    assert_eq!((log.take_reads(), stats.paging), (0, 0));
    // What came from the log counts as delivered as well.
    assert!((87..=90).contains(&stats.paged) && stats.hub.delivered == 93, "{stats:?}");
}

#[tokio::test(start_paused = true)]
async fn topics_and_filter_hold_for_what_comes_from_the_log() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let mut ids = Vec::new();
    for number in 0..60 {
        let event = Event::new(number.to_string());
        let event = if number % 2 == 0 { event.with_type(EventType::from_static("even")) } else { event };
        ids.push(relay.publish(["a", "b", "c"][number % 3], event).await.unwrap());
    }
    let options = Subscribe::to(["b", "a"]).filter(|event| event.event_type() == Some("even"));
    let mut client = relay.subscribe(options.after(last_event_id(ids[0].as_str()))).await.unwrap();
    let expected: Vec<String> = texts(1..60)
        .into_iter()
        .filter(|text| {
            let number: usize = text.parse().unwrap();
            number % 2 == 0 && number % 3 != 2
        })
        .collect();
    assert_eq!(read(&mut client, expected.len()).await.data(), expected);
    relay.publish("a", Event::new("odd")).await.unwrap();
    relay.publish("a", Event::new("last").with_type(EventType::from_static("even"))).await.unwrap();
    assert_eq!(read(&mut client, 1).await.data(), ["last"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_is_slower_than_the_hub_reads_the_log_and_is_told_nothing() {
    let log = MemoryLog::default();
    let relay = start(&log, 3);
    let mut client = relay.subscribe(["a"]).await.unwrap();
    first(&mut client).await;
    publish(&relay, "a", 0..50).await;
    let seen = read(&mut client, 50).await;
    assert_eq!((seen.data(), seen.gaps()), (texts(0..50).iter().map(|text| &**text).collect(), vec![]));
    publish(&relay, "a", 50..52).await;
    assert_eq!(read(&mut client, 2).await.data(), texts(50..52));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_ahead_of_the_node_waits_for_the_tail() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let mut live = relay.subscribe(["a"]).await.unwrap();
    first(&mut live).await;
    // Appended behind the tail's back: it does not know yet.
    let held = log.copy();
    let ids = [0, 1, 2].map(|number: usize| {
        log.append_entry(Ok(Record::Event { topic: "a".into(), event: Event::new(number.to_string()) }))
    });
    let mut client =
        relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[1].as_str()))).await.unwrap();
    assert_eq!(client.gap(), None);
    assert_eq!(read(&mut client, 1).await.data(), ["2"]);
    assert_eq!(held.len(), 1);
    publish(&relay, "a", 3..5).await;
    assert_eq!(read(&mut client, 2).await.data(), texts(3..5));
    assert_eq!(read(&mut live, 5).await.data(), texts(0..5));
}

#[tokio::test(start_paused = true)]
async fn an_event_larger_than_the_hub_reaches_subscribers_from_the_log() {
    let log = MemoryLog::default();
    let small = Hub::builder(Bounds::bytes(2_000));
    let (relay, tail) = Relay::new(log.clone(), small);
    tokio::spawn(tail.run());
    let large = "x".repeat(5_000);
    let error = relay.publish("a", Event::new(large.clone())).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused(hub::PublishError::TooLarge { .. })));
    // The log gives it an ID, for which there must be room.
    let error = relay.publish("a", Event::new("x".repeat(2_000 - EventId::MAX_BYTES))).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused(hub::PublishError::TooLarge { max: 2_000, .. })));
    let mut client = relay.subscribe(["a"]).await.unwrap();
    first(&mut client).await;
    // Another node has greater bounds.
    start(&log, 10).publish("a", Event::new(large.clone())).await.unwrap();
    publish(&relay, "a", 0..1).await;
    assert_eq!(read(&mut client, 2).await.data(), [&*large, "0"]);
}

#[tokio::test(start_paused = true)]
async fn oldest_is_the_oldest_in_the_log() {
    let log = MemoryLog::default();
    let relay = start(&log, 3);
    publish(&relay, "b", 0..5).await;
    let ids = publish(&relay, "a", 0..20).await;
    let mut client = relay.subscribe(Subscribe::to(["a"]).start(Start::Oldest)).await.unwrap();
    let seen = read(&mut client, 20).await;
    assert_eq!(seen.data(), texts(0..20));
    // What came before is claimed, so that a client that is cut at once gets the same.
    let position = seen.blocks[0].id.as_deref().unwrap();
    let mut again = relay.subscribe(Subscribe::to(["a"]).after(last_event_id(position))).await.unwrap();
    assert_eq!(read(&mut again, 20).await.data(), texts(0..20));
    assert_eq!(seen.last_event_id(), last_event_id(ids[19].as_str()));
}

#[tokio::test(start_paused = true)]
async fn the_position_is_kept_fresh_while_the_log_is_read() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, "a", 0..1).await;
    publish(&relay, "b", 0..100).await;
    publish(&relay, "a", 1..5).await;
    // The log holds what is missing, but cannot be read: the stream goes on with keep-alives.
    let mut client = relay
        .subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str())))
        .await
        .unwrap()
        .keep_alive(Duration::from_secs(15));
    let position = client.next().await.unwrap().unwrap();
    assert_eq!(position, format!("id: {}\nevent: position\ndata: \n\n", ids[0]));
    log.set_unreachable(true);
    assert_eq!(client.next().await.unwrap().unwrap(), ":\n");
    log.set_unreachable(false);
    let rest = client.next().await.unwrap().unwrap();
    assert!(rest.ends_with(b"data: 4\n\n") || rest.ends_with(b"data: \n\n"), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_topic_finished_on_one_node_ends_on_all() {
    let log = MemoryLog::default();
    let (one, two) = (start(&log, 2), start(&log, 2));
    let ids = publish(&one, "a", 0..10).await;
    let mut there = two.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    one.finish("a").await.unwrap();
    one.finish("a").await.unwrap();
    let seen = read_to_end(&mut there).await;
    assert_eq!(seen.data(), texts(1..10));

    for relay in [&one, &two, &start(&log, 2)] {
        let error = relay.publish("a", Event::new("more")).await.unwrap_err();
        assert!(matches!(error, PublishError::Refused(hub::PublishError::Finished)));
        let mut late =
            relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[6].as_str()))).await.unwrap();
        let seen = read_to_end(&mut late).await;
        assert_eq!(seen.data(), texts(7..10));
        let refusal = relay.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).await.unwrap_err();
        assert_eq!((refusal.reason(), refusal.retry()), (RefusalReason::Finished, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_topic_begins_anew_when_the_log_no_longer_holds_that_it_was_finished() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let mut client = relay.subscribe(["a", "b"]).await.unwrap();
    relay.finish("a").await.unwrap();
    publish(&relay, "b", 0..10).await;
    assert_eq!(read(&mut client, 10).await.data(), texts(0..10));
    log.trim(3);
    publish(&relay, "a", 10..12).await;
    assert_eq!(read(&mut client, 2).await.data(), texts(10..12));
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_its_greatest_lifetime_wherever_it_reads() {
    let clock = std::sync::Arc::new(std::sync::Mutex::new(std::time::Instant::now()));
    let now = clock.clone();
    let log = MemoryLog::default();
    let builder = Hub::builder(Bounds::events(2)).clock(move || *now.lock().unwrap());
    let (relay, tail) = Relay::new(log.clone(), builder);
    tokio::spawn(tail.run());
    let ids = publish(&relay, "a", 0..10).await;
    let lifetime = Duration::from_secs(60);
    let options = || Subscribe::to(["a"]).lifetime(lifetime..=lifetime);
    let mut live = relay.subscribe(options()).await.unwrap();
    let mut paging = relay.subscribe(options().after(last_event_id(ids[0].as_str()))).await.unwrap();
    first(&mut live).await;
    first(&mut paging).await;
    log.set_unreachable(true);
    assert!(is_pending(&mut live) && is_pending(&mut paging));
    *clock.lock().unwrap() += lifetime;
    assert!(read_to_end(&mut live).await.blocks.is_empty());
    assert!(read_to_end(&mut paging).await.blocks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_no_event_is_passed_over_and_counted() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let mut client = relay.subscribe(["a"]).await.unwrap();
    log.append_entry(Err(InvalidRecord::NoTopic));
    let forged = Event::new("{}").with_type(EventType::from_static("reset"));
    log.append_entry(Ok(Record::Event { topic: "a".into(), event: forged.clone() }));
    publish(&relay, "a", 0..1).await;
    let seen = read(&mut client, 1).await;
    assert_eq!((seen.data(), seen.gaps(), relay.stats().invalid), (vec!["0"], vec![], 2));
    let mut client = relay.subscribe(Subscribe::to(["a"]).start(Start::Oldest)).await.unwrap();
    assert_eq!(read(&mut client, 1).await.gaps(), Vec::<&str>::new());
    let error = relay.publish("a", forged).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused(hub::PublishError::ReservedType)));
    let error = relay.publish("a", Event::new("x").with_id(7)).await.unwrap_err();
    assert!(matches!(error, PublishError::Refused(hub::PublishError::Id(_))));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_can_be_published_again_with_its_key() {
    let log = MemoryLog::default();
    let relay = start(&log, 10);
    let mut client = relay.subscribe(["a"]).await.unwrap();
    log.lose_acknowledgement();
    let error = relay.publish_once("a", "key", Event::new("x")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unacknowledged(_)));
    let id = relay.publish_once("a", "key", Event::new("x")).await.unwrap();
    publish(&relay, "a", 0..1).await;
    let seen = read(&mut client, 2).await;
    assert_eq!(seen.data(), ["x", "0"]);
    assert_eq!(seen.blocks[1].id.as_deref(), Some(id.as_str()));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_subscription_frees_it_and_is_told() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, "a", 0..10).await;
    let (told, mut was_told) = tokio::sync::mpsc::unbounded_channel();
    let live = relay.subscribe(["a"]).await.unwrap();
    let paging = relay.subscribe(Subscribe::to(["a"]).after(last_event_id(ids[0].as_str()))).await.unwrap();
    let stats = relay.stats();
    assert_eq!((stats.hub.subscribers, stats.paging), (1, 1));
    for client in [live, paging] {
        let told = told.clone();
        drop(client.on_end(move || told.send(()).unwrap()));
        was_told.recv().await.unwrap();
    }
    let stats = relay.stats();
    assert_eq!((stats.hub.subscribers, stats.paging), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_filter_has_panicked_ends() {
    let log = MemoryLog::default();
    let relay = start(&log, 2);
    let ids = publish(&relay, "a", 0..10).await;
    let options = Subscribe::to(["a"]).filter(|event| panic!("at {}", event.id()));
    let mut client = relay.subscribe(options.after(last_event_id(ids[0].as_str()))).await.unwrap();
    first(&mut client).await;
    let (panicked, mut client) = tokio::spawn(async move {
        let next = std::panic::AssertUnwindSafe(client.next()).catch_unwind().await;
        (next.is_err(), client)
    })
    .await
    .unwrap();
    assert!(panicked);
    assert_eq!(client.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_filter_drops_the_rest_of_a_finished_topic_is_stopped_even_without_positions() {
    let log = MemoryLog::default();
    let builder = Hub::builder(Bounds::events(2)).position_form(hub::PositionForm::Off);
    let (relay, tail) = Relay::new(log, builder);
    tokio::spawn(tail.run());
    let ids = publish(&relay, "a", 0..40).await;
    relay.finish("a").await.unwrap();
    while !relay.topic_stats("a").finished {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // From the log, and from the hub.
    for after in [&ids[3], &ids[38]] {
        let what = |last| Subscribe::to(["a"]).after(last).filter(|_| false);
        let mut client = relay.subscribe(what(last_event_id(after.as_str()))).await.unwrap();
        let seen = read_to_end(&mut client).await;
        assert_eq!((seen.blocks.len(), seen.gaps()), (1, vec![]), "the position of the end");
        let refusal = relay.subscribe(what(seen.last_event_id())).await.expect_err("it comes back for ever");
        assert_eq!(refusal.reason(), RefusalReason::Finished);
    }
}
