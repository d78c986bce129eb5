//! How much memory a hub holds: its bounds, a chunk for each topic with history, a piece for each subscription.

#[path = "support/clock.rs"]
mod clock;
#[path = "support/counting_allocator.rs"]
mod counting_allocator;

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use clock::Clock;
use counting_allocator::{CountingAllocator, held_bytes};
use futures_core::Stream;
use ssekit::{
    Bounds, Event, Hub, Subscribe, Subscription,
    hub::{Lag, PublishError},
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const SECOND: Duration = Duration::from_secs(1);
const TOPICS: usize = 100_000;
const STALLED: usize = 1_000;
/// The smallest and the greatest chunk.
const MIN_CHUNK: usize = 256;
const MAX_CHUNK: usize = 64 * 1024;

fn poll(subscription: &mut Subscription) -> Option<Bytes> {
    match Pin::new(subscription).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(item) => item,
        Poll::Pending => None,
    }
}

fn event(data: impl ToString) -> Event {
    Event::new(data.to_string())
}

/// Returns what a hub holds that is made and filled by a function, with what that returns.
fn held<T>(fill: impl FnOnce() -> T) -> (T, usize) {
    let before = held_bytes();
    let filled = fill();
    // The count of a thread begins anywhere, since it frees what others have allocated.
    (filled, held_bytes().wrapping_sub(before))
}

/// Memory is counted as it is, give or take a fifth.
fn assert_counted(held: usize, counted: usize) {
    assert!(counted.abs_diff(held) <= held / 5, "{held} bytes are held, and counted as {counted}");
}

#[test]
fn memory_is_counted_as_it_is_whatever_the_shape() {
    let shapes: [(&str, usize, usize, usize); 6] = [
        ("jobs of 20 events", 2_000, 20, 50),
        ("a busy topic", 1, 300_000, 50),
        ("ten topics of large events", 10, 100, 20_000),
        ("single events of 2 KB", 2_000, 1, 2_000),
        ("pairs", 5_000, 2, 20),
        ("hundreds", 100, 700, 100),
    ];
    for (shape, topics, events, data) in shapes {
        let (hub, held) = held(|| {
            let hub = Hub::new(Bounds::events(usize::MAX));
            for n in 0..topics {
                let topic = format!("topic {n}");
                (0..events).for_each(|_| drop(hub.publish(&topic, event("x".repeat(data))).unwrap()));
            }
            hub
        });
        println!("{shape}: {held} bytes, counted as {}", hub.stats().memory);
        assert_counted(held, hub.stats().memory);
    }
}

#[test]
fn memory_is_counted_as_it_is_after_events_were_read_and_evicted() {
    let (hub, held) = held(|| {
        let hub = Hub::new(Bounds::events(30));
        for n in 0..1_000 {
            let topic = format!("topic {n}");
            let mut subscription = hub.subscribe([&topic]).unwrap();
            for n in 0..100 {
                hub.publish(&topic, event("x".repeat(50))).unwrap();
                if n % 3 == 0 {
                    while poll(&mut subscription).is_some() {}
                }
            }
        }
        hub
    });
    println!("{held} bytes, counted as {}", hub.stats().memory);
    assert_counted(held, hub.stats().memory);
}

#[test]
fn names_count_and_long_ones_are_not_remembered() {
    let hub = Hub::builder(Bounds::events(1)).max_bytes(20 << 20).build();
    let name = |n: usize| format!("{n}").repeat(1 << 20);
    let before = held_bytes();
    for n in 1..100 {
        hub.publish(&name(n % 10), event("small")).unwrap();
        assert!(held_bytes() - before <= 21 << 20);
        assert_counted(held_bytes() - before, hub.stats().memory);
    }
    // 1 is the oldest, and has gone.
    assert!((hub.stats().topics as u64) < 20);
    (0..10).for_each(|n| hub.remove(&name(n)));
    assert!(held_bytes() - before < 10_000, "{}", held_bytes() - before);
}

#[test]
fn what_is_remembered_of_topics_is_counted_and_bounded() {
    let (hub, held) = held(|| {
        let hub = Hub::builder(Bounds::events(1)).max_remembered_topics(usize::MAX).build();
        (0..TOPICS).for_each(|n| hub.finish(&format!("topic {n}")));
        hub
    });
    println!("{TOPICS} records: {held} bytes, counted as {}", hub.stats().memory);
    assert_counted(held, hub.stats().memory);

    let bounded =
        Hub::builder(Bounds::events(1)).max_bytes(1 << 20).max_remembered_topics(usize::MAX).build();
    for n in 0..TOPICS {
        let topic = format!("topic {n}");
        bounded.publish(&topic, event(n)).unwrap();
        bounded.finish(&topic);
    }
    assert!(bounded.stats().memory <= 1 << 20);
    // An eighth is for them, the rest for those that still have their event.
    assert!(bounded.stats().topics > 1_500);
}

