//! How an event that supersedes another interleaves with those that read: nothing is lost, and no older value of a key
//! comes after a newer one.
#![cfg(ssekit_loom)]

use ssekit::{
    Event, Hub, Subscribe, Subscription,
    hub::{Lag, Start},
};
use ssekit_loom::{
    Seen::{self, Event as Published, Position},
    beside, explore_most, hub, next, number, publish, read_around,
};

/// Publishes an event with a key, and returns the number of its ID.
fn set(hub: &Hub, key: &str) -> u64 {
    number(&hub.publish("a", Event::new("").with_key(key)).unwrap())
}

/// Publishes a value of one key, one of another, and a newer one of the first.
fn set_twice(hub: &Hub) {
    assert_eq!([set(hub, "x"), set(hub, "y"), set(hub, "x")], [1, 2, 3]);
}

/// Returns the numbers of the events, which must come in their order and without a gap.
fn events(seen: &[Seen]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for seen in seen {
        match seen {
            Published(number) => numbers.push(*number),
            Position(_) => {}
            Seen::Gap(_) => panic!("what was superseded is no gap"),
        }
    }
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    numbers
}

/// Waits until it has seen the event with a number.
fn take_up_to(client: &mut Subscription, last: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    while !seen.contains(&Published(last)) {
        seen.extend(next(client).unwrap());
    }
    events(&seen)
}

/// Either it was given before its successor came, or the successor alone.
fn assert_state(seen: &[u64]) {
    assert!(matches!(seen, [1, 2, 3] | [2, 3]), "{seen:?}");
}

/// A reader gets each value, or its successor. The history has room for the live ones alone, so that neither lags.
#[test]
fn supersede_against_read() {
    loom::model(|| {
        let hub = hub(2);
        let mut client = hub.subscribe(["a"]).unwrap();
        let publisher = beside(&hub, set_twice);
        assert_state(&events(&read_around(&mut client, publisher)));
        assert_eq!(hub.stats().lagged, 0);
    });
}

/// A reader that parks while a value is superseded is woken, on the topic and on a lane.
#[test]
fn supersede_against_park() {
    for on_lane in [false, true] {
        explore_most(move || {
            let hub = hub(2);
            let _first = on_lane.then(|| hub.subscribe(["a"]).unwrap());
            let mut client = hub.subscribe(["a"]).unwrap();
            let publisher = beside(&hub, set_twice);
            assert_state(&take_up_to(&mut client, 3));
            publisher.join().unwrap();
        });
    }
}

/// Readers that share a lane get the state, even if one has left there a run with a value that was then superseded.
#[test]
fn supersede_against_two_on_a_lane() {
    explore_most(|| {
        let hub = hub(2);
        let subscribe = || hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
        let (_first, mut client, mut other) = (subscribe(), subscribe(), subscribe());
        let publisher = beside(&hub, set_twice);
        let seen = events(&read_around(&mut client, publisher));
        assert_state(&seen);
        assert_state(&take_up_to(&mut other, 3));
    });
}

/// A client that begins at the oldest event, or resumes at a value, gets the state whatever is superseded meanwhile.
#[test]
fn supersede_against_subscribe() {
    for resume in [false, true] {
        loom::model(move || {
            let hub = hub(2);
            let first = hub.publish("a", Event::new("").with_key("x")).unwrap();
            assert_eq!(set(&hub, "y"), 2);
            let publisher = beside(&hub, |hub| assert_eq!(set(hub, "x"), 3));
            let options = Subscribe::to(["a"]);
            let options = if resume { options.after(first) } else { options.start(Start::Oldest) };
            let mut client = hub.subscribe(options).unwrap();
            assert!(client.gap().is_none());
            let seen = take_up_to(&mut client, 3);
            publisher.join().unwrap();
            assert!(if resume { seen == [2, 3] } else { matches!(seen[..], [1, 2, 3] | [2, 3]) }, "{seen:?}");
        });
    }
}

/// Of two that set a key at once, the one with the later place stays, and a reader of two topics sees the order.
#[test]
fn supersede_against_supersede() {
    explore_most(|| {
        let hub = hub(1);
        let mut client = hub.subscribe(["a", "b"]).unwrap();
        let publisher = beside(&hub, |hub| {
            set(hub, "x");
            publish(hub, "b");
        });
        set(&hub, "x");
        let seen = events(&read_around(&mut client, publisher));
        let state = hub.subscribe(Subscribe::to("a").start(Start::Oldest)).unwrap();
        assert_eq!((hub.stats().events, state.gap().is_none()), (2, true));
        assert!(seen.len() >= 2 && seen.contains(&3), "{seen:?}");
    });
}
