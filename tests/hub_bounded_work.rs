//! What one operation does while millions of events are due to go: a bounded amount, whatever is held.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

#[path = "support/clock.rs"]
mod clock;

use clock::Clock;
use ssekit::{Bounds, Event, Hub};

/// The system's allocator, counting the bytes that the present thread asks for. What is moved is moved to there.
struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
    /// The greatest single piece of that which may be a chunk: room for events that are yet to come.
    static CHUNK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; the count allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + layout.size());
        if layout.size() <= MOST_MOVED {
            CHUNK.set(CHUNK.get().max(layout.size()));
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.set(ASKED.get() + size);
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SECOND: Duration = Duration::from_secs(1);
const MOST_EVICTED: usize = 64;
const MOST_MOVED: usize = 64 * 1024;

/// Does something to the hub, and returns how many events it evicted beside those it `added`.
fn evicted(hub: &Hub, added: usize, act: impl FnOnce()) -> usize {
    let before = hub.stats().events;
    ASKED.set(0);
    CHUNK.set(0);
    act();
    let moved = ASKED.get() - CHUNK.get();
    let evicted = before + added - hub.stats().events;
    assert!(evicted <= MOST_EVICTED, "{evicted} events were evicted at once");
    assert!(moved <= MOST_MOVED, "{moved} bytes were moved at once");
    evicted
}

/// Publishes and resumes until nothing is left that was due.
fn drain(hub: &Hub, due: usize) {
    let event = Event::new("new");
    let mut left = due;
    for n in 0.. {
        let gone = match n % 2 {
            0 => evicted(hub, 1, || drop(hub.publish("new", &event).unwrap())),
            _ => evicted(hub, 0, || drop(hub.subscribe(["another"]).unwrap())),
        };
        left -= gone;
        if left == 0 {
            break;
        }
        assert!(gone > 0, "{left} are left");
    }
}

fn hub(clock: &Clock) -> Hub {
    let bounds = Bounds::events(usize::MAX).with_age(SECOND);
    Hub::builder(bounds).max_bytes(usize::MAX).clock(clock.now()).build()
}

#[test]
fn each_operation_evicts_a_few_of_three_million_events_that_are_too_old() {
    const EVENTS: usize = 3_000_000;
    let clock = Clock::new();
    let hub = hub(&clock);
    let batch = vec![Event::new("x"); 1000];
    (0..EVENTS / batch.len()).for_each(|_| drop(hub.publish_all("busy", &batch).unwrap()));
    clock.advance(SECOND);
    drain(&hub, EVENTS);
}

#[test]
fn each_operation_evicts_a_few_of_a_hundred_thousand_topics_that_are_too_old() {
    const TOPICS: usize = 100_000;
    let clock = Clock::new();
    let hub = hub(&clock);
    let event = Event::new("x");
    // Neither does it take more to add one.
    for n in 0..TOPICS {
        evicted(&hub, 1, || drop(hub.publish(&format!("topic {n}"), &event).unwrap()));
    }
    // What is known of their order is out of date by then.
    for n in 0..TOPICS {
        evicted(&hub, 1, || drop(hub.publish(&format!("topic {n}"), &event).unwrap()));
    }
    clock.advance(SECOND);
    drain(&hub, 2 * TOPICS);
}

#[test]
fn growing_moves_no_more_than_a_block() {
    let clock = Clock::new();
    let hub = hub(&clock);
    let event = Event::new("x");
    for _ in 0..300_000 {
        evicted(&hub, 1, || drop(hub.publish("busy", &event).unwrap()));
    }
}

#[test]
fn one_call_of_expire_evicts_all_that_is_too_old() {
    let clock = Clock::new();
    let hub = hub(&clock);
    for n in 0..10_000 {
        hub.publish(&format!("topic {}", n % 300), Event::new("x")).unwrap();
    }
    clock.advance(SECOND);
    hub.expire();
    assert_eq!((hub.stats().events, hub.stats().topics), (0, 0));
}