#[test]
fn finished_jobs_that_are_too_old_give_their_memory_back() {
    const JOBS: usize = 60_000;
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(1000).with_age(SECOND)).clock(clock.now()).build();
    let empty = held_bytes();
    for n in 0..JOBS {
        let job = format!("job {n}");
        hub.publish_all(&job, (0..20).map(event)).unwrap();
        hub.finish(&job);
    }
    let full = held_bytes() - empty;
    clock.advance(SECOND);
    hub.expire();
    let left = held_bytes() - empty;
    println!("{JOBS} jobs: {full} bytes, and {left} once they were too old");
    assert_eq!((hub.stats().events, hub.stats().topics, hub.stats().bytes), (0, 0, 0));
    // It is remembered that each of them is finished.
    assert!(left <= JOBS * 120, "{left}");
    assert_eq!(hub.publish("job 0", event("more")), Err(PublishError::Finished));
}

#[test]
fn a_topic_that_is_removed_gives_its_memory_back() {
    let hub = Hub::new(Bounds::events(usize::MAX));
    let empty = held_bytes();
    for _ in 0..1_000 {
        hub.publish("a", event("first")).unwrap();
        (0..100).for_each(|n| drop(hub.publish("a", event(n)).unwrap()));
        hub.remove("a");
        let stats = hub.stats();
        assert_eq!((stats.events, stats.bytes, stats.topics), (0, 0, 0));
        assert!(held_bytes() - empty < 2_000);
    }
}

#[test]
fn many_topics_with_one_small_event_each_and_stalled_subscribers() {
    let (hub, topics) = held(|| {
        let hub = Hub::new(Bounds::events(1));
        (0..TOPICS).for_each(|n| drop(hub.publish(&format!("topic {n}"), event(n)).unwrap()));
        hub
    });
    let stats = hub.stats();
    let texts = stats.bytes - TOPICS * Bounds::EVENT_OVERHEAD;
    let names: usize = (0..TOPICS).map(|n| format!("topic {n}").len()).sum();
    let each = (topics - texts - names) / TOPICS;
    println!("{TOPICS} topics: {topics} bytes, counted as {}; {each} each beside the text", stats.memory);
    assert!(each <= 400);
    assert_counted(topics, stats.memory);

    let (stalled, held) = held(|| {
        let mut stalled = Vec::new();
        for n in 0..STALLED {
            let topic = format!("topic {}", n * (TOPICS / STALLED));
            let mut subscription = hub.subscribe(Subscribe::to([&topic]).lag(Lag::Skip)).unwrap();
            assert!(poll(&mut subscription).is_some());
            hub.publish(&topic, event("taken")).unwrap();
            let taken = poll(&mut subscription).unwrap();
            (0..5).for_each(|n| drop(hub.publish(&topic, event(n)).unwrap()));
            stalled.push((subscription, taken));
        }
        stalled
    });
    println!("{STALLED} stalled subscribers: {held} bytes, {} each", held / STALLED);
    assert!(held <= STALLED * (MIN_CHUNK + 1000));
    drop(stalled);
}

#[test]
fn each_stalled_subscriber_holds_one_chunk_at_most() {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(1 << 20));
    let (stalled, held) = held(|| {
        let mut stalled = Vec::new();
        let mut n = 0;
        let mut publish = |events| {
            for _ in 0..events {
                n += 1;
                hub.publish("a", event(format!("{n:01400}"))).unwrap();
            }
        };
        publish(1_000);
        // Each takes a piece of another chunk, and comes back no more.
        for _ in 0..STALLED {
            let mut subscription = hub.subscribe(["a"]).unwrap();
            assert!(poll(&mut subscription).is_some());
            publish(50);
            let taken = poll(&mut subscription).unwrap();
            stalled.push((subscription, taken));
        }
        stalled
    });
    let stats = hub.stats();
    let taken: usize = stalled.iter().map(|(_, taken)| taken.len()).sum();
    println!("{STALLED} stalled subscribers of a busy topic: {held} bytes, {} each", held / STALLED);
    println!("they were given {taken} bytes, and the hub counts {}", stats.bytes);
    // The front and the end of the history may each lie in a chunk that is used in part.
    assert!(held <= stats.bytes + 2 * MAX_CHUNK + STALLED * (MAX_CHUNK + 1000));
}

