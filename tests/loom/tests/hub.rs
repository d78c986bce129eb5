//! How a hub's operations interleave: each model runs through the orders in which its threads can take
//! the lock.
#![cfg(ssekit_loom)]

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures_core::Stream;
use loom::thread;
use ssekit::{
    Bounds, Event, Hub, Subscribe,
    hub::{Close, Lag, PublishError},
    timer::Timer,
};
use ssekit_loom::{
    Seen::{Event as Published, Gap, Position},
    beside, blocks, cost_of_one, explore_most, hub, next, number, publish, read, read_around, take,
};

/// An event is in the stream exactly if it came after the position that the stream began with.
#[test]
fn publish_against_subscribe() {
    loom::model(|| {
        let hub = hub(4);
        let publisher = beside(&hub, |hub| publish(hub, "a"));
        let mut client = hub.subscribe(["a"]).unwrap();
        assert_eq!(publisher.join().unwrap(), Some(1));
        match read(&mut client).0[..] {
            [Position(0), Published(1)] | [Position(1)] => {}
            ref seen => panic!("{seen:?}"),
        }
    });
}

/// A client that resumes gets what is published meanwhile once.
#[test]
fn publish_against_resume() {
    loom::model(|| {
        let hub = hub(4);
        let first = hub.publish("a", Event::new("")).unwrap();
        let publisher = beside(&hub, |hub| publish(hub, "a"));
        let mut client = hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap();
        assert_eq!(take(&mut client, 2), [Position(1), Published(2)]);
        publisher.join().unwrap();
        assert_eq!(read(&mut client), (vec![], false));
    });
}

/// A subscription that is dropped while it is woken is gone, and its place can be taken by another.
#[test]
fn publish_against_drop() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        read(&mut client);
        let publisher = beside(&hub, |hub| publish(hub, "a"));
        drop(client);
        let mut other = hub.subscribe(["a"]).unwrap();
        publisher.join().unwrap();
        assert_eq!(hub.stats().subscribers, 1);
        publish(&hub, "a");
        assert_eq!(read(&mut other).0.last(), Some(&Published(2)));
    });
}

/// What is published before the hub closes is delivered before the end, and all else is refused.
#[test]
fn publish_against_close() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        let publisher = beside(&hub, |hub| publish(hub, "a"));
        hub.close(Close::new());
        let published = publisher.join().unwrap();
        let expected: Vec<_> = [Position(0)].into_iter().chain(published.map(Published)).collect();
        assert_eq!(read(&mut client), (expected, true));
    });
}

/// What is published before the topic is finished is delivered before the end, and all else is refused.
#[test]
fn publish_against_finish() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        read(&mut client);
        let publisher = beside(&hub, |hub| publish(hub, "a"));
        hub.finish("a");
        let mut seen = Vec::new();
        while let Some(more) = next(&mut client) {
            seen.extend(more);
        }
        assert_eq!(seen, publisher.join().unwrap().map(Published).into_iter().collect::<Vec<_>>());
    });
}

/// A subscription that parks while something is published is woken.
#[test]
fn publish_against_park() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        let publisher = beside(&hub, |hub| {
            publish(hub, "a");
            publish(hub, "a");
        });
        assert_eq!(take(&mut client, 3), [Position(0), Published(1), Published(2)]);
        publisher.join().unwrap();
    });
}

/// A subscription that parks while the hub closes, or its topic is finished, is woken.
#[test]
fn end_against_park() {
    for finish in [false, true] {
        loom::model(move || {
            let hub = hub(4);
            let mut client = hub.subscribe(["a"]).unwrap();
            let closer =
                beside(&hub, move |hub| if finish { hub.finish("a") } else { hub.close(Close::new()) });
            assert_eq!(take(&mut client, 9), [Position(0)]);
            closer.join().unwrap();
            assert_eq!(hub.stats().subscribers, 0);
        });
    }
}

/// Who waits for the last subscription to go is woken when it is dropped, or ends, while the hub closes.
#[test]
fn close_against_drop() {
    for read_to_end in [false, true] {
        loom::model(move || {
            let hub = hub(4);
            let mut client = hub.subscribe(["a"]).unwrap();
            let dropper = thread::spawn(move || {
                if read_to_end {
                    take(&mut client, 9);
                }
                drop(client);
            });
            hub.close(Close::new());
            loom::future::block_on(hub.drained());
            assert_eq!(hub.stats().subscribers, 0);
            dropper.join().unwrap();
        });
    }
}

/// A client that resumes while its topic is finished gets what it missed and the end, or is refused if there is
/// nothing.
#[test]
fn finish_against_resume() {
    loom::model(|| {
        let hub = hub(4);
        let first = hub.publish("a", Event::new("")).unwrap();
        let second = hub.publish("a", Event::new("")).unwrap();
        let finisher = beside(&hub, |hub| hub.finish("a"));
        let mut missed = hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap();
        let nothing = hub.subscribe(Subscribe::to(["a"]).after(second));
        assert_eq!(take(&mut missed, 9), [Position(1), Published(2)]);
        if let Ok(mut client) = nothing {
            assert_eq!(take(&mut client, 9), [Position(2)]);
        }
        finisher.join().unwrap();
    });
}

