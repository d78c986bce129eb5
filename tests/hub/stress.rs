//! Threads that publish, subscribe, resume, cut and drop at once, with every client's record checked.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Barrier},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use crate::support::blocks::blocks;
use crate::support::hub_client::{is_notice, last_event_id};
use bytes::Bytes;
use futures_core::Stream;
use ssekit::{
    Bounds, Event, Hub, Subscribe, Subscription,
    hub::{Lag, Topics},
};

const TOPICS: [&str; 4] = ["a", "b", "c", "d"];
const PUBLISHERS: usize = 3;
const CLIENTS: u64 = 8;
const EVENTS: usize = 3_000;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the next item on this thread.
fn next(subscription: &mut Subscription) -> Option<Bytes> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match Pin::new(&mut *subscription).poll_next(&mut Context::from_waker(&waker)) {
            Poll::Ready(item) => return item,
            Poll::Pending => thread::park(),
        }
    }
}

/// Numbers that look random, from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// All that was published: topic and data, by position.
type Published = BTreeMap<u64, (usize, String)>;

fn number(id: &str) -> u64 {
    id.split_once('-').unwrap().1.parse().unwrap()
}

/// Publishes to all topics in turn, from several threads, alone and in batches.
fn publish(hub: &Hub, publisher: usize, start: &Barrier) -> Published {
    start.wait();
    let mut random = Random(publisher as u64);
    let mut published = Published::new();
    let mut n = 0;
    while n < EVENTS {
        let topic = random.below(TOPICS.len() as u64) as usize;
        let batch: Vec<_> =
            (0..1 + random.below(3)).map(|more| format!("{publisher} {}", n + more as usize)).collect();
        n += batch.len();
        let events = batch.iter().map(|data| Event::new(data.clone()));
        let ids = hub.publish_all(TOPICS[topic], events).unwrap();
        published.extend(ids.iter().zip(batch).map(|(id, data)| (number(id.as_str()), (topic, data))));
        if random.below(50) == 0 {
            thread::yield_now();
        }
    }
    published
}

/// What one client has seen over all its connections.
#[derive(Default)]
struct Record {
    topics: Vec<usize>,
    odd_only: bool,
    /// The position that it was told first.
    start: Option<u64>,
    events: Vec<(u64, String)>,
    /// How many events it had seen whenever it was told of a gap.
    gaps: Vec<usize>,
    connections: usize,
}

/// Reads until all topics are finished and nothing remains, cut again and again.
fn consume(hub: &Hub, seed: u64, start: &Barrier) -> Record {
    let mut random = Random(seed);
    let mut topics: Vec<usize> = (0..TOPICS.len()).filter(|_| random.below(2) == 0).collect();
    if topics.is_empty() || seed % 2 == 0 {
        topics = vec![random.below(TOPICS.len() as u64) as usize];
    }
    let mut record = Record { topics, odd_only: random.below(4) == 0, ..Record::default() };
    let mut last = None;
    loop {
        let topics = record.topics.iter().map(|topic| TOPICS[*topic]);
        let mut subscription = Subscribe::to(topics.collect::<Topics>());
        if random.below(2) == 0 {
            subscription = subscription.lag(Lag::Skip);
        }
        if record.odd_only {
            subscription = subscription.filter(|event| number(event.id()) % 2 == 1);
        }
        let Ok(mut subscription) = hub.subscribe(subscription.after(last.clone())) else { return record };
        record.connections += 1;
        if record.connections == 1 {
            start.wait();
        }
        for _ in 0..random.below(40) {
            let Some(bytes) = next(&mut subscription) else { break };
            for block in blocks(&bytes) {
                let id = block.id.as_deref().unwrap();
                last = last_event_id(id);
                record.start.get_or_insert(number(id));
                if !is_notice(&block) {
                    record.events.push((number(id), block.data.unwrap()));
                } else if block.event.as_deref() == Some("reset") {
                    record.gaps.push(record.events.len());
                }
            }
            if random.below(10) == 0 {
                thread::yield_now();
            }
        }
        // Some are dropped elsewhere, while the next one is made.
        if random.below(4) == 0 {
            thread::spawn(move || drop(subscription));
        }
    }
}

