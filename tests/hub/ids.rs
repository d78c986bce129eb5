//! Hubs whose IDs are the application's, and the application's code that a hub calls.

use std::{
    sync::{Arc, Mutex, OnceLock, mpsc},
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};

use crate::support::clock::Clock;
use crate::support::hub_client::{last_event_id, read};
use futures_core::Stream;
use ssekit::{
    Bounds, Event, EventId, Hub, Subscribe,
    hub::{Close, GapReason, PublishError, Start},
    replay::{IdError, IdOrder, Ids},
};

const SECOND: Duration = Duration::from_secs(1);

/// Numbers, in decimal.
#[derive(Debug)]
struct Numbers;

impl IdOrder for Numbers {
    fn position(&self, id: &str) -> Option<u128> {
        id.parse().ok()
    }

    fn id(&self, position: u128) -> EventId {
        position.into()
    }
}

fn ordered() -> Ids {
    Ids::ordered(Numbers)
}

fn hub(ids: Ids) -> Hub {
    Hub::builder(Bounds::events(3)).ids(ids).build()
}

fn numbered(id: u128) -> Event {
    Event::new(id.to_string()).with_id(id)
}

fn gap(hub: &Hub, last: u128) -> Option<GapReason> {
    let client = hub.subscribe(Subscribe::to(["a"]).after(last_event_id(&last.to_string()))).unwrap();
    client.gap().map(|gap| gap.reason())
}

#[test]
fn ordered_ids_may_leave_numbers_out_and_any_number_resumes() {
    let hub = hub(ordered().after(10_u64.into()));
    for id in [20, 30, 40, 50] {
        assert_eq!(hub.publish("a", numbered(id)), Ok(id.into()));
    }
    for (last, reason, data) in [
        (10, Some(GapReason::Evicted), vec!["30", "40", "50"]),
        (19, Some(GapReason::Evicted), vec!["30", "40", "50"]),
        (20, None, vec!["30", "40", "50"]),
        (35, None, vec!["40", "50"]),
        (50, None, vec![]),
        (51, Some(GapReason::Unknown), vec![]),
    ] {
        assert_eq!(gap(&hub, last), reason, "{last}");
        let mut client = hub.subscribe(Subscribe::to(["a"]).after(last_event_id(&last.to_string()))).unwrap();
        assert_eq!(read(&mut client).data(), data, "{last}");
    }
}

#[test]
fn an_event_whose_id_does_not_fit_is_refused() {
    let id = |id| Event::new("").with_id(EventId::from_static(id));
    let refused = |hub: &Hub, event: Event, error| {
        assert_eq!(hub.publish("a", &event), Err(PublishError::Id(error)));
        assert_eq!(hub.publish_all("a", [&event]), Err(PublishError::Id(error)));
        assert_eq!(hub.stats().events, 1);
    };
    let own = hub(Ids::generated());
    own.publish("a", Event::new("")).unwrap();
    refused(&own, id("5"), IdError::Unexpected);
    refused(&own, id(""), IdError::Unexpected);

    let numbers = hub(ordered());
    numbers.publish("a", id("5")).unwrap();
    refused(&numbers, Event::new(""), IdError::Missing);
    refused(&numbers, id(""), IdError::Missing);
    refused(&numbers, id("six"), IdError::Unordered);
    refused(&numbers, id("5"), IdError::NotAfter);
    refused(&numbers, id("05"), IdError::NotAfter);
    assert_eq!(numbers.publish_all("b", [id("6"), id("6")]), Err(IdError::NotAfter.into()));

    let names = hub(Ids::unordered());
    names.publish("a", id("x")).unwrap();
    refused(&names, Event::new(""), IdError::Missing);
    refused(&names, id("x"), IdError::Duplicate);
    assert_eq!(names.publish_all("b", [id("y"), id("y")]), Err(IdError::Duplicate.into()));
    names.publish_all("b", [id("y"), id("z")]).unwrap();
}

#[test]
fn a_hub_that_does_not_know_what_was_before_never_hides_it() {
    let hub = hub(ordered());
    for last in [0, 500, 1000] {
        assert_eq!(gap(&hub, last), Some(GapReason::Unknown), "{last}");
    }
    hub.publish("a", numbered(1000)).unwrap();
    for last in [0, 500, 999] {
        assert_eq!(gap(&hub, last), Some(GapReason::Evicted), "{last}");
        let mut client = hub.subscribe(Subscribe::to(["a"]).after(last_event_id(&last.to_string()))).unwrap();
        assert_eq!(read(&mut client).data(), ["1000"]);
    }
    assert_eq!(gap(&hub, 1000), None);
}

