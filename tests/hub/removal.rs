//! Topics that are removed or forgotten, and code of the application's that panics: nobody is left waiting.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use crate::support::clock::Clock;
use crate::support::hub_client::{self, read};
use futures_core::Stream;
use ssekit::{
    Bounds, Event, EventId, Hub, Subscribe, Subscription,
    hub::{GapReason, Lag, RefusalReason},
    replay::{IdOrder, Ids},
};

const SECOND: Duration = Duration::from_secs(1);

fn publish(hub: &Hub, topic: &str, data: &'static str) -> EventId {
    hub.publish(topic, Event::new(data)).unwrap()
}

fn poll(events: &mut Subscription, waker: &Waker) -> Poll<Option<bytes::Bytes>> {
    Pin::new(events).poll_next(&mut Context::from_waker(waker))
}

/// Reads to the end of a stream, which must be near.
fn read_to_end(events: &mut Subscription) -> usize {
    for pieces in 0..10 {
        match poll(events, Waker::noop()) {
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => return pieces,
            Poll::Pending => panic!("it waits"),
        }
    }
    panic!("it goes on");
}

#[test]
fn a_client_of_a_finished_topic_that_was_forgotten_is_told_of_the_gap_and_ends() {
    let clock = Clock::new();
    let builder = Hub::builder(Bounds::events(10).with_age(SECOND)).max_remembered_topics(2);
    let hub = builder.clock(clock.now()).build();
    let ids: Vec<_> = (0..6)
        .map(|n| {
            let job = format!("job {n}");
            let first = publish(&hub, &job, "first");
            publish(&hub, &job, "last");
            hub.finish(&job);
            first
        })
        .collect();
    clock.advance(SECOND);
    hub.expire();
    for (n, id) in ids.iter().enumerate() {
        let mut events = hub.subscribe(Subscribe::to([format!("job {n}")]).after(id.clone())).unwrap();
        assert_eq!(events.gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
        assert!(read_to_end(&mut events) > 0);
    }
}

#[test]
fn a_live_topic_of_which_nothing_is_known_goes_on_after_one_reconnection() {
    let clock = Clock::new();
    let builder = Hub::builder(Bounds::events(10).with_age(SECOND)).max_remembered_topics(0);
    let hub = builder.clock(clock.now()).build();
    let old = publish(&hub, "job", "done");
    publish(&hub, "other", "newer");
    hub.finish("job");
    clock.advance(SECOND);
    hub.expire();
    let mut events = hub.subscribe(Subscribe::to(["quiet"]).after(old)).unwrap();
    let told = events.gap().unwrap().position().cloned();
    read_to_end(&mut events);
    let mut events = hub.subscribe(Subscribe::to(["quiet"]).after(told.map(Into::into))).unwrap();
    assert!(events.gap().is_none());
    read(&mut events);
    publish(&hub, "quiet", "live");
    assert_eq!(read(&mut events).data(), ["live"]);
}

#[test]
fn one_of_several_topics_that_is_known_keeps_the_stream_alive() {
    let clock = Clock::new();
    let builder = Hub::builder(Bounds::events(10).with_age(SECOND)).max_remembered_topics(0);
    let hub = builder.clock(clock.now()).build();
    let old = publish(&hub, "job", "done");
    hub.finish("job");
    clock.advance(SECOND);
    hub.expire();
    publish(&hub, "live", "one");
    let mut events = hub.subscribe(Subscribe::to(["job", "live"]).after(old)).unwrap();
    assert_eq!(read(&mut events).data(), ["one"]);
    publish(&hub, "live", "two");
    assert_eq!(read(&mut events).data(), ["two"]);
}

#[test]
fn streams_of_a_topic_that_is_removed_end_and_their_clients_miss_nothing_in_silence() {
    for topics in [&["a"][..], &["a", "b"]] {
        for lag in [Lag::Disconnect, Lag::Skip] {
            let hub = Hub::new(Bounds::events(10));
            let subscribe = || hub.subscribe(Subscribe::to(topics).lag(lag)).unwrap();
            let (mut reads, mut waits) = (subscribe(), subscribe());
            let first = publish(&hub, "a", "first");
            let mut last = read(&mut reads).last_event_id();
            assert_eq!(last, Some(first.clone().into()));
            hub.remove("a");
            let other = publish(&hub, "a", "anew");
            // Neither is given what is published anew, nor a position beyond it.
            for events in [&mut reads, &mut waits] {
                let mut seen = Vec::new();
                while let Poll::Ready(Some(bytes)) = poll(events, Waker::noop()) {
                    seen.extend(bytes);
                }
                let seen = String::from_utf8(seen).unwrap();
                assert!(!seen.contains("anew") && !seen.contains(other.as_str()), "{seen}");
                assert!(matches!(poll(events, Waker::noop()), Poll::Ready(None)));
            }
            let mut events = hub.subscribe(Subscribe::to(topics).after(last.take())).unwrap();
            assert!(events.gap().is_none(), "it has seen all that there was");
            assert_eq!(read(&mut events).data(), ["anew"]);
        }
    }
}

#[test]
fn a_client_that_missed_events_of_a_removed_topic_is_told() {
    let hub = Hub::new(Bounds::events(10));
    let first = publish(&hub, "a", "first");
    publish(&hub, "a", "second");
    hub.remove("a");
    hub.remove("never published to");
    let events = hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap();
    assert_eq!(events.gap().map(|gap| gap.reason()), Some(GapReason::Evicted));
}

#[test]
fn a_finished_topic_that_is_removed_still_stops_its_clients() {
    for ids in [Ids::generated(), Ids::unordered()] {
        let is_unordered = matches!(format!("{ids:?}"), name if name.contains("Unordered"));
        let hub = Hub::builder(Bounds::events(1000)).ids(ids).build();
        let ids: Vec<_> = (0..200)
            .map(|n: u64| {
                let event = Event::new("job");
                let event = if is_unordered { event.with_id(EventId::from(n + 1)) } else { event };
                hub.publish("job", event).unwrap()
            })
            .collect();
        hub.finish("job");
        hub.remove("job");
        assert_eq!((hub.stats().events, hub.stats().topics), (0, 0));
        let refusal =
            hub.subscribe(Subscribe::to(["job"]).after(ids.last().cloned().map(Into::into))).unwrap_err();
        assert_eq!(refusal.reason(), RefusalReason::Finished);
    }
}

/// Numbers, until it is to panic.
#[derive(Debug)]
struct Panicking(Arc<AtomicUsize>);

impl IdOrder for Panicking {
    fn position(&self, id: &str) -> Option<u128> {
        id.parse::<u64>().ok().map(u128::from)
    }

    fn id(&self, position: u128) -> EventId {
        assert_eq!(self.0.load(Ordering::Relaxed), 0, "this order has no ID for that");
        position.into()
    }
}

#[test]
fn an_id_order_that_panics_while_a_client_subscribes_leaves_nobody_behind() {
    let panics = Arc::new(AtomicUsize::new(0));
    let order = Ids::ordered(Panicking(Arc::clone(&panics)));
    let hub = Hub::builder(Bounds::events(10)).ids(order).build();
    panics.store(1, Ordering::Relaxed);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(hub.subscribe(["a"])))).is_err());
    let stats = hub.stats();
    assert_eq!((stats.subscribers, stats.topics), (0, 0));
    panics.store(0, Ordering::Relaxed);
    assert!(hub.subscribe(["a"]).is_ok());
}

