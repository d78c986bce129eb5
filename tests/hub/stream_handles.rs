//! Streams that are ended from outside, and what a stream begins with.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use ssekit::{
    Bounds, Event, EventType, Hub, LastEventId, Subscribe,
    hub::{Close, End, PositionForm, Start},
};
use tokio::sync::oneshot;

use crate::support::{
    blocks::Block,
    counting_waker::CountingWaker,
    hub_client::{last_event_id, poll, read},
    twin,
};

fn hub() -> Hub {
    Hub::builder(Bounds::events(3)).retry(Duration::from_secs(7)).build()
}

fn position(id: impl ToString, retry: Option<u64>) -> Block {
    Block { event: Some("position".to_owned()), data: Some(String::new()), id: Some(id.to_string()), retry }
}

#[test]
fn a_handle_ends_a_stream_at_once_and_the_client_gets_its_position() {
    let hub = hub();
    let mut client = hub.subscribe("a").unwrap();
    let handle = client.handle();
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    while Pin::new(&mut client).poll_next(&mut cx).is_ready() {}
    let moved = hub.publish("another", "x").unwrap();
    assert_eq!((wakes.take(), handle.has_ended()), (0, false));

    // Its position has not moved for the hub until it has looked, which ending does not.
    handle.clone().end_with(End::new().retry(Duration::from_secs(1)));
    handle.end_with(End::new().retry(Duration::from_secs(2)));
    assert_eq!(wakes.take(), 1);
    let seen = read(&mut client);
    assert!(seen.ended && handle.has_ended());
    assert_eq!(seen.blocks.len(), 1);
    assert_eq!(seen.blocks[0].retry, Some(1_000), "the first call counts");
    assert!(seen.blocks[0].id.is_some());
    assert_eq!(hub.stats().subscribers, 0);
    assert!(matches!(poll(&mut client), Poll::Ready(None)));

    // It comes back from there, and misses nothing.
    let next = hub.publish("a", "later").unwrap();
    let seen = read(&mut hub.subscribe(Subscribe::to("a").after(seen.last_event_id())).unwrap());
    assert_eq!((seen.data(), seen.gaps()), (vec!["later"], vec![]));
    assert_eq!(seen.last_event_id(), last_event_id(next.as_str()));
    assert_ne!(moved, next);
}

#[test]
fn what_is_pending_at_the_end_comes_when_the_client_resumes() {
    let hub = hub();
    let mut client = hub.subscribe("a").unwrap();
    let handle = client.handle();
    let begun = read(&mut client).last_event_id();
    hub.publish("a", "pending").unwrap();
    let bye = Event::new("bye").with_id("of another hub".parse::<ssekit::EventId>().unwrap());
    handle.end_with(End::new().last_event(bye));
    let seen = read(&mut client);
    assert_eq!((seen.data(), seen.last_event_id()), (vec!["bye"], None), "its ID is not sent");
    let seen = read(&mut hub.subscribe(Subscribe::to("a").after(begun)).unwrap());
    assert_eq!(seen.data(), ["pending"]);
}

#[test]
fn a_stream_that_is_ended_before_its_first_poll_still_tells_its_position() {
    let hub = hub();
    let id = hub.publish("a", "x").unwrap();
    let mut client = hub.subscribe("a").unwrap();
    client.handle().end();
    let seen = read(&mut client);
    assert_eq!((seen.blocks, seen.ended), (vec![position(id, Some(7_000))], true));
}

#[test]
fn a_handle_knows_of_other_ends_and_keeps_nothing_alive() {
    let hub = hub();
    let mut dropped = hub.subscribe("a").unwrap();
    let mut closed = hub.subscribe("a").unwrap();
    let handles = [dropped.handle(), closed.handle()];
    drop(dropped);
    assert_eq!(handles.each_ref().map(|handle| handle.has_ended()), [true, false]);
    hub.close(Close::new());
    read(&mut closed);
    assert!(handles[1].has_ended() && closed.handle().has_ended());
    handles[1].end();
    assert_eq!(hub.stats().subscribers, 0);
}

#[test]
fn a_stream_lasts_until_the_first_of_its_futures_and_drops_them_with_it() {
    let hub = hub();
    let ends = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ends);
    let (log_out, logged_out) = oneshot::channel::<()>();
    let (_never, other) = oneshot::channel::<()>();
    let client = hub.subscribe("a").unwrap().until(pending::<()>()).until(logged_out).until(other);
    let mut client = client.on_end(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    while Pin::new(&mut client).poll_next(&mut cx).is_ready() {}
    hub.publish("a", "before").unwrap();
    assert_eq!(read(&mut client).data(), ["before"]);
    while Pin::new(&mut client).poll_next(&mut cx).is_ready() {}
    wakes.take();
    log_out.send(()).unwrap();
    assert_eq!(wakes.take(), 1, "it is woken");
    assert!(read(&mut client).ended);
    assert_eq!((hub.stats().subscribers, ends.load(Ordering::Relaxed)), (0, 1));
}

