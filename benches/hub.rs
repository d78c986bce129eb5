//! Publishing to subscribers, and what they get: from one that waits to ten thousand that are behind.
//!
//! `cargo bench --bench hub`

use std::{
    hint::black_box,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use futures_core::Stream;
use ssekit::{Bounds, Event, EventType, Hub, Subscribe, Subscription};

fn main() {
    divan::main();
}

/// Each event goes to all before the next one is published.
#[divan::bench(args = SUBSCRIBERS)]
fn one_at_a_time(bencher: Bencher<'_, '_>, subscribers: usize) {
    publish_and_drain(bencher, subscribers, 1);
}

/// All are 64 events behind when they are asked.
#[divan::bench(args = SUBSCRIBERS)]
fn bursts_of_64(bencher: Bencher<'_, '_>, subscribers: usize) {
    publish_and_drain(bencher, subscribers, 64);
}

/// Clients come back, each 100 events behind, and get what they missed.
#[divan::bench(args = SUBSCRIBERS)]
fn resume(bencher: Bencher<'_, '_>, clients: usize) {
    let hub = hub();
    let ids: Vec<_> = (0..1_000).map(|_| hub.publish(TOPIC, event()).unwrap()).collect();
    let last_event_id = &ids[ids.len() - 101];
    bencher.counter(ItemsCount::new(clients)).bench(|| {
        for _ in 0..clients {
            let mut events = hub.subscribe(Subscribe::to([TOPIC]).after(last_event_id.clone())).unwrap();
            assert!(events.gap().is_none());
            let _position = next(&mut events).unwrap();
            let missed = next(&mut events).unwrap();
            assert_eq!(missed.len(), 100 * event_len(last_event_id.as_str()));
        }
    });
}

/// Publishing alone, to a topic among others that are idle.
#[divan::bench(args = [0, 1_000, 100_000])]
fn publish_among_idle_topics(bencher: Bencher<'_, '_>, topics: usize) {
    let hub = hub();
    for topic in 0..topics {
        hub.publish(&topic.to_string(), event()).unwrap();
    }
    let published = hub.stats().published;
    let mut more = 0;
    bencher.bench_local(|| {
        more += 1;
        hub.publish(TOPIC, event()).unwrap()
    });
    assert_eq!(hub.stats().published, published + more);
}

/// Publishing changes of so many keys, in turn and at random. Compare with [`publish_to_a_history_of`].
#[divan::bench(args = KEYS)]
fn publish_with_a_key_in_turn(bencher: Bencher<'_, '_>, keys: usize) {
    publish_keyed(bencher, keys, |n| n % keys);
}

#[divan::bench(args = KEYS)]
fn publish_with_a_key_at_random(bencher: Bencher<'_, '_>, keys: usize) {
    publish_keyed(bencher, keys, |n| ((n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as usize % keys);
}

/// The same without keys, in a history of as many events.
#[divan::bench(args = KEYS)]
fn publish_to_a_history_of(bencher: Bencher<'_, '_>, events: usize) {
    let hub = Hub::builder(Bounds::events(events)).max_bytes(1 << 30).build();
    (0..2 * events).for_each(|_| drop(hub.publish(TOPIC, event()).unwrap()));
    bencher.bench_local(|| hub.publish(TOPIC, event()).unwrap());
    assert_eq!(hub.stats().events, events);
}

fn publish_keyed(bencher: Bencher<'_, '_>, keys: usize, key: impl Fn(usize) -> usize) {
    let hub = Hub::builder(Bounds::events(keys)).max_bytes(1 << 30).build();
    let names: Vec<_> = (0..keys).map(|key| format!("key {key}")).collect();
    let publish = |key: usize| hub.publish(TOPIC, event().with_key(&names[key])).unwrap();
    (0..keys).for_each(|key| drop(publish(key)));
    let mut published = 0;
    bencher.bench_local(|| {
        published += 1;
        publish(key(published))
    });
    assert_eq!((hub.stats().events, hub.stats().gaps), (keys, 0));
}

fn publish_and_drain(bencher: Bencher<'_, '_>, subscribers: usize, burst: usize) {
    let hub = hub();
    let mut subscriptions: Vec<Subscription> =
        (0..subscribers).map(|_| hub.subscribe([TOPIC]).unwrap()).collect();
    for subscription in &mut subscriptions {
        let _position = next(subscription).unwrap();
        assert_eq!(next(subscription), None);
    }
    bencher.counter(ItemsCount::new(subscribers * burst)).bench_local(|| {
        let mut expected = 0;
        for _ in 0..burst {
            expected += event_len(hub.publish(TOPIC, event()).unwrap().as_str());
        }
        for subscription in &mut subscriptions {
            let mut got = 0;
            while let Some(bytes) = next(subscription) {
                got += black_box(bytes).len();
            }
            assert_eq!(got, expected);
        }
    });
}

/// Returns what a subscription has for its client now.
fn next(subscription: &mut Subscription) -> Option<Bytes> {
    match Pin::new(subscription).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(bytes) => Some(bytes.expect("it has not ended")),
        Poll::Pending => None,
    }
}

fn hub() -> Hub {
    Hub::builder(Bounds::events(1_000).with_bytes(1 << 24)).max_bytes(1 << 28).build()
}

fn event() -> Event {
    const TYPE: EventType = EventType::from_static("update");
    Event::new(TEXT).with_type(TYPE)
}

fn event_len(id: &str) -> usize {
    "id: \nevent: update\ndata: \n\n".len() + id.len() + TEXT.len()
}

const KEYS: [usize; 2] = [10, 100_000];
const SUBSCRIBERS: [usize; 3] = [1, 100, 10_000];
const TOPIC: &str = "orders";
const TEXT: &str =
    "{\"order\":4711,\"state\":\"shipped\",\"items\":[{\"sku\":\"A-1\",\"count\":2}],\"total\":129.95}";
