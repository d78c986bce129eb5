//! Streams of a relay that are ended from outside, while the hub feeds them or the log, and what they begin with.

use std::time::Duration;

use ssekit::{
    Bounds, Event, EventType, Hub, Subscribe,
    hub::{End, Start},
    relay::Relay,
};

use crate::support::{
    hub_client::last_event_id,
    memory_log::MemoryLog,
    relay_client::{first, is_pending, read, read_to_end},
};

fn start(log: &MemoryLog) -> Relay<MemoryLog> {
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(2)));
    tokio::spawn(tail.run());
    relay
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_ended_while_the_hub_feeds_it_and_while_it_waits_for_the_log() {
    let log = MemoryLog::default();
    let relay = start(&log);
    let id = relay.publish("a", "0").await.unwrap();
    for n in 1..20 {
        relay.publish("a", n.to_string()).await.unwrap();
    }
    let mut live = relay.subscribe("a").await.unwrap();
    let mut paging = relay.subscribe(Subscribe::to("a").after(&id)).await.unwrap();
    first(&mut live).await;
    first(&mut paging).await;
    log.set_unreachable(true);
    assert!(is_pending(&mut paging) && is_pending(&mut live));
    let end = End::new().retry(Duration::from_secs(2)).last_event(Event::new("bye"));
    for client in [&mut live, &mut paging] {
        let handle = client.handle();
        handle.end_with(end.clone());
        let seen = read_to_end(client).await;
        assert_eq!((seen.blocks[0].retry, seen.data()), (Some(2_000), vec!["bye"]));
        assert!(handle.has_ended() && seen.last_event_id().is_some());
    }
    log.set_unreachable(false);
    // What the second one had not got, it gets when it comes back.
    let mut paging = relay.subscribe(Subscribe::to("a").after(last_event_id(id.as_str()))).await.unwrap();
    assert_eq!(read(&mut paging, 19).await.data().len(), 19);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_and_the_options_of_one_stream_hold_for_a_relay_too() {
    let log = MemoryLog::default();
    let relay = start(&log);
    for n in 0..20 {
        relay.publish("a", n.to_string()).await.unwrap();
    }
    let options = || {
        let at = EventType::from_static("at");
        Subscribe::to("a").position_type(at).retry(Duration::from_millis(5))
    };
    for start in [Start::Now, Start::Oldest] {
        let client = relay.subscribe(options().start(start)).await.unwrap();
        let mut client = client.snapshot(["the state"]).until(tokio::time::sleep(Duration::from_secs(60)));
        let seen = read_to_end(&mut client).await;
        assert_eq!(seen.blocks[0].data.as_deref(), Some("the state"));
        let retries: Vec<_> = seen.blocks.iter().filter_map(|block| block.retry).collect();
        assert_eq!(retries, [5], "{seen:?}");
        assert!(seen.blocks.iter().all(|block| block.event.as_deref() != Some("position")));
    }
}

#[tokio::test(start_paused = true)]
async fn topics_come_and_go_while_the_hub_feeds_a_stream_and_while_it_reads_the_log() {
    let log = MemoryLog::default();
    let relay = start(&log);
    let id = relay.publish("a", "0").await.unwrap();
    for n in 1..40 {
        relay.publish(if n % 2 == 0 { "a" } else { "b" }, n.to_string()).await.unwrap();
    }
    // It reads the log from the beginning: a topic that is added now begins where the stream is.
    let mut paging = relay.subscribe(Subscribe::to("a").after(&id)).await.unwrap();
    let handle = paging.handle();
    first(&mut paging).await;
    handle.add("b");
    let seen = read(&mut paging, 39).await;
    assert_eq!(seen.data(), (1..40).map(|n| n.to_string()).collect::<Vec<_>>());

    // By now the hub feeds it.
    handle.remove("a");
    handle.add("c");
    for (topic, n) in [("a", 40), ("b", 41), ("c", 42)] {
        relay.publish(topic, n.to_string()).await.unwrap();
    }
    assert_eq!(read(&mut paging, 2).await.data(), ["41", "42"]);

    // The hub holds too little for a topic that is added, so the stream reads it from the log, and no gap is told.
    handle.add("d");
    for n in 43..60 {
        relay.publish("d", n.to_string()).await.unwrap();
    }
    let seen = read(&mut paging, 17).await;
    assert_eq!(seen.data(), (43..60).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(seen.gaps(), Vec::<&str>::new());
    handle.remove(["b", "c", "d"]);
    relay.publish("d", "60").await.unwrap();
    relay.finish("d").await.unwrap();
    assert!(is_pending(&mut paging), "it has no topic, and stays open");
    handle.add("a");
    relay.publish("a", "61").await.unwrap();
    assert_eq!(read(&mut paging, 1).await.data(), ["61"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_while_it_waits_for_the_log_tells_what_it_has_passed() {
    let log = MemoryLog::default();
    let relay = start(&log);
    let begin = relay.publish("a", "0").await.unwrap();
    for _ in 0..46 {
        // So long that a page has only some of them.
        relay.publish("b", "x".repeat(50_000)).await.unwrap();
    }
    let one = relay.publish("a", "1").await.unwrap();
    for _ in 0..50 {
        relay.publish("b", "x".repeat(50_000)).await.unwrap();
    }
    // The hub holds no more than the last two of these.
    for n in 2..5 {
        relay.publish("a", n.to_string()).await.unwrap();
    }
    let options = || Subscribe::to("a").after(&begin);
    let mut ended = relay.subscribe(options()).await.unwrap();
    let lifetime = Duration::from_secs(60);
    let mut outlived = relay.subscribe(options().lifetime(lifetime..=lifetime)).await.unwrap();
    for client in [&mut ended, &mut outlived] {
        assert_eq!(read(client, 1).await.data(), ["1"]);
    }
    log.set_unreachable(true);
    assert!(is_pending(&mut ended) && is_pending(&mut outlived));
    ended.handle().end();
    for client in [&mut ended, &mut outlived] {
        let seen = read_to_end(client).await;
        assert_eq!((seen.data(), seen.blocks.len()), (vec![], 1));
        // A client that comes back need not be led past the other topic again.
        let at = |id: &str| log.ids().iter().position(|held| held == id).unwrap();
        assert!(at(seen.blocks[0].id.as_deref().unwrap()) > at(one.as_str()));
    }
}