#[test]
fn a_future_that_panics_ends_the_stream() {
    let hub = hub();
    let mut client = hub.subscribe("a").unwrap().until(async { panic!("of the application") });
    let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut client)));
    assert!(polled.is_err());
    drop(client);
    assert_eq!(hub.stats().subscribers, 0);
}

#[test]
fn a_snapshot_goes_ahead_of_the_position_and_its_ids_are_left_out() {
    let hub = hub();
    let id = hub.publish("a", "old").unwrap();
    let rows = ["one", "two"].map(|row| Event::new(row).with_id("7".parse::<ssekit::EventId>().unwrap()));
    let mut client = hub.subscribe("a").unwrap().snapshot(rows);
    let new = hub.publish("a", "new").unwrap();
    let seen = read(&mut client);
    assert_eq!(seen.data(), ["one", "two", "new"]);
    let ids: Vec<_> = seen.blocks.iter().map(|block| block.id.as_deref()).collect();
    assert_eq!(ids, [None, None, Some(id.as_str()), Some(new.as_str())]);
    assert_eq!(seen.blocks[2].retry, Some(7_000));
}

#[test]
fn a_client_with_a_gap_learns_of_it_before_the_snapshot_and_of_its_position_after() {
    let hub = hub();
    let first = hub.publish("a", "0").unwrap();
    (1..6).for_each(|n| drop(hub.publish("a", n.to_string()).unwrap()));
    let subscribe = || hub.subscribe(Subscribe::to("a").after(&first)).unwrap().snapshot(["the state"]);
    assert!(subscribe().gap().is_some());
    let seen = read(&mut subscribe());
    assert_eq!((seen.gaps(), seen.data()), (vec!["evicted"], vec!["the state", "3", "4", "5"]));
    let mut bytes = Vec::new();
    let mut client = subscribe();
    if let Poll::Ready(Some(piece)) = poll(&mut client) {
        bytes.extend_from_slice(&piece);
    }
    // Cut anywhere before its end, the client has no position from which it would miss the rest of the snapshot.
    for cut in 0..bytes.len() {
        assert_eq!(twin::interpret(&bytes[..cut]).last_event_id, "", "{cut}");
    }
    assert_ne!(twin::interpret(&bytes).last_event_id, "");
}

#[test]
fn a_snapshot_of_nothing_changes_nothing() {
    let hub = hub();
    let plain = read(&mut hub.subscribe("a").unwrap());
    assert_eq!(read(&mut hub.subscribe("a").unwrap().snapshot(Vec::<Event>::new())), plain);
}

#[test]
fn each_subscription_may_have_its_own_form_and_type_of_position_and_reconnection_time() {
    let hub = hub();
    let at = EventType::from_static("at");
    let mut own = hub
        .subscribe(Subscribe::to("a").position_type(at).retry(Duration::from_millis(5)).start(Start::Now))
        .unwrap();
    let mut quiet = hub.subscribe(Subscribe::to("a").position_form(PositionForm::Off)).unwrap();
    let mut usual = hub.subscribe("a").unwrap();
    let (own, quiet, usual) = (read(&mut own), read(&mut quiet), read(&mut usual));
    assert_eq!((own.blocks[0].event.as_deref(), own.blocks[0].retry), (Some("at"), Some(5)));
    assert_eq!((quiet.blocks[0].id.as_deref(), quiet.blocks[0].retry), (None, Some(7_000)));
    assert_eq!(usual.blocks[0].event.as_deref(), Some("position"));

    hub.close(Close::new());
    let refused = hub.subscribe(
        Subscribe::to("a")
            .position_type(EventType::from_static("at"))
            .after(LastEventId::from(ssekit::EventId::from(7_u64))),
    );
    assert!(refused.unwrap_err().body().starts_with(b"id: 7\nevent: at\n"));
}

/// A future that is dropped with its stream.
struct Dropped(Arc<AtomicUsize>);

impl Future for Dropped {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn futures_are_dropped_when_the_stream_ends_although_it_is_kept() {
    let hub = hub();
    let drops = Arc::new(AtomicUsize::new(0));
    let mut client = hub.subscribe("a").unwrap().until(Dropped(Arc::clone(&drops)));
    client.handle().end();
    assert!(read(&mut client).ended);
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}
