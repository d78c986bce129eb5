//! Every other pair of a hub's operations that can race, with the outcomes that are right.
#![cfg(ssekit_loom)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use loom::thread;
use ssekit::{
    Bounds, Event, EventId, Hub, Subscribe, Subscription,
    hub::{Close, Lag, Start},
};
use ssekit_loom::{
    Seen::{Event as Published, Gap, Position},
    beside, hub, publish, read, read_around, take,
};

/// A hub that holds so many events of topic `a`, all of which are too old to be held any longer, a client that is to
/// read them, and the ID of the first.
fn hub_with_old(events: u64) -> (Hub, Subscription, EventId) {
    let (now, seconds) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
    let clock = {
        let seconds = seconds.clone();
        move || now + Duration::from_secs(seconds.load(Ordering::Relaxed) as u64)
    };
    let bounds = Bounds::events(4).with_age(Duration::from_secs(1));
    let hub = Hub::builder(bounds).clock(clock).build();
    let client = hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
    let first = hub.publish("a", Event::new("")).unwrap();
    for _ in 1..events {
        publish(&hub, "a");
    }
    seconds.store(1, Ordering::Relaxed);
    (hub, client, first)
}

/// What is too old goes, and what is published at that moment stays.
#[test]
fn publish_against_expire() {
    loom::model(|| {
        let (hub, mut client, _) = hub_with_old(1);
        let other = beside(&hub, Hub::expire);
        assert_eq!(publish(&hub, "a"), Some(2));
        other.join().unwrap();
        assert_eq!(hub.stats().events, 1);
        assert_eq!(read(&mut client).0, [Position(0), Gap(1), Published(2)]);
    });
}

/// Statistics count an event together with its bytes, or neither.
#[test]
fn publish_against_stats() {
    loom::model(|| {
        let hub = hub(4);
        let other = beside(&hub, |hub| {
            publish(hub, "a");
        });
        let stats = hub.stats();
        assert!(matches!((stats.published, stats.events, stats.bytes > 0), (0, 0, false) | (1, 1, true)));
        other.join().unwrap();
    });
}

/// Two new clients get places of their own.
#[test]
fn subscribe_against_subscribe() {
    loom::model(|| {
        let hub = hub(4);
        let other = beside(&hub, |hub| hub.subscribe(["a"]).unwrap());
        let one = hub.subscribe(["a"]).unwrap();
        let other = other.join().unwrap();
        assert_eq!(hub.stats().subscribers, 2);
        publish(&hub, "a");
        for mut client in [one, other] {
            assert_eq!(read(&mut client), (vec![Position(0), Published(1)], false));
        }
        assert_eq!(hub.stats().subscribers, 0);
    });
}

/// A place that one client gives up is taken whole by another, or not at all.
#[test]
fn subscribe_against_drop() {
    loom::model(|| {
        let hub = hub(4);
        let gone = hub.subscribe(["b"]).unwrap();
        let other = thread::spawn(move || drop(gone));
        let mut client = hub.subscribe(["a"]).unwrap();
        other.join().unwrap();
        assert_eq!((hub.stats().subscribers, hub.stats().topics), (1, 1));
        publish(&hub, "b");
        publish(&hub, "a");
        assert_eq!(read(&mut client).0, [Position(0), Published(2)]);
    });
}

/// A new client is refused by a hub that closes, or it is told of the end.
#[test]
fn subscribe_against_close() {
    loom::model(|| {
        let hub = hub(4);
        let other = beside(&hub, |hub| hub.close(Close::new()));
        if let Ok(mut client) = hub.subscribe(["a"]) {
            assert_eq!(take(&mut client, 9), [Position(0)]);
        }
        other.join().unwrap();
        assert_eq!(hub.stats().subscribers, 0);
    });
}

/// A new client of a topic that is finished is refused, or it is told of the end.
#[test]
fn subscribe_against_finish() {
    loom::model(|| {
        let hub = hub(4);
        let other = beside(&hub, |hub| hub.finish("a"));
        if let Ok(mut client) = hub.subscribe(["a"]) {
            assert_eq!(take(&mut client, 9), [Position(0)]);
        }
        other.join().unwrap();
        assert!(hub.subscribe(["a"]).is_err());
    });
}