fn run(hub: &Hub) -> (Published, Vec<Record>) {
    let start = &Barrier::new(CLIENTS as usize + PUBLISHERS);
    // So many that those who come later to one topic alone are spread over lanes.
    let _crowd: Vec<_> = TOPICS.iter().flat_map(|topic| (0..10).map(|_| hub.subscribe([*topic]))).collect();
    thread::scope(|scope| {
        let consumers: Vec<_> =
            (0..CLIENTS).map(|seed| scope.spawn(move || consume(hub, seed, start))).collect();
        let publishers: Vec<_> =
            (0..PUBLISHERS).map(|n| scope.spawn(move || publish(hub, n, start))).collect();
        let published = publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect();
        TOPICS.iter().for_each(|topic| hub.finish(topic));
        (published, consumers.into_iter().map(|consumer| consumer.join().unwrap()).collect())
    })
}

fn expected(published: &Published, record: &Record) -> Vec<(u64, String)> {
    let mine = published.iter().filter(|(at, (topic, _))| {
        record.topics.contains(topic) && Some(**at) > record.start && (!record.odd_only || **at % 2 == 1)
    });
    mine.map(|(at, (_, data))| (*at, data.clone())).collect()
}

#[test]
fn every_client_sees_every_event_once_and_in_order_however_often_it_is_cut() {
    let hub = Hub::new(Bounds::events(1_000_000));
    let (published, records) = run(&hub);
    assert_eq!(published.len() as u64, hub.stats().published);
    assert!(published.keys().copied().eq(1..=hub.stats().published), "positions are given out in order");
    for record in records {
        assert_eq!((record.start, record.gaps.len()), (Some(0), 0));
        assert!(record.events == expected(&published, &record), "{} events", record.events.len());
    }
    assert_eq!((hub.stats().lagged, hub.stats().gaps), (0, 0));
}

/// Checks that between two events of a topic nothing is missing, unless a gap was told between them.
///
/// Events of other topics may come after the gap is told and before what is missing.
fn check_topic(record: &Record, published: &Published, topic: usize) {
    let mut due =
        expected(published, record).into_iter().filter(|(at, _)| published[at].0 == topic).peekable();
    let mut previous = 0;
    let seen = record.events.iter().enumerate().filter(|(_, (at, _))| published[at].0 == topic);
    for (index, event) in seen {
        let lost = std::iter::from_fn(|| due.next_if(|next| next < event)).count();
        assert_eq!(due.next().as_ref(), Some(event));
        let told = record.gaps.iter().any(|told| (previous..=index).contains(told));
        assert!(lost == 0 || told, "{lost} events are missing in silence");
        previous = index + 1;
    }
    assert!(due.next().is_none() || record.gaps.iter().any(|told| *told >= previous));
}

#[test]
fn with_a_history_that_is_too_small_what_is_missing_was_told_where_it_is_missing() {
    let hub = Hub::new(Bounds::events(20));
    let (published, records) = run(&hub);
    let mut told = 0;
    for record in &records {
        assert!(record.events.is_sorted_by(|one, next| one.0 < next.0), "twice, or out of order");
        for topic in &record.topics {
            check_topic(record, &published, *topic);
        }
        told += record.gaps.len() as u64;
    }
    assert!(told <= hub.stats().gaps);
}

#[test]
fn the_count_of_subscriptions_is_exact_after_all_have_gone() {
    let hub = Hub::new(Bounds::events(20));
    thread::scope(|scope| {
        for seed in 0..4 {
            let hub = &hub;
            scope.spawn(move || {
                let mut random = Random(seed);
                let mut alive = Vec::new();
                for n in 0..2_000 {
                    let topics = [TOPICS[random.below(4) as usize], TOPICS[random.below(4) as usize]];
                    let mut subscription = hub.subscribe(topics).unwrap();
                    assert!(next(&mut subscription).is_some());
                    let cx = &mut Context::from_waker(Waker::noop());
                    let _ = Pin::new(&mut subscription).poll_next(cx);
                    alive.push(subscription);
                    if random.below(2) == 0 {
                        drop(alive.swap_remove(random.below(alive.len() as u64) as usize));
                    }
                    hub.publish(topics[0], Event::new(n.to_string())).unwrap();
                }
            });
        }
    });
    let stats = hub.stats();
    assert_eq!((stats.subscribers, stats.topics, stats.published), (0, 4, 8_000));
}
