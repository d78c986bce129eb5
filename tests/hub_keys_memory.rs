//! How much memory the state of many keys takes while it changes, counted at the allocator.

#[path = "support/counting_allocator.rs"]
mod counting_allocator;

use counting_allocator::{CountingAllocator, held_bytes};
use ssekit::{Bounds, Event, Hub, Subscribe, hub::Start};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const KEYS: usize = 100_000;
const DATA: usize = 100;

/// The order in which keys change: one after the other, at random, or a few of them often.
#[derive(Clone, Copy, Debug)]
enum Order {
    Sequence,
    Random,
    Skewed,
}

impl Order {
    fn key(self, n: usize) -> usize {
        let random = (n as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        let random = (random.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as usize;
        match self {
            Self::Sequence => n % KEYS,
            Self::Random => random % KEYS,
            // Nine of ten changes are of a tenth of the keys.
            Self::Skewed if n % 10 > 0 => random % (KEYS / 10),
            Self::Skewed => random % KEYS,
        }
    }
}

fn publish(hub: &Hub, key: usize) {
    let event = Event::new("x".repeat(DATA)).with_key(format!("key {key}"));
    hub.publish("a", event).unwrap();
}

#[test]
fn a_state_that_changes_takes_at_most_2_2_times_what_is_counted_for_it() {
    for order in [Order::Sequence, Order::Random, Order::Skewed] {
        let before = held_bytes();
        let hub = Hub::builder(Bounds::events(KEYS)).max_bytes(usize::MAX).build();
        (0..KEYS).for_each(|key| publish(&hub, key));
        let mut most = 0;
        for n in 0..3 * KEYS {
            publish(&hub, order.key(n));
            if n % 1_000 == 0 {
                most = most.max(held_bytes() - before);
            }
        }
        let stats = hub.stats();
        println!(
            "{order:?}: {most} bytes at most, {} counted as memory, {} for the live events: {:.2} times",
            stats.memory,
            stats.bytes,
            most as f64 / stats.bytes as f64,
        );
        assert_eq!((stats.events, stats.gaps), (KEYS, 0));
        assert!(most * 10 <= stats.bytes * 22, "{most} of {}", stats.bytes);
        let held = held_bytes() - before;
        assert!(
            stats.memory.abs_diff(held) <= held / 5,
            "{held} bytes are held, and counted as {}",
            stats.memory
        );
        // Nothing is missing after all that.
        assert!(hub.subscribe(Subscribe::to("a").start(Start::Oldest)).unwrap().gap().is_none());
    }
}

/// The keys change so that seven of ten events are superseded wherever one looks, and never more of them.
#[test]
fn superseded_events_take_as_much_again_if_they_are_spread_evenly_over_the_history() {
    const KEYS: usize = 20_000;
    let before = held_bytes();
    let hub = Hub::builder(Bounds::events(KEYS)).max_bytes(usize::MAX).build();
    let mut keys: Vec<usize> = (0..KEYS).collect();
    let mut most = 0;
    while keys.len() > 100 {
        for key in &keys {
            let event = Event::new("x".repeat(10 * DATA)).with_key(format!("key {key}"));
            hub.publish("a", event).unwrap();
        }
        most = most.max(held_bytes() - before);
        keys = keys.into_iter().enumerate().filter(|(at, _)| at % 10 < 7).map(|(_, key)| key).collect();
    }
    let stats = hub.stats();
    println!(
        "spread evenly: {most} bytes at most, {} for the live events: {:.2} times",
        stats.bytes,
        most as f64 / stats.bytes as f64
    );
    assert_eq!((stats.events, stats.gaps), (KEYS, 0));
    assert!(most * 10 <= stats.bytes * 22, "{most} of {}", stats.bytes);
}

#[test]
fn memory_is_given_back_when_keys_are_evicted_or_removed() {
    let before = held_bytes();
    let hub = Hub::new(Bounds::events(10));
    (0..KEYS / 10).for_each(|key| publish(&hub, key));
    assert_eq!(hub.stats().events, 10);
    assert!(held_bytes() - before < 100_000, "{}", held_bytes() - before);
    hub.remove("a");
    assert!(held_bytes() - before < 10_000, "{}", held_bytes() - before);
}

#[test]
fn a_few_large_values_that_change_take_little_more_than_themselves() {
    const LARGE: usize = 100_000;
    let before = held_bytes();
    let hub = Hub::new(Bounds::events(100));
    for n in 0..1_000 {
        let event = Event::new("x".repeat(LARGE)).with_key((n % 10).to_string());
        hub.publish("a", event).unwrap();
    }
    let held = held_bytes() - before;
    println!("10 values of {LARGE} bytes: {held} bytes");
    assert!(held <= 22 * LARGE, "{held}");
}

#[test]
fn long_values_that_stay_among_short_ones_that_change_take_what_is_counted() {
    const LARGE: usize = 20_000;
    let before = held_bytes();
    let hub = Hub::new(Bounds::events(10_000));
    for key in 0..30 {
        hub.publish("a", Event::new("x".repeat(LARGE)).with_key(format!("large {key}"))).unwrap();
        (0..40).for_each(|short| publish(&hub, 100 * key + short));
    }
    for _ in 0..3 {
        (0..30).for_each(|key| (0..40).for_each(|short| publish(&hub, 100 * key + short)));
    }
    let (held, stats) = (held_bytes() - before, hub.stats());
    println!("30 values of {LARGE} bytes: {held} bytes, {} counted as memory", stats.memory);
    // The slots of keys are counted, and not the room for more of them.
    assert!(stats.memory.abs_diff(held) <= held / 30 && held <= 30 * LARGE + 4 * 30 * 40 * DATA, "{held}");
}