struct Count(AtomicUsize, bool);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        assert!(!self.1, "this waker panics");
    }
}

#[test]
fn each_waker_is_woken_whatever_others_do_and_the_panic_comes_after() {
    // One topic, with lanes for the later ones, and several topics.
    for topics in [&["a"][..], &["a", "b"]] {
        let hub = Hub::new(Bounds::events(10));
        let wakers: Vec<_> =
            (0..30).map(|n| Arc::new(Count(AtomicUsize::new(0), n == 3 || n == 12 || n == 13))).collect();
        let mut all: Vec<_> = wakers.iter().map(|_| hub.subscribe(topics).unwrap()).collect();
        for (events, waker) in all.iter_mut().zip(&wakers) {
            while poll(events, &Arc::clone(waker).into()).is_ready() {}
        }
        assert!(catch_unwind(AssertUnwindSafe(|| publish(&hub, "a", "one"))).is_err());
        for (n, waker) in wakers.iter().enumerate() {
            assert_eq!(waker.0.load(Ordering::Relaxed), 1, "{n}");
        }
        for events in &mut all {
            assert_eq!(read(events).data(), ["one"]);
        }
    }
}

/// Does something when it is woken.
struct Act(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        let act = self.0.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
    }
}

fn acting(act: impl FnOnce() + Send + 'static) -> Waker {
    Arc::new(Act(Mutex::new(Some(Box::new(act))))).into()
}

