//! Publishing to subscribers, and what they get: from one that waits to ten thousand that are behind.
//!
//! `cargo bench --bench hub`; `cargo bench --bench hub -- keys` for publishing with keys.

use std::{
    collections::HashMap,
    hint::black_box,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use divan::{Bencher, counter::ItemsCount};
use futures_core::Stream;
use ssekit::{Bounds, Event, EventType, Hub, Subscribe, Subscription};

fn main() {
    // Ratios of what takes turns are no benchmark of divan.
    if std::env::args().any(|arg| arg == "keys") { publish_with_keys() } else { divan::main() }
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

/// Publishing changes of so many keys, in turn and at random, beside publishing without keys to a history of
/// as many events, and beside changing the values of a `HashMap` of the same keys and data.
///
/// Each takes its turn in one run, and the ratios are printed, with quartiles. Most of the time with many keys
/// is spent waiting for memory that is in no cache, as the map shows. The keys come in the order of their use,
/// as if they had just been received: looking them up in a table of names would wait for memory, too.
fn publish_with_keys() {
    for keys in KEYS {
        let [turn, random] =
            [|n| n, |n| (scrambled(n as u64) >> 20) as usize].map(|key: fn(usize) -> usize| {
                (0..5 * TURN).map(|n| format!("key {}", key(n) % keys)).collect::<Vec<_>>()
            });
        let hubs = [(); 3].map(|()| Hub::builder(Bounds::events(keys)).max_bytes(1 << 30).build());
        let mut map = HashMap::new();
        let mut change = |key: &String| {
            let [key, data] = [key, TEXT].map(|text| Bytes::copy_from_slice(text.as_bytes()));
            black_box(map.insert(key, data));
        };
        let publish = |hub: usize, event| drop(black_box(hubs[hub].publish(TOPIC, event).unwrap()));
        let mut takes: [(&[String], Take<'_>); 4] = [
            (&turn, Box::new(|_| publish(0, event()))),
            (&turn, Box::new(|key| publish(1, event().with_key(key)))),
            (&random, Box::new(|key| publish(2, event().with_key(key)))),
            (&random, Box::new(|key| change(key))),
        ];
        // All keys are there, and have changed, before it is measured.
        for (order, take) in &mut takes {
            turn.iter().take(keys).chain(*order).for_each(take);
        }
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let at = round % 5 * TURN;
            rounds.push(takes.each_mut().map(|(order, take)| timed(&order[at..at + TURN], take)));
        }
        println!(
            "{keys} keys: {:.0} ns to publish without a key, and so many times that",
            middle(&rounds, |round| round[0]).1
        );
        for (at, name) in [(1, "with keys in turn"), (2, "at random"), (3, "a HashMap, at random")] {
            let (low, median, high) = middle(&rounds, |round| round[at] / round[0]);
            println!("    {name:<21} {median:.2} ({low:.2} to {high:.2})");
        }
        let of = |hub: usize| (hubs[hub].stats().events, hubs[hub].stats().gaps);
        assert_eq!([of(0), of(1), of(2)], [(keys, 0); 3]);
    }
}

/// What is done with each key.
type Take<'a> = Box<dyn FnMut(&String) + 'a>;

/// Returns the nanoseconds that each key took.
fn timed(keys: &[String], take: &mut Take<'_>) -> f64 {
    let began = Instant::now();
    keys.iter().for_each(take);
    began.elapsed().as_nanos() as f64 / keys.len() as f64
}

/// Returns the quartiles of a figure of all rounds.
fn middle(rounds: &[[f64; 4]], figure: impl Fn(&[f64; 4]) -> f64) -> (f64, f64, f64) {
    let mut figures: Vec<_> = rounds.iter().map(figure).collect();
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 4], figures[figures.len() / 2], figures[figures.len() * 3 / 4])
}

/// Returns a number that looks random (SplitMix64).
fn scrambled(n: u64) -> u64 {
    let n = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
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

const KEYS: [usize; 3] = [10, 1_000, 100_000];
/// The changes that are measured at once.
const TURN: usize = 100_000;
const ROUNDS: usize = 41;
const SUBSCRIBERS: [usize; 3] = [1, 100, 10_000];
const TOPIC: &str = "orders";
const TEXT: &str =
    "{\"order\":4711,\"state\":\"shipped\",\"items\":[{\"sku\":\"A-1\",\"count\":2}],\"total\":129.95}";
