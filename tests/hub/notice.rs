//! What a hub says beside the events, as a client in Rust reads it.

use futures_util::{FutureExt, StreamExt, stream};
use ssekit::{
    Bounds, Event, EventId, EventStream, EventType, Hub, ReceivedEvent, Subscribe, Subscription,
    hub::{GapReason, HubBuilder, Lag, Notice},
};

/// The events that are there now, decoded as a client does.
fn received(subscription: &mut Subscription) -> Vec<ReceivedEvent> {
    let pieces: Vec<_> = std::iter::from_fn(|| subscription.next().now_or_never().flatten()).collect();
    let pieces = stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
    EventStream::new(pieces).map(Result::unwrap).collect::<Vec<_>>().now_or_never().unwrap()
}

fn notices(subscription: &mut Subscription) -> Vec<Option<Notice>> {
    received(subscription).iter().map(Notice::of).collect()
}

fn hub() -> HubBuilder {
    Hub::builder(Bounds::events(1))
}

#[test]
fn each_reason_is_read_back() {
    let hub = hub().build();
    let first = hub.publish("a", Event::new("1")).unwrap();
    assert_eq!(notices(&mut hub.subscribe(["a"]).unwrap()), [Some(Notice::Position)]);
    hub.publish("a", Event::new("2")).unwrap();
    hub.publish("a", Event::new("3")).unwrap();

    let reset = |reason| Some(Notice::Reset(Some(reason)));
    let mut evicted = hub.subscribe(Subscribe::to(["a"]).after(first)).unwrap();
    assert_eq!(notices(&mut evicted), [reset(GapReason::Evicted), None]);
    let mut unknown = hub.subscribe(Subscribe::to(["a"]).after(EventId::from_static("7"))).unwrap();
    assert_eq!(notices(&mut unknown), [reset(GapReason::Unknown)]);

    let mut slow = hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap();
    assert_eq!(notices(&mut slow), [Some(Notice::Position)]);
    hub.publish("a", Event::new("4")).unwrap();
    hub.publish("a", Event::new("5")).unwrap();
    assert_eq!(notices(&mut slow), [reset(GapReason::Lagged), None]);
}

#[test]
fn types_of_the_application_are_told_from_events() {
    let hub =
        hub().position_type(EventType::from_static("at")).reset_type(EventType::from_static("gap")).build();
    let mut events = hub.subscribe(Subscribe::to(["a"]).after(EventId::from_static("7"))).unwrap();
    hub.publish("a", Event::new("").with_type(EventType::from_static("position"))).unwrap();
    let mut events = received(&mut events);
    events.extend(received(&mut hub.subscribe(["a"]).unwrap()));
    let read: Vec<_> = events.iter().map(|event| Notice::with_types(event, "at", "gap")).collect();
    assert_eq!(read, [Some(Notice::Reset(Some(GapReason::Unknown))), None, Some(Notice::Position)]);
}

#[test]
fn a_reason_that_is_not_known_is_a_reset_all_the_same() {
    let chunk = &b"event: reset\ndata: {\"reason\": \"moved\"}\n\n"[..];
    let mut events = EventStream::new(stream::iter([Ok::<_, std::io::Error>(chunk)]));
    let event = events.next().now_or_never().flatten().unwrap().unwrap();
    assert_eq!(Notice::of(&event), Some(Notice::Reset(None)));
}
