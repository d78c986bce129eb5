//! A stream ends when nobody is left to publish to it: handles on a hub, and handles on a topic.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::Context,
    time::Duration,
};

use crate::support::counting_waker::CountingWaker;
use crate::support::hub_client::read;
use futures_core::Stream;
use ssekit::{
    Bounds, Event, Hub, Subscribe,
    hub::{Close, PublishError, RefusalReason},
};

fn hub() -> Hub {
    Hub::new(Bounds::events(10))
}

#[test]
fn a_hub_closes_when_its_last_handle_is_dropped() {
    let hub = hub();
    let mut behind = hub.subscribe(["a"]).unwrap();
    let mut parked = hub.subscribe(["b"]).unwrap();
    let (wakes, waker) = CountingWaker::new();
    while Pin::new(&mut parked).poll_next(&mut Context::from_waker(&waker)).is_ready() {}
    hub.publish("a", Event::new("1")).unwrap();
    let other = hub.clone();
    drop(hub);
    assert_eq!(wakes.take(), 0);
    assert!(!read(&mut parked).ended);

    let drained = other.drained();
    while Pin::new(&mut parked).poll_next(&mut Context::from_waker(&waker)).is_ready() {}
    drop(other);
    assert_eq!(wakes.take(), 1);
    assert!(read(&mut parked).ended);
    let seen = read(&mut behind);
    assert_eq!((seen.data(), seen.ended), (vec!["1"], true));
    futures_util::FutureExt::now_or_never(drained).expect("no subscription is left");
}

#[test]
fn a_hub_that_was_closed_closes_as_it_was_told() {
    let hub = hub();
    let mut client = hub.subscribe(["a"]).unwrap();
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::ZERO));
    drop(hub);
    assert_eq!(read(&mut client).blocks[1].retry, Some(1_000));
}

#[test]
fn a_handle_on_a_topic_keeps_the_hub_open() {
    let topic = hub().topic("a");
    assert_eq!((topic.name(), format!("{topic:?}").contains("a")), ("a", true));
    let id = topic.publish(Event::new("1")).unwrap();
    assert!(!id.as_str().is_empty());
    topic.finish();
    assert_eq!(topic.publish(Event::new("2")), Err(PublishError::Finished));
}

#[test]
fn a_topic_is_finished_when_its_last_handle_that_finishes_it_is_dropped() {
    let hub = hub();
    let mut client = hub.subscribe(["job"]).unwrap();
    let plain = hub.topic("job");
    let job = plain.clone().finish_on_drop();
    let other = job.clone();
    job.publish(Event::new("1")).unwrap();
    drop(job);
    let seen = read(&mut client);
    assert_eq!((seen.data(), seen.ended), (vec!["1"], false));
    other.publish(Event::new("2")).unwrap();
    drop(other);
    let seen = read(&mut client);
    assert_eq!((seen.data(), seen.ended), (vec!["2"], true));
    assert_eq!(plain.publish(Event::new("3")), Err(PublishError::Finished));
    // Without that, a topic is as it was when a handle on it is dropped.
    drop(hub.topic("other"));
    hub.publish("other", Event::new("1")).unwrap();
}

#[test]
fn a_panic_finishes_the_topic() {
    let hub = hub();
    let mut client = hub.subscribe(["job"]).unwrap();
    let job = hub.topic("job").finish_on_drop();
    let panicked = catch_unwind(AssertUnwindSafe(move || {
        job.publish(Event::new("1")).unwrap();
        panic!("what makes the rest has failed");
    }));
    assert!(panicked.is_err());
    let seen = read(&mut client);
    assert_eq!((seen.data(), seen.ended), (vec!["1"], true));
    let refused = hub.subscribe(Subscribe::to(["job"]).after(seen.last_event_id())).unwrap_err();
    assert_eq!(refused.reason(), RefusalReason::Finished);
}

#[test]
fn a_topic_is_known_as_long_as_there_is_a_handle() {
    let hub = hub();
    let topics = [hub.topic("a"), hub.topic("a"), hub.topic("b")];
    assert_eq!((hub.stats().topics, hub.stats().subscribers), (2, 0));
    let [one, other, b] = topics;
    drop((one, b));
    assert_eq!(hub.stats().topics, 1);
    drop(other);
    assert_eq!(hub.stats().topics, 0);
}
