//! States of so many keys that they are kept in many pieces: what they cost, and what is counted of them.

use std::{
    iter,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use ssekit::{
    Bounds, Event, EventId, Hub, ReplayBuffer, Subscribe, Subscription, hub::Start, replay::Replay,
};

use crate::support::hub_client::read;

/// Keys of a state that is longer than a piece.
const KEYS: usize = 2_000;

fn value(key: usize, data: impl Into<String>) -> Event {
    Event::new(data.into()).with_key(key.to_string())
}

fn publish(hub: &Hub, key: usize, data: impl Into<String>) -> EventId {
    hub.publish("a", value(key, data)).unwrap()
}

/// Returns the memory of a hub that got only these events.
fn memory_of(events: impl IntoIterator<Item = (usize, usize)>) -> usize {
    let hub = Hub::new(Bounds::events(100_000));
    events.into_iter().for_each(|(key, len)| drop(publish(&hub, key, "x".repeat(len))));
    hub.stats().memory
}

fn poll_once(subscription: &mut Subscription) -> usize {
    match Pin::new(subscription).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(bytes)) => bytes.len(),
        _ => 0,
    }
}

#[test]
fn keys_that_settle_one_by_one_while_all_others_change_cost_as_much_as_if_they_alone_had_come() {
    let hub = Hub::new(Bounds::events(100_000));
    let (mut changing, mut settled): (Vec<usize>, Vec<usize>) = ((0..1_024).collect(), Vec::new());
    for _ in 0..150 {
        changing.iter().for_each(|key| drop(publish(&hub, *key, "xxxx")));
        settled.push(changing.remove(changing.len() / 2));
        settled.push(changing.remove(changing.len() / 4));
    }
    changing.iter().for_each(|key| drop(publish(&hub, *key, "xxxx")));
    assert_eq!(hub.stats().events, 1_024);
    let alone = memory_of(settled.iter().chain(&changing).map(|key| (*key, 4)));
    let memory = hub.stats().memory;
    assert!(alone <= memory && memory * 10 < alone * 12, "{memory} bytes, and {alone} alone");
}

#[test]
fn long_values_that_few_short_ones_superseded_are_given_back() {
    let hub = Hub::new(Bounds::events(100_000));
    let is_long = |key: &usize| key % 10 == 0;
    (0..KEYS).for_each(|key| drop(publish(&hub, key, "x".repeat(if is_long(&key) { 2_000 } else { 4 }))));
    let before = hub.stats().memory;
    (0..KEYS).filter(is_long).for_each(|key| drop(publish(&hub, key, "xxxx")));
    let alone = memory_of((0..KEYS).map(|key| (key, 4)));
    let memory = hub.stats().memory;
    assert!(alone <= memory && memory * 10 < alone * 15, "{memory} bytes, and {alone} alone");
    assert!(before > alone + KEYS / 10 * 2_000, "{before} bytes before");
}

#[test]
fn a_state_that_shrinks_by_eviction_is_counted_as_if_the_rest_alone_had_come() {
    let hub = Hub::new(Bounds::events(KEYS));
    (0..10 * KEYS).for_each(|key| drop(publish(&hub, key, "xxxx")));
    let (memory, alone) = (hub.stats().memory, memory_of((9 * KEYS..10 * KEYS).map(|key| (key, 4))));
    assert!(alone <= memory && memory * 10 < alone * 14, "{memory} bytes, and {alone} alone");
}

#[test]
fn what_remains_of_a_state_in_many_pieces_is_counted_whole() {
    let mut buffer = ReplayBuffer::new(Bounds::events(100_000));
    let ids: Vec<_> = (0..KEYS).map(|key| buffer.push(&value(key, "x")).unwrap()).collect();
    // Every fifth changes again.
    (0..KEYS).step_by(5).for_each(|key| drop(buffer.push(&value(key, "y")).unwrap()));
    for at in (0..KEYS).step_by(97) {
        let Replay::After(missed) = buffer.after(&ids[at]) else { panic!("event {at} is there") };
        let (remaining, mut found) = (missed.remaining() as usize, 0);
        for bytes in missed {
            found += bytes.windows(5).filter(|bytes| bytes == b"data:").count();
        }
        let changed = (0..KEYS).step_by(5).filter(|key| *key > at).count();
        assert_eq!((remaining, found), (KEYS - 1 - at - changed + KEYS / 5, remaining), "after event {at}");
    }
}

#[test]
fn no_more_is_joined_than_64_kib() {
    let hub = Hub::new(Bounds::events(100));
    let first = publish(&hub, 0, "first");
    for key in 1..6 {
        publish(&hub, key, "x".repeat(12_000));
        publish(&hub, 100, "superseded");
    }
    publish(&hub, 6, "x".repeat(14_000));
    let mut client = hub.subscribe(Subscribe::to("a").after(first)).unwrap();
    let _position = poll_once(&mut client);
    let lens: Vec<usize> = iter::repeat_with(|| poll_once(&mut client)).take_while(|len| *len > 0).collect();
    assert!(lens.len() > 1 && lens.iter().all(|len| *len <= 64 * 1024), "{lens:?}");
}

#[test]
fn reading_events_that_lie_in_one_piece_takes_no_memory() {
    let hub = Hub::new(Bounds::events(100));
    for key in [0, 1, 2, 1] {
        publish(&hub, key, "x");
    }
    let mut client = hub.subscribe(Subscribe::to("a").start(Start::Oldest)).unwrap();
    read(&mut client);
    publish(&hub, 3, "x".repeat(12_000));
    let before = hub.stats().memory;
    read(&mut client);
    let memory = hub.stats().memory;
    assert!(memory < before + 6_000, "{memory} bytes, {before} before");
}
