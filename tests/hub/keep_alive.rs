//! What the keep-alives of a subscription say about its position.

#[allow(dead_code, reason = "its counts are not needed here")]
use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::support::blocks::{Block, blocks};
use crate::support::counting_waker::CountingWaker;
use crate::support::manual_timer::ManualTimer;
use futures_core::Stream;
use ssekit::{Bounds, Event, EventId, EventType, Hub, Subscribe, hub::PositionForm};

const SECOND: Duration = Duration::from_secs(1);

fn event(data: impl ToString) -> Event {
    Event::new(data.to_string())
}

fn publish(hub: &Hub, topic: &str, data: impl ToString) -> EventId {
    hub.publish(topic, event(data)).unwrap()
}

fn position(id: &EventId) -> Block {
    Block {
        id: Some(id.to_string()),
        event: Some("position".to_owned()),
        data: Some(String::new()),
        retry: None,
    }
}

fn message(id: &EventId, data: impl ToString) -> Block {
    Block { id: Some(id.to_string()), data: Some(data.to_string()), ..Block::default() }
}

#[test]
fn a_keep_alive_tells_the_position_when_it_has_moved() {
    let hub = Hub::new(Bounds::events(2));
    let timer = ManualTimer::new();
    let client = hub.subscribe(["quiet"]).unwrap();
    let mut client = client.keep_alive_with_timer(SECOND, timer.clone()).event(event("alive"));
    let (_, waker) = CountingWaker::new();
    let mut next = || match Pin::new(&mut client).poll_next(&mut Context::from_waker(&waker)) {
        Poll::Ready(Some(Ok(bytes))) => blocks(&bytes),
        Poll::Pending => vec![],
        Poll::Ready(end) => panic!("{end:?}"),
    };
    let silence = || timer.advance(SECOND);
    let alive = [Block { data: Some("alive".to_owned()), ..Block::default() }];

    assert_eq!((next().len(), next()), (1, vec![]));
    silence();
    assert_eq!(next(), alive);
    let moved = publish(&hub, "busy", 1);
    assert_eq!(next(), []);
    silence();
    let carried = |id: &EventId| [Block { id: Some(id.to_string()), ..alive[0].clone() }];
    assert_eq!(next(), carried(&moved), "the event comes all the same");
    assert_eq!(next(), []);
    silence();
    assert_eq!(next(), alive, "it is told once");
    let own = publish(&hub, "quiet", 2);
    assert_eq!(next(), [message(&own, 2)]);
    assert_eq!(next(), []);
    silence();
    assert_eq!(next(), alive, "an event tells its own position");
    assert_eq!(next(), []);
    for busy in 0..3 {
        let moved = publish(&hub, "busy", busy);
        silence();
        assert_eq!(next(), carried(&moved), "it comes in each silence, however busy others are");
        assert_eq!(next(), []);
    }
}

#[test]
fn a_keep_alive_of_the_applications_carries_no_id_that_the_hub_does_not_know() {
    let beat = || event("alive").with_id(EventId::from_static("foreign"));
    let silences = |form, beat: Event| {
        let hub = Hub::builder(Bounds::events(2)).position_form(form).build();
        let timer = ManualTimer::new();
        let client = hub.subscribe(["quiet"]).unwrap();
        let mut client = client.keep_alive_with_timer(SECOND, timer.clone()).event(beat);
        let mut next = || match Pin::new(&mut client).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(bytes))) => blocks(&bytes),
            Poll::Pending => vec![],
            Poll::Ready(end) => panic!("{end:?}"),
        };
        while !next().is_empty() {}
        timer.advance(SECOND);
        let still = next();
        let moved = publish(&hub, "busy", 1);
        assert_eq!(next(), []);
        timer.advance(SECOND);
        (still, next(), moved)
    };
    let alive = [Block { data: Some("alive".to_owned()), ..Block::default() }];
    for form in [PositionForm::Event, PositionForm::IdOnly] {
        let (still, carries, moved) = silences(form, beat());
        assert_eq!(still, alive);
        assert_eq!(carries, [Block { id: Some(moved.to_string()), ..alive[0].clone() }]);
    }
    let (still, carries, _) = silences(PositionForm::Off, beat());
    assert_eq!((&still[..], &carries[..]), (&alive[..], &alive[..]));
    // A browser stores no ID with what it does not dispatch.
    let (_, told, moved) = silences(PositionForm::Event, Event::comment("alive"));
    assert_eq!(told, [position(&moved)]);
}

#[test]
fn a_position_is_never_ahead_of_what_was_given() {
    let hub = Hub::new(Bounds::events(1000));
    let timer = ManualTimer::new();
    let client = hub.subscribe(Subscribe::to(["a"]).filter(|event| event.event_type().is_some()));
    let mut client = client.unwrap().keep_alive_with_timer(SECOND, timer.clone());
    let (wakes, waker) = CountingWaker::new();
    let mut next = || Pin::new(&mut client).poll_next(&mut Context::from_waker(&waker));
    assert!(next().is_ready());
    assert!(next().is_pending());

    // One look ends within those that are filtered out, and the keep-alive comes before the next look.
    let ids = hub.publish_all("a", (0..500).map(event)).unwrap();
    let kept = hub.publish("a", event("kept").with_type(EventType::from_static("kept"))).unwrap();
    wakes.take();
    timer.advance(SECOND);
    let mut seen = Vec::new();
    for _ in 0..20 {
        if let Poll::Ready(Some(Ok(bytes))) = next() {
            seen.extend(blocks(&bytes));
        }
        timer.advance(SECOND);
    }
    let at = seen.iter().position(|block| block.data.as_deref() == Some("kept")).unwrap();
    let is_one_of_them = |block: &Block| ids.iter().any(|id| block.id.as_deref() == Some(id.as_str()));
    assert!(at > 0 && seen[..at].iter().all(is_one_of_them));
    assert_eq!(seen[at].id.as_deref(), Some(kept.as_str()));
}

#[test]
fn a_silence_does_not_hide_the_end_from_a_client_that_is_sent_no_positions() {
    let hub = Hub::builder(Bounds::events(10)).position_form(PositionForm::Off).build();
    let first = publish(&hub, "a", 1);
    let timer = ManualTimer::new();
    let client = hub.subscribe(Subscribe::to(["a"]).after(first).filter(|_| false)).unwrap();
    let mut client = client.keep_alive_with_timer(SECOND, timer.clone());
    let mut next = || match Pin::new(&mut client).poll_next(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Some(Ok(bytes))) => Some(blocks(&bytes)),
        Poll::Ready(Some(Err(never))) => match never {},
        Poll::Ready(None) | Poll::Pending => None,
    };
    assert_eq!(next(), None);
    let last = publish(&hub, "a", 2);
    assert_eq!(next(), None);
    timer.advance(SECOND);
    assert_eq!(next(), Some(vec![]), "a comment without a position");
    hub.finish("a");
    assert_eq!(next(), Some(vec![position(&last)]), "without it, the client would come back to this end");
}
