//! How often publishing and delivering allocate: for each event and each piece, not for each subscriber.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use ssekit::{Bounds, Event, Hub, Subscribe, Subscription};

/// The system's allocator, counting how often the present thread allocates.
struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; the count allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn allocations(of: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    of();
    ALLOCATIONS.get() - before
}

fn poll(subscription: &mut Subscription) -> Poll<Option<Bytes>> {
    Pin::new(subscription).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Takes all that is pending, and leaves the subscription parked. Returns how many bytes came.
fn drain(subscription: &mut Subscription) -> usize {
    let mut len = 0;
    while let Poll::Ready(Some(bytes)) = poll(subscription) {
        len += bytes.len();
    }
    len
}

/// Counts the allocations in `rounds` of publishing a burst to so many parked subscribers, each of which then takes
/// it.
fn rounds(subscribers: usize, rounds: usize, burst: usize) -> usize {
    let hub = Hub::new(Bounds::events(1000));
    let mut clients: Vec<_> = (0..subscribers).map(|_| hub.subscribe(["a"]).unwrap()).collect();
    let events: Vec<_> = (0..burst).map(|n| Event::new(format!("event {n:04}"))).collect();
    let mut round = || {
        hub.publish_all("a", &events).unwrap();
        let len = drain(&mut clients[0]);
        assert!(len > burst * "id: 0123456789ab-1\ndata: event 0000\n\n".len() - 1);
        assert!(clients[1..].iter_mut().all(|client| drain(client) == len));
    };
    // What grows with the subscribers has grown after the first rounds.
    (0..5).for_each(|_| round());
    let count = allocations(|| (0..rounds).for_each(|_| round()));
    assert_eq!(hub.stats().delivered, hub.stats().published * subscribers as u64);
    count
}

#[test]
fn delivery_allocates_the_same_whatever_the_number_of_subscribers() {
    for burst in [1, 10, 300] {
        let counts = [1, 100, 1_000, 10_000].map(|subscribers| rounds(subscribers, 20, burst));
        println!("20 bursts of {burst} to 1, 100, 1,000 and 10,000 subscribers: {counts:?} allocations");
        assert!(counts.iter().all(|count| *count == counts[0]), "{burst}: {counts:?}");
        assert!(counts[0] <= 20 * (10 + 5 * burst), "{burst}: {counts:?}");
    }
}

#[test]
fn publishing_allocates_for_the_history_alone() {
    let hub = Hub::new(Bounds::events(1000));
    let event = Event::new("event");
    let publish = || (0..2_000).for_each(|_| _ = hub.publish("a", &event).unwrap());
    publish();
    let count = allocations(publish);
    assert!(count < 10, "{count} allocations for 2,000 events");
}

#[test]
fn an_event_is_encoded_once_and_everyone_gets_the_same_bytes() {
    let hub = Hub::new(Bounds::events(1000));
    let mut clients: Vec<_> = (0..1000).map(|_| hub.subscribe(["a"]).unwrap()).collect();
    clients.iter_mut().for_each(|client| assert!(drain(client) > 0));
    for data in ["small".to_owned(), "x".repeat(100_000)] {
        hub.publish("a", Event::new(data)).unwrap();
        let mut pieces = clients.iter_mut().map(|client| match poll(client) {
            Poll::Ready(Some(piece)) => piece,
            other => panic!("{other:?}"),
        });
        let first = pieces.next().unwrap();
        assert!(pieces.all(|piece| piece.as_ptr_range() == first.as_ptr_range()));
    }
}

#[test]
fn a_burst_comes_in_one_piece_wherever_it_lies_in_the_history() {
    let hub = Hub::new(Bounds::events(1000));
    let mut client = hub.subscribe(["a"]).unwrap();
    let events = vec![Event::new("x".repeat(200)); 64];
    // Chunks start small.
    (0..10).for_each(|_| drop(hub.publish_all("a", &events).unwrap()));
    drain(&mut client);
    for _ in 0..100 {
        hub.publish_all("a", &events).unwrap();
        assert!(matches!(poll(&mut client), Poll::Ready(Some(piece)) if piece.len() > 64 * 200));
        assert!(poll(&mut client).is_pending());
    }
}

#[test]
fn a_subscriber_of_several_topics_or_with_a_filter_gets_a_piece_with_few_allocations() {
    let hub = Hub::new(Bounds::events(1000));
    let mut topics = hub.subscribe(["a", "b"]).unwrap();
    let mut filtered = hub.subscribe(Subscribe::to(["a"]).filter(|_| true)).unwrap();
    let publish = || {
        for n in 0..200 {
            hub.publish(["a", "b"][n % 2], Event::new("x")).unwrap();
        }
    };
    for _ in 0..10 {
        publish();
        drain(&mut topics);
        drain(&mut filtered);
    }
    publish();
    let count = allocations(|| assert!(drain(&mut topics) > 200 * 30));
    assert!(count < 60, "{count} allocations for 200 events of two topics");
    let count = allocations(|| assert!(drain(&mut filtered) > 100 * 30));
    assert!(count < 30, "{count} allocations for 100 filtered events");
}
