//! Several topics in one hub: one order and one last event ID over all of them, bounds over all of them, and what
//! is remembered of those that are gone.

use crate::support::{blocks, hub_client};
use std::time::Duration;

use crate::support::clock::Clock;
use crate::support::hub_client::{is_notice, poll, read};
use ssekit::{
    Bounds, Event, EventId, Hub, Subscribe,
    hub::{GapReason, Lag, PublishError, RefusalReason, Start},
};

const SECOND: Duration = Duration::from_secs(1);

fn event(data: impl ToString) -> Event {
    Event::new(data.to_string())
}

fn publish(hub: &Hub, topic: &str, data: impl ToString) -> EventId {
    hub.publish(topic, event(data)).unwrap()
}

fn gap(hub: &Hub, topics: &[&str], last: &EventId) -> Option<GapReason> {
    let client = hub.subscribe(Subscribe::to(topics).after(last.clone())).unwrap();
    client.gap().map(|gap| gap.reason())
}

#[test]
fn several_topics_come_in_the_order_in_which_they_were_published() {
    let hub = Hub::new(Bounds::events(100));
    let mut client = hub.subscribe(["c", "a", "b", "a"]).unwrap();
    let topics = ["a", "a", "b", "unrelated", "c", "b", "a", "c", "c", "unrelated", "b"];
    for (n, topic) in topics.iter().enumerate() {
        publish(&hub, topic, n);
    }
    assert_eq!(read(&mut client).data(), ["0", "1", "2", "4", "5", "6", "7", "8", "10"]);
    assert_eq!(hub.stats().delivered, 9);
}

#[test]
fn one_id_resumes_across_all_topics() {
    let hub = Hub::new(Bounds::events(100));
    let ids: Vec<_> = (0..12).map(|n| publish(&hub, ["a", "b", "c"][n * n % 3], n)).collect();
    for (n, id) in ids.iter().enumerate() {
        for topics in [&["a", "b"][..], &["a"], &["b", "c"]] {
            let mut client = hub.subscribe(Subscribe::to(topics).after(id.clone())).unwrap();
            let later = (n + 1..12).filter(|later| topics.contains(&["a", "b", "c"][later * later % 3]));
            assert_eq!(read(&mut client).data(), later.map(|n| n.to_string()).collect::<Vec<_>>());
        }
    }
}

#[test]
fn events_lost_between_those_of_another_topic_are_told_before_anything_later() {
    let hub = Hub::new(Bounds::events(2));
    let mut client = hub.subscribe(Subscribe::to(["a", "b"]).lag(Lag::Skip)).unwrap();
    read(&mut client);
    publish(&hub, "a", "a1");
    publish(&hub, "b", "lost");
    publish(&hub, "a", "a2");
    publish(&hub, "b", "b1");
    publish(&hub, "b", "b2");
    let seen = read(&mut client);
    assert_eq!(seen.blocks.iter().map(is_notice).collect::<Vec<_>>(), [true, false, false, false, false]);
    assert_eq!((seen.gaps(), seen.data()), (vec!["lagged"], vec!["a1", "a2", "b1", "b2"]));
}

#[test]
fn events_lost_after_they_were_found_are_told_before_anything_later() {
    let hub = Hub::new(Bounds::events(2));
    let mut client = hub.subscribe(Subscribe::to(["a", "b"]).lag(Lag::Skip)).unwrap();
    read(&mut client);
    publish(&hub, "a", "x".repeat(50_000));
    publish(&hub, "b", "lost");
    publish(&hub, "a", "a2");
    // One poll takes the big event alone, and has found the others.
    assert!(poll(&mut client).is_ready());
    publish(&hub, "b", "b1");
    publish(&hub, "b", "b2");
    let seen = read(&mut client);
    assert_eq!(seen.blocks.iter().map(is_notice).collect::<Vec<_>>(), [true, false, false, false]);
    assert_eq!((seen.gaps(), seen.data()), (vec!["lagged"], vec!["a2", "b1", "b2"]));
}

#[test]
fn a_client_that_is_cut_in_a_lag_between_topics_is_told_again_rather_than_not_at_all() {
    let hub = Hub::new(Bounds::events(3));
    let mut client = hub.subscribe(Subscribe::to(["a", "b"]).lag(Lag::Skip)).unwrap();
    read(&mut client);
    publish(&hub, "a", "a1");
    for n in 0..4 {
        publish(&hub, "b", n);
    }
    publish(&hub, "a", "a2");
    // `b` has lost 0, which stands between a1 and a2.
    let mut blocks = Vec::new();
    while let std::task::Poll::Ready(Some(bytes)) = poll(&mut client) {
        blocks.extend(blocks::blocks(&bytes));
    }
    for cut in 1..=blocks.len() {
        let seen = hub_client::Seen { blocks: blocks[..cut].to_vec(), ended: false };
        let mut again = hub.subscribe(Subscribe::to(["a", "b"]).after(seen.last_event_id())).unwrap();
        let rest = read(&mut again);
        let all: Vec<_> = seen.data().into_iter().chain(rest.data()).collect();
        assert_eq!(all, ["a1", "1", "2", "3", "a2"], "cut after {cut}");
    }
}