#[test]
fn a_hub_that_knows_where_it_begins_tells_no_false_gap() {
    let hub = hub(ordered().after(500_u64.into()));
    assert_eq!(gap(&hub, 499), Some(GapReason::Evicted));
    assert_eq!(gap(&hub, 500), None);
    assert_eq!(gap(&hub, 501), Some(GapReason::Unknown));
    hub.publish("a", numbered(1000)).unwrap();
    assert_eq!(gap(&hub, 499), Some(GapReason::Evicted));
    assert_eq!(gap(&hub, 500), None);
}

#[test]
fn the_greatest_position_is_one_like_any_other() {
    let hub = hub(ordered().after((u128::MAX - 2).into()));
    let mut client = hub.subscribe(["a", "b"]).unwrap();
    read(&mut client);
    let ids = hub.publish_all("a", [numbered(u128::MAX - 1), numbered(u128::MAX)]).unwrap();
    assert_eq!(ids, [EventId::from(u128::MAX - 1), u128::MAX.into()]);
    assert_eq!(read(&mut client).data(), ids.iter().map(EventId::as_str).collect::<Vec<_>>());
    assert_eq!(hub.publish("a", numbered(u128::MAX)), Err(IdError::NotAfter.into()));
    assert_eq!(gap(&hub, u128::MAX), None);
}

#[test]
fn ids_without_an_order_are_found_while_they_are_held() {
    let hub = hub(Ids::unordered());
    let id = |id: &str| Event::new(id.to_owned()).with_id(ssekit::EventId::try_from(id).unwrap());
    for name in ["d", "b", "c", "a"] {
        hub.publish("a", id(name)).unwrap();
    }
    let resume = |last: &str| {
        let mut client = hub.subscribe(Subscribe::to(["a"]).after(last_event_id(last))).unwrap();
        let seen = read(&mut client);
        (client.gap().map(|gap| gap.reason()), seen.data().join(" "))
    };
    assert_eq!(resume("d"), (Some(GapReason::Unknown), String::new()));
    assert_eq!(resume("b"), (None, "c a".to_owned()));
    assert_eq!(resume("a"), (None, String::new()));
    assert_eq!(resume("e"), (Some(GapReason::Unknown), String::new()));
    hub.publish("a", id("d")).unwrap();
    assert_eq!(resume("c"), (None, "a d".to_owned()), "an ID may come again once its event is gone");
}

#[test]
fn the_newest_id_without_an_order_is_known_even_when_its_event_is_gone() {
    let clock = Clock::new();
    let builder = Hub::builder(Bounds::events(3).with_age(SECOND)).ids(Ids::unordered());
    let hub = builder.clock(clock.now()).build();
    let newest = Event::new("").with_id(EventId::from_static("newest"));
    hub.publish("a", newest).unwrap();
    clock.advance(SECOND);
    hub.expire();
    let mut client = hub.subscribe(Subscribe::to(["a"]).after(last_event_id("newest"))).unwrap();
    let seen = read(&mut client);
    assert_eq!((seen.gaps(), seen.data()), (vec![], vec![]));
}

#[test]
fn a_client_with_an_unknown_id_is_stopped_in_the_end_even_if_there_is_no_id_to_tell() {
    let hub = hub(Ids::unordered());
    hub.finish("a");
    let mut client = hub.subscribe(Subscribe::to(["a"]).after(last_event_id("from before"))).unwrap();
    let seen = read(&mut client);
    assert_eq!((seen.gaps(), seen.ended), (vec!["unknown"], true));
    assert_eq!(seen.blocks[0].id.as_deref(), Some(""), "the client forgets its ID");
    assert_eq!(
        hub.subscribe(Subscribe::to(["a"]).after(seen.last_event_id())).unwrap_err().response().status(),
        204
    );
}

