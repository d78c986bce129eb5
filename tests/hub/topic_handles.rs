//! What a handle on a topic tells, and waiting until nobody listens.

use std::{future::Future, pin::pin, task::Context};

use ssekit::{
    Bounds, Hub,
    hub::{Topic, TopicStats},
};

use crate::support::{counting_waker::CountingWaker, hub_client::read};

fn hub() -> Hub {
    Hub::new(Bounds::events(10))
}

#[test]
fn the_last_subscription_of_a_topic_wakes_those_who_wait_for_that() {
    let hub = hub();
    let (job, other) = (hub.topic("job"), hub.topic("other"));
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(job.wait_unsubscribed()).poll(&mut cx).is_ready(), "nobody has come");

    let clients = [hub.subscribe("job").unwrap(), hub.subscribe(["job", "other"]).unwrap()];
    let (mut waiting, mut waiting_too) =
        (pin!(job.wait_unsubscribed()), pin!(job.clone().wait_unsubscribed()));
    assert!(waiting.as_mut().poll(&mut cx).is_pending() && waiting_too.as_mut().poll(&mut cx).is_pending());
    assert_eq!((job.subscribers(), other.subscribers()), (2, 1));
    let [one, both] = clients;
    drop(one);
    assert_eq!(wakes.take(), 0);
    drop(both);
    assert_eq!((wakes.take(), job.subscribers(), other.subscribers()), (2, 0, 0));
    assert!(waiting.as_mut().poll(&mut cx).is_ready());

    // One came back before the other future was polled.
    let client = hub.subscribe("job").unwrap();
    assert!(waiting_too.as_mut().poll(&mut cx).is_pending());
    drop(client);
    assert_eq!(wakes.take(), 1);
    assert!(waiting_too.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn the_latest_waker_is_woken_and_a_dropped_future_wakes_nobody() {
    let hub = hub();
    let job = hub.topic("job");
    let client = hub.subscribe("job").unwrap();
    let ((old, old_waker), (new, new_waker)) = (CountingWaker::new(), CountingWaker::new());
    let mut waiting = pin!(job.wait_unsubscribed());
    for _ in 0..3 {
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&old_waker)).is_pending());
    }
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&new_waker)).is_pending());
    for _ in 0..100 {
        let mut dropped = Box::pin(job.wait_unsubscribed());
        assert!(dropped.as_mut().poll(&mut Context::from_waker(&old_waker)).is_pending());
    }
    drop(client);
    assert_eq!((old.take(), new.take()), (0, 1));
}

#[test]
fn removing_and_finishing_a_topic_end_the_wait() {
    for end in [Topic::remove, Topic::finish] {
        let hub = hub();
        let job = hub.topic("job");
        let mut client = hub.subscribe("job").unwrap();
        let (wakes, waker) = CountingWaker::new();
        let mut cx = Context::from_waker(&waker);
        let mut waiting = pin!(job.wait_unsubscribed());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        end(&job);
        let seen = read(&mut client);
        assert!(seen.ended);
        assert_eq!(wakes.take(), 1);
        assert!(waiting.as_mut().poll(&mut cx).is_ready());
    }
}

#[test]
fn statistics_of_a_topic() {
    let hub = hub();
    let job = hub.topic("job").finish_on_drop();
    let watcher = hub.topic("job");
    assert_eq!(watcher.stats(), TopicStats::default());
    job.publish("a").unwrap();
    let _client = hub.subscribe("job").unwrap();
    let stats = watcher.stats();
    assert_eq!((stats.events, stats.subscribers, stats.finished), (1, 1, false));
    assert_eq!(stats.bytes, hub.stats().bytes);
    drop(job);
    assert!(watcher.stats().finished);
    // Running it again under its name: the old history goes, and a new job begins.
    watcher.remove();
    let job = hub.topic("job").finish_on_drop();
    job.publish("b").unwrap();
    assert_eq!((job.stats().events, job.stats().finished), (1, false));
}