/// Events that go while they are read are told before anything later.
#[test]
fn evict_against_poll() {
    loom::model(|| {
        let hub = hub(1);
        let mut client = hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
        let publisher = beside(&hub, |hub| {
            publish(hub, "a");
            publish(hub, "a");
        });
        let seen = read_around(&mut client, publisher);
        match seen[..] {
            [Position(0), Published(1), Published(2)] | [Position(0), Gap(1), Published(2)] => {}
            ref seen => panic!("{seen:?}"),
        }
    });
}

/// Events that go because of another topic, while they are read, end the stream before anything later.
#[test]
fn evict_from_another_topic_against_poll() {
    loom::model(|| {
        let cost = cost_of_one();
        let hub = Hub::builder(Bounds::events(9)).max_bytes(cost + 30).build();
        let mut client = hub.subscribe(["a"]).unwrap();
        publish(&hub, "a");
        let publisher = beside(&hub, |hub| {
            publish(hub, "b");
            publish(hub, "a");
        });
        let (mut seen, mut ended) = read(&mut client);
        publisher.join().unwrap();
        if !ended {
            let (more, end) = read(&mut client);
            seen.extend(more);
            ended = end;
        }
        match (&seen[..], ended) {
            ([Position(0), Published(1), Published(3)], false) | ([Position(0)], true) => {}
            // It had read the first, and then everything else went.
            ([Position(0), Published(1)], true) => {}
            other => panic!("{other:?}"),
        }
    });
}

/// Two publishers on two topics never make the last event ID skip an event.
#[test]
fn two_publishers_against_a_client_of_both_topics() {
    explore_most(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a", "b"]).unwrap();
        let publishers = ["a", "b"].map(|topic| {
            let hub = hub.clone();
            thread::spawn(move || hub.publish(topic, Event::new("")).unwrap())
        });
        let first = take(&mut client, 2);
        drop(client);
        let ids = publishers.map(|publisher| publisher.join().unwrap());
        let mut numbers = ids.each_ref().map(number);
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2]);
        // Cut after any of what it has seen, it gets exactly the rest.
        for (at, seen) in first.iter().enumerate() {
            let (Position(last) | Gap(last) | Published(last)) = *seen;
            assert_eq!(last, at as u64, "{first:?}");
            let Some(id) = ids.iter().find(|id| number(id) == last) else { continue };
            let mut again = hub.subscribe(Subscribe::to(["a", "b"]).after(id.clone())).unwrap();
            let rest = (last + 1..=2).map(Published);
            assert_eq!(read(&mut again).0[1..], rest.collect::<Vec<_>>());
        }
    });
}

/// A timer that has always elapsed.
struct Elapsed(Instant);

impl Timer for Elapsed {
    fn now(&self) -> Instant {
        self.0
    }

    fn arm(&mut self, delay: Duration) {
        self.0 += delay;
    }

    fn poll_elapsed(&mut self, _: &mut Context<'_>) -> Poll<()> {
        self.0 += Duration::from_secs(1);
        Poll::Ready(())
    }
}

/// A position that a keep-alive tells is never ahead of what was given.
#[test]
fn publish_against_keep_alive() {
    loom::model(|| {
        let hub = hub(4);
        let client = hub.subscribe(["a", "b"]).unwrap();
        let mut client = client.keep_alive_with_timer(Duration::from_secs(1), Elapsed(Instant::now()));
        let publisher = beside(&hub, |hub| {
            publish(hub, "a");
            publish(hub, "other");
            publish(hub, "b");
        });
        let mut seen = Vec::new();
        let mut poll = || match Pin::new(&mut client).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(bytes))) if bytes == ":\n" => {}
            Poll::Ready(Some(Ok(bytes))) => seen.extend(blocks(&bytes)),
            other => panic!("{other:?}"),
        };
        (0..3).for_each(|_| poll());
        publisher.join().unwrap();
        (0..3).for_each(|_| poll());
        let events: Vec<_> = seen.iter().filter(|seen| matches!(seen, Published(_))).copied().collect();
        assert_eq!(events, [Published(1), Published(3)]);
        let positions = seen.iter().map(|seen| {
            let (Position(at) | Gap(at) | Published(at)) = *seen;
            at
        });
        assert!(positions.is_sorted_by(|one, next| one < next), "{seen:?}");
    });
}

/// With a publisher, a subscriber and a hub that closes, what was accepted is delivered, and all come to an end.
#[test]
fn publish_against_close_against_a_reader() {
    explore_most(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        let publisher = beside(&hub, |hub| match hub.publish("a", Event::new("")) {
            Ok(_) => Some(Published(1)),
            Err(PublishError::Closed) => None,
            Err(error) => panic!("{error}"),
        });
        let closer = beside(&hub, |hub| hub.close(Close::new()));
        let seen = take(&mut client, 9);
        let published = publisher.join().unwrap();
        closer.join().unwrap();
        assert_eq!(seen, [Position(0)].into_iter().chain(published).collect::<Vec<_>>());
    });
}