#[test]
fn a_client_of_a_quiet_topic_has_no_gap_after_a_thousand_rings_of_other_events() {
    let hub = Hub::new(Bounds::events(10));
    let last = publish(&hub, "quiet", 1);
    for n in 0..10_000 {
        publish(&hub, "busy", n);
    }
    assert_eq!(gap(&hub, &["quiet"], &last), None);
    assert_eq!(gap(&hub, &["busy"], &last), Some(GapReason::Evicted));
    let missed = publish(&hub, "quiet", 2);
    assert_ne!(missed, last);
    assert_eq!(read(&mut hub.subscribe(Subscribe::to(["quiet"]).after(last)).unwrap()).data(), ["2"]);
}

#[test]
fn the_oldest_event_of_all_goes_first_whatever_its_topic() {
    // Beside events of that size, topics cost little.
    let text = |n: usize| format!("{n:020000}");
    let hub = Hub::builder(Bounds::events(100)).max_bytes(90_000).build();
    for (n, topic) in ["a", "b", "b", "a", "c", "b"].iter().enumerate() {
        publish(&hub, topic, text(n));
        assert!(hub.stats().memory <= 90_000);
    }
    assert_eq!(hub.stats().events, 4);
    let held = hub.subscribe(Subscribe::to(["a", "b", "c"]).start(Start::Oldest));
    assert_eq!(read(&mut held.unwrap()).data(), [2, 3, 4, 5].map(text));
    let too_large = hub.publish("a", event("x".repeat(90_000)));
    assert!(matches!(too_large, Err(PublishError::TooLarge { .. })));
    let too_large = hub.publish(&"name".repeat(22_500), event(""));
    assert!(matches!(too_large, Err(PublishError::TooLarge { .. })));
}

#[test]
fn finished_topics_without_subscribers_go_before_older_events() {
    let text = |n: usize| format!("{n:020000}");
    let hub = Hub::builder(Bounds::events(100)).max_bytes(90_000).build();
    let _watched = hub.subscribe(["watched job"]).unwrap();
    let first = publish(&hub, "live", text(0));
    for (n, topic) in ["watched job", "job", "live"].iter().enumerate() {
        publish(&hub, topic, text(n + 1));
    }
    let last = publish(&hub, "other", "small");
    hub.finish("watched job");
    hub.finish("job");
    publish(&hub, "live", text(4));
    assert_eq!(gap(&hub, &["job"], &first), Some(GapReason::Evicted));
    assert_eq!(gap(&hub, &["live", "watched job"], &first), None);
    // It is as finished as before.
    let refusal = hub.subscribe(Subscribe::to(["job"]).after(last)).unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::Finished);
    publish(&hub, "live", text(5));
    assert_eq!(gap(&hub, &["live"], &first), None, "its first event is next to go, but the client has it");
    assert_eq!(gap(&hub, &["watched job"], &first), None);
    assert_eq!(hub.stats().events, 5);
}

#[test]
fn events_that_are_too_old_go_in_all_topics() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(100).with_age(10 * SECOND)).clock(clock.now()).build();
    for n in 0..5 {
        publish(&hub, ["a", "b"][n % 2], n);
        clock.advance(3 * SECOND);
    }
    // Published 15, 12, 9, 6 and 3 seconds ago.
    assert_eq!(hub.stats().events, 4, "the bound is applied at each publish");
    hub.expire();
    assert_eq!((hub.stats().events, hub.stats().topics), (3, 2));
    clock.advance(100 * SECOND);
    hub.expire();
    assert_eq!((hub.stats().events, hub.stats().bytes, hub.stats().topics), (0, 0, 0));
}

#[test]
fn a_topic_whose_events_are_all_too_old_goes_on_with_the_next_one() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(100).with_age(10 * SECOND)).clock(clock.now()).build();
    let first = publish(&hub, "a", 0);
    clock.advance(11 * SECOND);
    publish(&hub, "a", 1);
    assert_eq!((hub.stats().events, hub.stats().topics), (1, 1));
    let seen = read(&mut hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap());
    assert_eq!((seen.gaps(), seen.data()), (vec![], vec!["1"]));
}

