//! How operations interleave on a topic with so many subscriptions that some have lanes. Here those are all but the
//! first.
#![cfg(ssekit_loom)]

use loom::thread;
use ssekit::{
    Bounds, Hub, Subscribe, Subscription,
    hub::{Close, Lag},
};
use ssekit_loom::{
    Seen::{Event as Published, Gap, Position},
    beside, cost_of_one, explore_most, hub, next, publish, read, read_around, take,
};

/// Subscribes so many that all share a lane, and one that is without and never looks.
fn on_lane<const N: usize>(hub: &Hub) -> (Subscription, [Subscription; N]) {
    let subscribe = || hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
    (subscribe(), [(); N].map(|()| subscribe()))
}

/// A subscription that parks on its lane while something is published is woken.
#[test]
fn publish_against_park() {
    loom::model(|| {
        let hub = hub(4);
        let (_first, [mut client]) = on_lane(&hub);
        let other = beside(&hub, |hub| {
            publish(hub, "a");
            publish(hub, "a");
        });
        assert_eq!(take(&mut client, 3), [Position(0), Published(1), Published(2)]);
        other.join().unwrap();
        assert_eq!(hub.stats().delivered, 2);
    });
}

/// Whoever shows its change to the lane last, the last one is seen.
#[test]
fn two_publishers_against_park() {
    explore_most(|| {
        let hub = hub(4);
        let (_first, [mut client]) = on_lane(&hub);
        let others = [(); 2].map(|()| beside(&hub, |hub| _ = publish(hub, "a")));
        assert_eq!(take(&mut client, 3), [Position(0), Published(1), Published(2)]);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// A subscription that parks on its lane while the hub closes, or its topic is finished, is woken.
#[test]
fn end_against_park() {
    for finish in [false, true] {
        loom::model(move || {
            let hub = hub(4);
            let (first, [mut client]) = on_lane(&hub);
            let other =
                beside(&hub, move |hub| if finish { hub.finish("a") } else { hub.close(Close::new()) });
            assert_eq!(take(&mut client, 9), [Position(0)]);
            other.join().unwrap();
            drop(first);
            assert_eq!(hub.stats().subscribers, 0);
        });
    }
}

/// What is published before the end is delivered before it.
#[test]
fn publish_against_end() {
    for finish in [false, true] {
        loom::model(move || {
            let hub = hub(4);
            let (_first, [mut client]) = on_lane(&hub);
            read(&mut client);
            let publisher = beside(&hub, |hub| publish(hub, "a"));
            if finish {
                hub.finish("a");
            } else {
                hub.close(Close::new());
            }
            let mut seen = Vec::new();
            while let Some(more) = next(&mut client) {
                seen.extend(more);
            }
            let published = publisher.join().unwrap();
            assert_eq!(seen, published.map(Published).into_iter().collect::<Vec<_>>());
        });
    }
}

/// Who leaves its lane while it is woken takes nothing from its neighbour.
#[test]
fn publish_against_drop() {
    explore_most(|| {
        let hub = hub(4);
        let (_first, [mut gone, mut client]) = on_lane(&hub);
        read(&mut gone);
        read(&mut client);
        let other = beside(&hub, |hub| {
            publish(hub, "a");
            publish(hub, "a");
        });
        drop(gone);
        assert_eq!(take(&mut client, 2), [Published(1), Published(2)]);
        other.join().unwrap();
        assert_eq!((hub.stats().subscribers, hub.stats().delivered), (2, 2));
    });
}

/// What was left on the lane for a neighbour is given, or told to be gone.
#[test]
fn evict_against_poll() {
    loom::model(|| {
        let hub = hub(1);
        let (_first, [mut neighbour, mut client]) = on_lane(&hub);
        publish(&hub, "a");
        assert_eq!(read(&mut neighbour).0, [Position(0), Published(1)]);
        let other = beside(&hub, |hub| _ = publish(hub, "a"));
        let seen = read_around(&mut client, other);
        match seen[..] {
            [Position(0), Published(1), Published(2)] | [Position(0), Gap(1), Published(2)] => {}
            ref seen => panic!("{seen:?}"),
        }
    });
}

/// What was left on the lane goes when another topic takes its room, and that is told.
#[test]
fn evict_from_another_topic_against_poll() {
    loom::model(|| {
        let cost = cost_of_one();
        let hub = Hub::builder(Bounds::events(9)).max_bytes(cost + 30).build();
        let (_first, [mut neighbour, mut client]) = on_lane(&hub);
        publish(&hub, "a");
        assert_eq!(read(&mut neighbour).0, [Position(0), Published(1)]);
        let other = beside(&hub, |hub| _ = publish(hub, "b"));
        let mut seen = read(&mut client).0;
        other.join().unwrap();
        publish(&hub, "a");
        seen.extend(read(&mut client).0);
        match seen[..] {
            [Position(0), Published(1), Published(3)] | [Position(0), Gap(1 | 2), Published(3)] => {}
            ref seen => panic!("{seen:?}"),
        }
    });
}

/// Neighbours that read the same at once get the same, and each is counted.
#[test]
fn poll_against_poll() {
    loom::model(|| {
        let hub = hub(4);
        let (_first, [mut one, mut other]) = on_lane(&hub);
        publish(&hub, "a");
        publish(&hub, "a");
        let expected = [Position(0), Published(1), Published(2)];
        let thread = thread::spawn(move || {
            assert_eq!(read(&mut other).0, expected);
            other
        });
        assert_eq!(read(&mut one).0, expected);
        let mut other = thread.join().unwrap();
        publish(&hub, "a");
        assert_eq!(read(&mut one).0, [Published(3)]);
        assert_eq!(read(&mut other).0, [Published(3)]);
        assert_eq!(hub.stats().delivered, 6);
    });
}

/// The last that leaves its lane takes no count with it, and who comes then begins anew.
#[test]
fn subscribe_against_drop() {
    loom::model(|| {
        let hub = hub(4);
        let (_first, mut gone) = on_lane::<2>(&hub);
        publish(&hub, "a");
        // The first one fetches it, the other finds it on the lane.
        assert!(gone.iter_mut().all(|client| read(client).0 == [Position(0), Published(1)]));
        let other = thread::spawn(move || drop(gone));
        let mut client = hub.subscribe(["a"]).unwrap();
        other.join().unwrap();
        publish(&hub, "a");
        assert_eq!(read(&mut client).0, [Position(1), Published(2)]);
        assert_eq!((hub.stats().subscribers, hub.stats().delivered), (2, 3));
    });
}