#[test]
fn history_costs_no_more_than_its_bound_and_a_chunk_however_it_is_read() {
    // Dense small events, read one by one as they come, in batches, or not at all; and greater ones.
    for (events, data) in [(1, 10), (100, 10), (5_000, 10), (5_000, 100), (1000, 5_000), (100, 50_000)] {
        for read_each in [0, 1, 7] {
            let hub = Hub::new(Bounds::events(events));
            let mut subscription = hub.subscribe(["a"]).unwrap();
            let (_, held) = held(|| {
                for n in 0..3 * events {
                    hub.publish("a", event("x".repeat(data))).unwrap();
                    if read_each > 0 && n % read_each == 0 {
                        while poll(&mut subscription).is_some() {}
                    }
                }
            });
            let counted = hub.stats().bytes;
            println!("{events} events of {data} bytes, read by {read_each}: {held} held, {counted} counted");
            assert!(held <= counted + 2 * MAX_CHUNK.min(counted) + MIN_CHUNK + 1000, "{held} for {counted}");
        }
    }
}

#[test]
fn eviction_gives_the_memory_back() {
    let clock = Clock::new();
    let builder = Hub::builder(Bounds::events(1000).with_age(SECOND)).max_remembered_topics(100);
    let hub = builder.clock(clock.now()).build();
    let empty = held_bytes();
    for n in 0..TOPICS {
        hub.publish(&format!("topic {n}"), event(n)).unwrap();
    }
    for n in 0..50_000 {
        hub.publish("busy", event(n)).unwrap();
    }
    let full = held_bytes() - empty;
    clock.advance(SECOND);
    let left = {
        hub.expire();
        hub.publish("busy", event("the last")).unwrap();
        held_bytes() - empty
    };
    println!("{full} bytes held, and {left} once all but one event was too old");
    assert_eq!((hub.stats().events, hub.stats().topics), (1, 1));
    // A hundred topics are remembered by name.
    assert!(left < 40_000);
}

#[test]
fn topics_that_were_only_asked_for_are_not_remembered() {
    let hub = Hub::builder(Bounds::events(1)).max_remembered_topics(1000).build();
    let empty = held_bytes();
    for n in 0..TOPICS {
        drop(hub.subscribe([format!("topic {n}"), format!("\0{n}")]).unwrap());
    }
    let left = held_bytes() - empty;
    println!("{left} bytes are left of {TOPICS} clients of two topics each");
    assert_eq!(hub.stats().topics, 0);
    assert!(left < 3_000);
    // Nor are those that were finished without an event, beyond their bound.
    (0..TOPICS).for_each(|n| hub.finish(&format!("topic {n}")));
    let left = held_bytes() - empty;
    println!("{left} bytes are left of {TOPICS} finished topics");
    assert!(left < 1000 * 1000);
}

#[test]
fn a_subscription_that_waits_takes_110_bytes() {
    const SUBSCRIBERS: usize = 64 * 64;
    let hub = Hub::new(Bounds::events(1));
    let (waiting, held) = held(|| {
        let mut all: Vec<_> = (0..SUBSCRIBERS).map(|_| hub.subscribe("a").unwrap()).collect();
        all.iter_mut().for_each(|subscription| while poll(subscription).is_some() {});
        all
    });
    println!("{} bytes for each idle subscriber of a topic", held / waiting.len());
    assert!(held <= waiting.len() * 110, "{} bytes each", held / waiting.len());
}

#[test]
fn subscribers_that_have_gone_leave_nothing_behind() {
    let hub = Hub::new(Bounds::events(1));
    hub.publish("a", event(1)).unwrap();
    let empty = held_bytes();
    for _ in 0..3 {
        let (mut stalled, held) = held(|| {
            let mut all: Vec<_> = (0..10_000).map(|_| hub.subscribe(["a", "b"]).unwrap()).collect();
            all.iter_mut().for_each(|subscription| while poll(subscription).is_some() {});
            all
        });
        println!("{} bytes for each idle subscriber of two topics", held / stalled.len());
        // Every second one goes first.
        let mut n = 0;
        stalled.retain(|_| {
            n += 1;
            n % 2 == 0
        });
        drop(stalled);
        let left = held_bytes() - empty;
        println!("{left} bytes are left");
        assert!(left < 3_000);
    }
}

#[test]
fn subscriptions_to_several_topics_that_come_and_go_leave_nothing_at_a_quiet_one() {
    let hub = Hub::new(Bounds::events(10));
    let mut one = hub.subscribe(["quiet", "other"]).unwrap();
    while poll(&mut one).is_some() {}
    let before = held_bytes();
    for _ in 0..20_000 {
        let mut pair = [0; 2].map(|_| hub.subscribe(["quiet", "other"]).unwrap());
        pair.iter_mut().for_each(|client| while poll(client).is_some() {});
    }
    assert!(held_bytes() < before + 10_000, "{} bytes", held_bytes() - before);
}
