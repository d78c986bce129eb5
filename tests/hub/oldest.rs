//! A new client that starts at the oldest event, of a history that is whole or has lost its beginning.

use std::time::Duration;

use crate::support::blocks::Block;
use crate::support::clock::Clock;
use crate::support::hub_client::read;
use ssekit::{
    Bounds, Event, EventId, Hub, Subscribe,
    hub::{GapReason, Start},
};

const SECOND: Duration = Duration::from_secs(1);

fn event(data: impl ToString) -> Event {
    Event::new(data.to_string())
}

fn publish(hub: &Hub, topic: &str, data: impl ToString) -> EventId {
    hub.publish(topic, event(data)).unwrap()
}

#[test]
fn a_new_client_learns_that_the_beginning_is_gone() {
    let hub = Hub::new(Bounds::events(3));
    let ids: Vec<_> = (0..10).map(|data| publish(&hub, "a", data)).collect();
    publish(&hub, "whole", "x");
    let oldest = |topics: &[&str]| hub.subscribe(Subscribe::to(topics).start(Start::Oldest)).unwrap();
    for topics in [&["a"][..], &["a", "whole"]] {
        let mut client = oldest(topics);
        let gap = client.gap().unwrap();
        assert_eq!((gap.reason(), gap.position()), (GapReason::Evicted, Some(&ids[6])));
        let seen = read(&mut client);
        assert_eq!(seen.blocks[0], evicted(&ids[6]));
        assert_eq!(seen.data()[..3], ["7", "8", "9"]);
    }
    assert!(oldest(&["whole"]).gap().is_none());
    assert!(oldest(&["never used"]).gap().is_none());
    assert!(hub.subscribe(["a"]).unwrap().gap().is_none(), "from now on, nothing is missing");

    // One that comes back from where it was told goes on, and nothing is missing.
    let mut client = hub.subscribe(Subscribe::to(["a"]).start(Start::Oldest).after(ids[6].clone()));
    assert_eq!(read(client.as_mut().unwrap()).gaps(), [""; 0]);
    assert_eq!(hub.stats().gaps, 2);
}

#[test]
fn a_beginning_that_is_gone_is_remembered_when_the_history_is_empty() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(10).with_age(SECOND)).clock(clock.now()).build();
    publish(&hub, "a", 1);
    clock.advance(SECOND);
    hub.expire();
    assert_eq!(hub.stats().topics, 0);
    let oldest = || hub.subscribe(Subscribe::to(["a"]).start(Start::Oldest)).unwrap();
    assert_eq!(oldest().gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
    publish(&hub, "a", 2);
    let seen = read(&mut oldest());
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["2"]));
}

#[test]
fn a_topic_that_may_have_been_forgotten_has_a_gap_unless_a_publisher_begins_it() {
    let hub = Hub::builder(Bounds::events(10)).max_remembered_topics(0).max_bytes(700).build();
    let gap = |topic: &str| {
        let client = hub.subscribe(Subscribe::to([topic]).start(Start::Oldest));
        client.unwrap().gap().map(|gap| gap.reason())
    };
    assert_eq!(gap("a"), None, "nothing was forgotten yet");
    publish(&hub, "a", 1);
    publish(&hub, "b", "x".repeat(100));
    assert_eq!(hub.stats().events, 1);
    assert_eq!(gap("a"), Some(GapReason::Evicted));
    let job = hub.topic("job");
    assert_eq!(gap("job"), None);
    job.publish(event("1")).unwrap();
    assert_eq!(gap("job"), None);
    drop(job);
    assert_eq!(gap("job"), None, "it is held");
}

fn evicted(id: &EventId) -> Block {
    Block {
        id: Some(id.to_string()),
        event: Some("reset".to_owned()),
        data: Some(r#"{"reason": "evicted"}"#.to_owned()),
        retry: None,
    }
}
