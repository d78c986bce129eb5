//! What an event is made of, and what it can be compared with.

use std::borrow::Cow;

use ssekit::{Decoder, Event, EventType, InvalidEventId, ReceivedEvent, Text, decode::Item};

#[test]
fn every_kind_of_text_is_an_event() {
    let owned = String::from("a");
    let events: [Event; 8] = [
        "a".into(),
        owned.as_str().into(),
        (&owned).into(),
        owned.clone().into(),
        Box::<str>::from("a").into(),
        Cow::Borrowed("a").into(),
        Text::from_static("a").into(),
        (&Event::new("a")).into(),
    ];
    for event in events {
        assert_eq!(event, Event::new("a"));
    }
}

#[test]
fn events_are_equal_if_they_are_the_same_on_the_wire() {
    let event = || Event::new("a").with_id(7).with_type(EventType::from_static("order"));
    assert_eq!(event(), event());
    assert_eq!(Event::new("a\r\nb\rc"), Event::new("a\nb\nc"));
    for other in [Event::new("a"), event().with_id(8), event().with_data("b"), event().with_comment("c")] {
        assert_ne!(event(), other);
    }
    assert_ne!(Event::new(""), Event::default());
}

#[test]
fn data_can_be_read_again() {
    assert_eq!(Event::new("a\r\nb").data().as_deref(), Some("a\r\nb"));
    assert_eq!(Event::new("").data().as_deref(), Some(""));
    assert_eq!(Event::default().data(), None);
}

#[cfg(feature = "json")]
#[test]
fn json_can_be_read_again_and_equals_its_text() {
    let event = Event::json(&["a\nb"]).unwrap();
    assert_eq!(event.data().as_deref(), Some("[\"a\\nb\"]"));
    assert_eq!(event, Event::new("[\"a\\nb\"]"));
}

fn received(stream: &[u8]) -> ReceivedEvent {
    let mut decoder = Decoder::new();
    decoder.feed(stream);
    match decoder.next() {
        Some(Item::Event(event)) => event.to_owned(),
        other => panic!("no event but {other:?}"),
    }
}

#[test]
fn a_received_event_can_be_sent_on() {
    for wire in ["id: 7\nevent: order\ndata: a\ndata: \n\n", "data:  a\n\n", "id: é\ndata: \n\n"] {
        let event = Event::try_from(received(wire.as_bytes())).unwrap();
        assert_eq!(event.encode(), wire);
    }
}

#[test]
fn a_received_id_that_cannot_travel_is_an_error() {
    let event = received(b"id: \x01\ndata: a\n\n");
    assert_eq!(Event::try_from(&event), Err(InvalidEventId::ControlCharacter { at: 0 }));
    let long = format!("id: {}\ndata: a\n\n", "7".repeat(257));
    assert_eq!(Event::try_from(received(long.as_bytes())), Err(InvalidEventId::TooLong { len: 257 }));
}
