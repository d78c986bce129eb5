//! Topics with hostile names, and events that are none of a subscriber's business: no name reaches another topic's
//! events, and what a filter holds back shows nowhere.

use std::time::Duration;

use crate::support::blocks::Block;
use crate::support::clock::Clock;
use crate::support::hub_client::{is_notice, last_event_id, read};
use crate::support::topic_names::hostile_names;
use futures_util::{FutureExt, StreamExt};
use ssekit::{
    Bounds, Event, EventType, Hub, Subscribe,
    hub::{Lag, PublishError, RefusalReason, Start},
};

/// Publishes one event to each topic, whose data says which one it is.
fn publish_to_all(hub: &Hub, names: &[String]) {
    for (number, name) in names.iter().enumerate() {
        hub.publish(name, Event::new(number.to_string())).unwrap();
    }
}

#[test]
fn a_name_reaches_no_other_topics_events() {
    let names = hostile_names();
    let hub = Hub::new(Bounds::events(10));
    let mut live: Vec<_> = names.iter().map(|name| hub.subscribe([name]).unwrap()).collect();
    publish_to_all(&hub, &names);
    for (number, name) in names.iter().enumerate() {
        assert_eq!(read(&mut live[number]).data(), [number.to_string()], "{name:?}");
        let from_oldest = Subscribe::to([name]).start(Start::Oldest);
        let mut replayed = hub.subscribe(from_oldest).unwrap();
        assert_eq!(read(&mut replayed).data(), [number.to_string()], "{name:?}");
        assert_eq!(replayed.next().now_or_never(), None, "{name:?}");
    }
    assert_eq!(hub.stats().delivered, 2 * names.len() as u64);
}

#[test]
fn two_names_bring_the_events_of_just_these_two_topics() {
    let names = hostile_names();
    let hub = Hub::new(Bounds::events(10));
    publish_to_all(&hub, &names);
    for first in 0..names.len() {
        for second in first + 1..names.len() {
            let both = Subscribe::to([&names[second], &names[first]]).start(Start::Oldest);
            let seen = read(&mut hub.subscribe(both).unwrap());
            assert_eq!(seen.data(), [first.to_string(), second.to_string()]);
        }
    }
}

#[test]
fn finishing_a_topic_finishes_no_other_one() {
    let names = hostile_names();
    for (number, name) in names.iter().enumerate() {
        let hub = Hub::new(Bounds::events(10));
        hub.finish(name);
        for (other, other_name) in names.iter().enumerate() {
            let refusal = hub.subscribe([other_name]).err().map(|refusal| refusal.reason());
            let published = hub.publish(other_name, Event::new("x"));
            if other == number {
                assert_eq!(refusal, Some(RefusalReason::Finished), "{name:?}");
                assert_eq!(published.unwrap_err(), PublishError::Finished, "{name:?}");
            } else {
                assert_eq!(refusal, None, "{name:?} and {other_name:?}");
                assert!(published.is_ok(), "{name:?} and {other_name:?}");
            }
        }
    }
}

const SECRET: EventType = EventType::from_static("secret");

fn is_public(event: &ssekit::hub::EventInfo<'_>) -> bool {
    event.event_type() != Some(SECRET.as_str())
}

/// Whatever a subscriber with a filter may get: nothing of it tells of a secret but that the position moved.
#[track_caller]
fn assert_silent(blocks: &[Block], public: &[&str]) {
    let events = blocks.iter().filter(|block| !is_notice(block));
    assert_eq!(events.map(|block| block.data.as_deref().unwrap()).collect::<Vec<_>>(), public);
    for block in blocks {
        assert_ne!(block.event.as_deref(), Some("secret"));
        let data = block.data.as_deref().unwrap_or_default();
        assert!(!data.contains("secret"), "{block:?}");
        if block.event.as_deref() == Some("position") {
            assert_eq!(data, "");
        }
    }
}

#[test]
fn what_is_filtered_out_shows_neither_in_the_stream_nor_in_the_counts() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(4)).clock(clock.now()).build();
    let subscription = |topics: &[&str]| {
        let subscription = Subscribe::to(topics).filter(is_public);
        subscription.lag(Lag::Skip).lifetime(Duration::from_secs(60)..=Duration::from_secs(60))
    };
    let secret = || Event::new("secret").with_type(SECRET);
    let mut one = hub.subscribe(subscription(&["a"])).unwrap();
    let mut two = hub.subscribe(subscription(&["a", "b"])).unwrap();
    let mut seen = [read(&mut one), read(&mut two)];

    // Live, among others and alone.
    hub.publish("a", secret()).unwrap();
    hub.publish("a", Event::new("public")).unwrap();
    hub.publish("b", secret()).unwrap();
    for (seen, stream) in seen.iter_mut().zip([&mut one, &mut two]) {
        seen.blocks.extend(read(stream).blocks);
    }
    assert_eq!(hub.stats().delivered, 2);
    // When it falls behind, and only secrets are held.
    (0..9).for_each(|_| drop(hub.publish("a", secret()).unwrap()));
    for (seen, stream) in seen.iter_mut().zip([&mut one, &mut two]) {
        seen.blocks.extend(read(stream).blocks);
        assert_eq!(seen.gaps(), ["lagged"]);
    }
    // At the end of a stream, and when it comes back.
    hub.publish("a", secret()).unwrap();
    clock.advance(Duration::from_secs(60));
    for (seen, (stream, topics)) in seen.iter_mut().zip([(&mut one, &["a"][..]), (&mut two, &["a", "b"])]) {
        let rest = read(stream);
        assert!(rest.ended);
        seen.blocks.extend(rest.blocks);
        let last = last_event_id(seen.blocks.iter().rev().find_map(|block| block.id.as_deref()).unwrap());
        hub.publish("a", secret()).unwrap();
        let back = read(&mut hub.subscribe(subscription(topics).after(last)).unwrap());
        seen.blocks.extend(back.blocks);
        assert_silent(&seen.blocks, &["public"]);
    }
    assert_eq!(hub.stats().delivered, 2);
}

/// The position is what a client with nothing but secrets gets, and it is none of their data, type or topic.
#[test]
fn the_position_of_a_secret_says_only_that_the_order_moved() {
    let hub = Hub::new(Bounds::events(10));
    let mut filtered = hub.subscribe(Subscribe::to(["a"]).filter(is_public)).unwrap();
    let mut elsewhere = hub.subscribe(["b"]).unwrap();
    let begun = [read(&mut filtered), read(&mut elsewhere)];
    let id = hub.publish("a", Event::new("secret").with_type(SECRET)).unwrap();
    hub.finish("a");
    hub.finish("b");
    // One to whom the topic is no concern is told the same.
    for (stream, begun) in [&mut filtered, &mut elsewhere].into_iter().zip(begun) {
        let seen = read(stream);
        let position = Block {
            id: Some(id.as_str().to_owned()),
            event: Some("position".to_owned()),
            data: Some(String::new()),
            retry: None,
        };
        assert_ne!(begun.blocks[0].id, position.id);
        assert_eq!((seen.blocks, seen.ended), (vec![position], true));
    }
    assert_eq!(hub.stats().delivered, 0);
}