#[test]
fn a_topic_that_was_forgotten_and_comes_back_never_hides_a_gap() {
    let clock = Clock::new();
    let builder = Hub::builder(Bounds::events(1).with_age(SECOND)).max_remembered_topics(2);
    let hub = builder.clock(clock.now()).build();
    let before = publish(&hub, "other", 0);
    let first = publish(&hub, "a", 1);
    let lost = publish(&hub, "a", 2);
    for topic in ["b", "c", "d", "e"] {
        publish(&hub, topic, topic);
    }
    clock.advance(SECOND);
    hub.expire();
    assert_eq!(hub.stats().topics, 0);
    for id in [&before, &first] {
        assert_eq!(gap(&hub, &["a"], id), Some(GapReason::Evicted));
    }
    publish(&hub, "a", 3);
    for id in [&before, &first] {
        let seen = read(&mut hub.subscribe(Subscribe::to(["a"]).after(id.clone())).unwrap());
        assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["3"]));
    }
    // Those that were forgotten leave a floor, under which a gap is told that may not exist.
    assert_eq!(gap(&hub, &["never published to"], &before), Some(GapReason::Evicted));
    assert_eq!(gap(&hub, &["e"], &lost), Some(GapReason::Evicted));
    let newest = publish(&hub, "f", 4);
    assert_eq!(gap(&hub, &["a", "b", "never published to"], &newest), None);
}

#[test]
fn a_topic_that_is_remembered_tells_no_false_gap() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(1).with_age(SECOND)).clock(clock.now()).build();
    let first = publish(&hub, "a", 1);
    let second = publish(&hub, "a", 2);
    let other = publish(&hub, "b", 3);
    clock.advance(SECOND);
    hub.expire();
    assert_eq!(gap(&hub, &["a"], &first), Some(GapReason::Evicted));
    assert_eq!(gap(&hub, &["a"], &second), None);
    assert_eq!(gap(&hub, &["a"], &other), None);
    assert_eq!(gap(&hub, &["b"], &second), Some(GapReason::Evicted));
}

#[test]
fn of_the_finished_topics_those_that_finished_last_are_remembered() {
    let clock = Clock::new();
    let builder = Hub::builder(Bounds::events(1).with_age(SECOND)).max_remembered_topics(3);
    let hub = builder.clock(clock.now()).build();
    for n in 0..10 {
        publish(&hub, &format!("job {n}"), n);
        hub.finish(&format!("job {n}"));
        clock.advance(SECOND);
    }
    hub.finish("job without events");
    let refused = |topic: &str| hub.publish(topic, event("more")) == Err(PublishError::Finished);
    assert!(refused("job without events") && refused("job 9") && refused("job 8"));
    assert!(!refused("job 0"));
    let refusal = hub.subscribe(["job without events"]).unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::Finished);
}

#[test]
fn the_memory_of_the_hub_stays_within_its_bound_when_clients_read_and_leave() {
    const MAX: usize = 20_000;
    for key in [None, Some(())] {
        let hub = Hub::builder(Bounds::events(1_000)).max_bytes(MAX).build();
        let names: Vec<_> = (0..6).map(|topic| topic.to_string()).collect();
        let mut clients: Vec<_> = names.iter().map(|name| hub.subscribe(name).unwrap()).collect();
        let mut all = hub.subscribe(&names).unwrap();
        for number in 0..600 {
            let name = &names[number % 6];
            let event = Event::new("x".repeat(number % 50));
            let event = if key.is_some() { event.with_key((number % 40).to_string()) } else { event };
            hub.publish(name, event).unwrap();
            // Each read seals what was published, so that it takes a piece of its own.
            read(&mut clients[number % 6]);
            read(&mut all);
            let mut late = hub.subscribe(Subscribe::to(name).start(Start::Oldest)).unwrap();
            read(&mut late);
            assert!(hub.stats().memory <= MAX, "{} bytes after {number} events", hub.stats().memory);
        }
        // Each of these leaves a record.
        for number in 0..600 {
            let name = format!("short {number}");
            drop(hub.topic(&name));
            hub.finish(&name);
            drop(hub.subscribe(Subscribe::to(["other", &name]).start(Start::Oldest)));
            assert!(hub.stats().memory <= MAX, "{} bytes after {number} records", hub.stats().memory);
        }
        // What the records may take is bounded as well.
        assert!(hub.stats().memory > MAX / 2 && hub.stats().events > 5, "{:?}", hub.stats());
    }
}