#[test]
fn a_start_with_the_oldest_event_works_with_every_kind_of_id() {
    for ids in [ordered(), ordered().after(1_u64.into()), Ids::unordered()] {
        let hub = hub(ids);
        for id in 2..8 {
            hub.publish("a", numbered(id)).unwrap();
        }
        let client = hub.subscribe(Subscribe::to(["a", "b"]).start(Start::Oldest));
        assert_eq!(read(&mut client.unwrap()).data(), ["5", "6", "7"]);
    }
}

/// Calls the hub from wherever the hub calls the application.
#[derive(Clone, Debug, Default)]
struct Nosy(Arc<NosyState>);

#[derive(Debug, Default)]
struct NosyState {
    hub: OnceLock<Hub>,
    calls: Mutex<std::collections::BTreeSet<&'static str>>,
}

impl Nosy {
    fn call(&self, from: &'static str) {
        if let Some(hub) = self.0.hub.get() {
            let _ = hub.stats();
            self.0.calls.lock().unwrap().insert(from);
        }
    }
}

impl IdOrder for Nosy {
    fn position(&self, id: &str) -> Option<u128> {
        self.call("position");
        Numbers.position(id)
    }

    fn id(&self, position: u128) -> EventId {
        self.call("id");
        Numbers.id(position)
    }
}

/// A waker's data, which is dropped with its last clone.
struct NosyWaker(Nosy);

impl Wake for NosyWaker {
    fn wake(self: Arc<Self>) {
        self.0.call("wake");
    }
}

impl Drop for NosyWaker {
    fn drop(&mut self) {
        self.0.call("drop of a waker");
    }
}

#[test]
fn all_code_of_an_application_may_use_the_hub() {
    let (done, result) = mpsc::channel();
    thread::spawn(move || {
        let nosy = Nosy::default();
        let (clock, filter, callback) = (nosy.clone(), nosy.clone(), nosy.clone());
        let hub = Hub::builder(Bounds::events(3).with_age(SECOND))
            .ids(Ids::ordered(nosy.clone()))
            .clock(move || {
                clock.call("clock");
                Instant::now()
            })
            .build();
        nosy.0.hub.set(hub.clone()).unwrap();
        let client =
            Subscribe::to(["a", "b"]).lifetime(100 * SECOND - SECOND..=100 * SECOND).filter(move |_| {
                filter.call("filter");
                true
            });
        let client = hub.subscribe(client).unwrap().on_end(move || callback.call("on_end"));
        let mut client = Box::pin(client);
        let mut poll = || {
            // The hub holds the only clone of the waker once this one is dropped.
            let waker = Waker::from(Arc::new(NosyWaker(nosy.clone())));
            client.as_mut().poll_next(&mut Context::from_waker(&waker))
        };
        while poll().is_ready() {}
        assert!(poll().is_pending());
        hub.publish("a", numbered(1)).unwrap();
        while poll().is_ready() {}
        drop(hub.subscribe(Subscribe::to(["a"]).after(last_event_id("1"))).unwrap());
        hub.expire();
        hub.finish("b");
        while poll().is_ready() {}
        hub.close(Close::new().deadline(100 * SECOND));
        while !matches!(poll(), Poll::Ready(None)) {}
        drop(client);
        done.send(nosy.0.calls.lock().unwrap().iter().copied().collect::<Vec<_>>()).unwrap();
    });
    let calls = result.recv_timeout(60 * SECOND).expect("it waits for a lock that it holds");
    assert_eq!(calls, ["clock", "drop of a waker", "filter", "id", "on_end", "position", "wake"]);
}

/// Whole numbers that are written with many leading zeros.
#[derive(Debug)]
struct Padded;

impl IdOrder for Padded {
    fn position(&self, id: &str) -> Option<u128> {
        id.parse().ok()
    }

    fn id(&self, position: u128) -> EventId {
        EventId::try_from(format!("{position:0>200}")).unwrap()
    }
}

#[test]
fn an_id_without_an_order_is_counted_with_its_text_and_about_100_bytes() {
    let memory = |ids| {
        let hub = Hub::builder(Bounds::events(2_000)).ids(ids).build();
        (1..=1_000).for_each(|n| drop(hub.publish("a", Event::new("x").with_id(Padded.id(n))).unwrap()));
        hub.stats().memory
    };
    let each = (memory(Ids::unordered()) - memory(Ids::ordered(Padded))) / 1_000;
    assert!((250..350).contains(&each), "{each} bytes");
}