/// A client that comes back is refused by a hub that closes, or it gets what it missed and the end.
#[test]
fn resume_against_close() {
    loom::model(|| {
        let hub = hub(4);
        let first = hub.publish("a", Event::new("")).unwrap();
        publish(&hub, "a");
        let other = beside(&hub, |hub| hub.close(Close::new()));
        if let Ok(mut client) = hub.subscribe(Subscribe::to(["a"]).after(first)) {
            assert_eq!(take(&mut client, 9), [Position(1), Published(2)]);
        }
        other.join().unwrap();
    });
}

/// What goes while a client comes back to it is told.
#[test]
fn resume_against_evict() {
    loom::model(|| {
        let hub = hub(1);
        let first = hub.publish("a", Event::new("")).unwrap();
        let other = beside(&hub, |hub| {
            publish(hub, "a");
            publish(hub, "a");
        });
        let mut client = hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip).after(first)).unwrap();
        let seen = read_around(&mut client, other);
        match seen[..] {
            [Position(1), Published(2), Published(3)] | [.., Gap(2), Published(3)] => {}
            ref seen => panic!("{seen:?}"),
        }
    });
}

/// What is too old for a client that comes back is told, whoever let it go.
#[test]
fn resume_against_expire() {
    loom::model(|| {
        let (hub, _, first) = hub_with_old(2);
        let other = beside(&hub, Hub::expire);
        let mut client = hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap();
        other.join().unwrap();
        publish(&hub, "a");
        assert_eq!(read(&mut client).0, [Gap(2), Published(3)]);
    });
}

/// What is too old for a new client that wants all is missing, and the client learns that, whoever let it go.
#[test]
fn subscribe_against_expire() {
    loom::model(|| {
        let (hub, ..) = hub_with_old(2);
        let other = beside(&hub, Hub::expire);
        let mut client = hub.subscribe(Subscribe::to(["a"]).start(Start::Oldest)).unwrap();
        other.join().unwrap();
        publish(&hub, "a");
        assert_eq!(read(&mut client).0, [Gap(2), Published(3)]);
    });
}

/// Two clients that read the same events at once get the same.
#[test]
fn poll_against_poll() {
    loom::model(|| {
        let hub = hub(4);
        let mut clients = [(); 2].map(|()| hub.subscribe(["a"]).unwrap());
        publish(&hub, "a");
        publish(&hub, "a");
        let expected = (vec![Position(0), Published(1), Published(2)], false);
        let [one, other] = &mut clients;
        read_beside(one, other, &expected);
        publish(&hub, "a");
        for client in &mut clients {
            assert_eq!(read(client).0, [Published(3)]);
        }
    });
}

fn read_beside(one: &mut Subscription, other: &mut Subscription, expected: &(Vec<ssekit_loom::Seen>, bool)) {
    // A thread of a model cannot borrow, so that the client goes there and back.
    let hub = Hub::new(Bounds::events(1));
    let placeholder = hub.subscribe(["a"]).unwrap();
    let mut moved = std::mem::replace(other, placeholder);
    let thread = thread::spawn(move || {
        let seen = read(&mut moved);
        (moved, seen)
    });
    assert_eq!(read(one), *expected);
    let (moved, seen) = thread.join().unwrap();
    assert_eq!(seen, *expected);
    *other = moved;
}

/// A client that goes takes nothing from one that reads.
#[test]
fn poll_against_drop() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        let mut gone = hub.subscribe(["a"]).unwrap();
        publish(&hub, "a");
        let other = thread::spawn(move || {
            read(&mut gone);
            drop(gone);
        });
        assert_eq!(read(&mut client).0, [Position(0), Published(1)]);
        other.join().unwrap();
        assert_eq!(hub.stats().subscribers, 1);
    });
}

/// What grows too old while it is read is given, or told to be gone.
#[test]
fn poll_against_expire() {
    loom::model(|| {
        let (hub, mut client, _) = hub_with_old(2);
        let other = beside(&hub, Hub::expire);
        let mut seen = read(&mut client).0;
        other.join().unwrap();
        publish(&hub, "a");
        seen.extend(read(&mut client).0);
        match seen[..] {
            [Position(0), Published(1), Published(2), Published(3)] | [Position(0), Gap(2), Published(3)] => {
            }
            ref seen => panic!("{seen:?}"),
        }
    });
}

/// Statistics never count a delivery that was not, nor lose one.
#[test]
fn poll_against_stats() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        publish(&hub, "a");
        let other = beside(&hub, |hub| assert!(hub.stats().delivered <= 1));
        assert_eq!(read(&mut client).0.len(), 2);
        other.join().unwrap();
        assert_eq!(hub.stats().delivered, 1);
    });
}