fn park(events: &mut Subscription, waker: &Waker) {
    while poll(events, waker).is_ready() {}
}

#[test]
fn those_that_come_after_all_have_left_share_no_place_with_what_was_taken_before() {
    let hub = Hub::new(Bounds::events(10));
    let (has_parked, may_go) = (mpsc::channel(), mpsc::channel::<()>());
    let new = Arc::new(Mutex::new(Vec::new()));

    // Of two subscriptions, the first one leaves its place, and the other leaves while it is being woken.
    let [mut first, mut last] = [(); 2].map(|()| hub.subscribe(["a"]).unwrap());
    park(&mut first, Waker::noop());
    let leaving = Arc::new(Mutex::new(None));
    let waker = {
        let (hub, leaving, new) = (hub.clone(), Arc::clone(&leaving), Arc::clone(&new));
        let (parked, go) = (has_parked.0, may_go.1);
        acting(move || {
            drop(leaving.lock().unwrap().take());
            // Two others come, and another thread takes them: it is not done while the event of this one is.
            let slow = acting(move || {
                parked.send(()).unwrap();
                go.recv().unwrap();
            });
            for waker in [Waker::noop(), &slow] {
                let mut events = hub.subscribe(["a"]).unwrap();
                park(&mut events, waker);
                new.lock().unwrap().push(events);
            }
            let publisher = thread::spawn(move || publish(&hub, "a", "two"));
            has_parked.1.recv().unwrap();
            drop(publisher);
        })
    };
    park(&mut last, &waker);
    *leaving.lock().unwrap() = Some(last);
    drop(first);
    publish(&hub, "a", "one");

    // A third one comes, and one of them parks anew: each has a place of its own.
    let mut third = hub.subscribe(["a"]).unwrap();
    let woken = Arc::new(Count(AtomicUsize::new(0), false));
    park(&mut third, &Arc::clone(&woken).into());
    park(&mut new.lock().unwrap()[0], Waker::noop());
    may_go.0.send(()).unwrap();
    publish(&hub, "a", "three");
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
}

#[test]
fn a_stream_that_lags_when_one_of_its_topics_was_removed_does_not_claim_what_follows_under_that_name() {
    let clock = Clock::new();
    let hub = Hub::builder(Bounds::events(1).with_age(Duration::from_secs(1))).clock(clock.now()).build();
    let mut client = hub.subscribe(Subscribe::to(["a", "b"]).lag(Lag::Skip)).unwrap();
    hub.publish("a", "1").unwrap();
    hub.publish("a", "2").unwrap();
    assert!(hub_client::poll(&mut client).is_ready());
    assert!(hub_client::poll(&mut client).is_ready(), "it lags, and `a` has more for it");
    hub.publish("b", "3").unwrap();
    clock.advance(Duration::from_secs(1));
    hub.expire();
    hub.remove("a");
    let new = hub.publish("a", "4").unwrap();
    let seen = hub_client::read(&mut client);
    assert!(seen.ended && seen.last_event_id().is_none_or(|last| last.as_id() != Some(&new)), "{seen:?}");
}