/// A hub that closes twice ends once.
#[test]
fn close_against_close() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        publish(&hub, "a");
        let other = beside(&hub, |hub| hub.close(Close::new()));
        hub.close(Close::new());
        assert_eq!(read(&mut client), (vec![Position(0), Published(1)], true));
        other.join().unwrap();
        assert_eq!(hub.stats().subscribers, 0);
    });
}

/// A topic that finishes while the hub closes ends its clients once, after what is pending.
#[test]
fn close_against_finish() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        publish(&hub, "a");
        let other = beside(&hub, |hub| hub.finish("a"));
        hub.close(Close::new());
        assert_eq!(take(&mut client, 9), [Position(0), Published(1)]);
        other.join().unwrap();
        loom::future::block_on(hub.drained());
    });
}

/// What grows too old while the hub closes is told before the end.
#[test]
fn close_against_expire() {
    loom::model(|| {
        let (hub, mut client, _) = hub_with_old(1);
        let other = beside(&hub, Hub::expire);
        hub.close(Close::new());
        let seen = read(&mut client);
        other.join().unwrap();
        assert!(
            seen == (vec![Position(0), Published(1)], true) || seen == (vec![Position(0), Gap(1)], true),
            "{seen:?}"
        );
    });
}

/// A topic that is finished twice is finished.
#[test]
fn finish_against_finish() {
    loom::model(|| {
        let hub = hub(4);
        let mut client = hub.subscribe(["a"]).unwrap();
        let other = beside(&hub, |hub| hub.finish("a"));
        hub.finish("a");
        other.join().unwrap();
        assert_eq!(publish(&hub, "a"), None);
        assert_eq!(read(&mut client), (vec![Position(0)], true));
    });
}

/// A client that goes while its topic is finished leaves nothing behind.
#[test]
fn finish_against_drop() {
    loom::model(|| {
        let hub = hub(4);
        let client = hub.subscribe(["a"]).unwrap();
        let other = thread::spawn(move || drop(client));
        hub.finish("a");
        other.join().unwrap();
        assert_eq!((hub.stats().subscribers, hub.stats().topics), (0, 0));
        assert_eq!(publish(&hub, "a"), None);
    });
}

/// What grows too old while its topic is finished is told before the end.
#[test]
fn finish_against_expire() {
    loom::model(|| {
        let (hub, mut client, _) = hub_with_old(1);
        let other = beside(&hub, Hub::expire);
        hub.finish("a");
        let seen = take(&mut client, 9);
        other.join().unwrap();
        assert!(seen == [Position(0), Published(1)] || seen == [Position(0), Gap(1)], "{seen:?}");
    });
}

/// Clients that go at once leave nothing behind, and each is noticed.
#[test]
fn drop_against_drop() {
    loom::model(|| {
        let hub = hub(4);
        let gone = Arc::new(AtomicUsize::new(0));
        let [one, other] = [(); 2].map(|()| {
            let gone = gone.clone();
            hub.subscribe(["a"]).unwrap().on_end(move || {
                gone.fetch_add(1, Ordering::SeqCst);
            })
        });
        let other = thread::spawn(move || drop(other));
        drop(one);
        other.join().unwrap();
        assert_eq!(gone.load(Ordering::SeqCst), 2);
        assert_eq!((hub.stats().subscribers, hub.stats().topics), (0, 0));
    });
}

/// A topic that loses its last event and its last client at once is gone.
#[test]
fn drop_against_expire() {
    loom::model(|| {
        let (hub, client, _) = hub_with_old(1);
        let other = beside(&hub, Hub::expire);
        drop(client);
        other.join().unwrap();
        let stats = hub.stats();
        assert_eq!((stats.subscribers, stats.topics, stats.events, stats.bytes), (0, 0, 0, 0));
    });
}

/// Statistics count a client together with its topic, or neither.
#[test]
fn drop_against_stats() {
    loom::model(|| {
        let hub = hub(4);
        let client = hub.subscribe(["a"]).unwrap();
        let other = thread::spawn(move || drop(client));
        let stats = hub.stats();
        assert!(matches!((stats.subscribers, stats.topics), (0, 0) | (1, 1)));
        other.join().unwrap();
    });
}
