//! What an event looks like on the wire, and what a reader makes of it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::{prelude::*, string::string_regex};
use ssekit::{
    Decoder, Event, EventId, EventType, InvalidEventId, Text,
    decode::{Item, ReceivedEvent},
};

#[test]
fn fields_have_one_order_whatever_the_order_of_the_calls() {
    let expected = "id: 7\nevent: order\nretry: 250\n: note\ndata: text\n\n";
    let id = || EventId::from(7);
    let retry = Duration::from_millis(250);
    let forwards = Event::default()
        .with_id(id())
        .with_type(ORDER)
        .with_retry(retry)
        .with_comment("note")
        .with_data("text");
    let backwards = Event::new("text").with_comment("note").with_retry(retry).with_type(ORDER).with_id(id());
    assert_eq!(forwards.encode(), expected);
    assert_eq!(backwards.encode(), expected);
}

#[test]
fn setting_a_part_again_replaces_it() {
    let event = Event::new("first")
        .with_id(1)
        .with_type(EventType::from_static("first"))
        .with_retry(Duration::from_secs(1))
        .with_comment("first\nof two lines")
        .with_data("")
        .with_id(2)
        .with_type(ORDER)
        .with_retry(Duration::from_secs(2))
        .with_comment("second");
    assert_eq!(event.encode(), "id: 2\nevent: order\nretry: 2000\n: second\ndata: \n\n");
}

#[test]
fn an_event_without_any_part_is_a_blank_line() {
    assert_eq!(Event::default().encode(), "\n");
    assert_eq!(decoded(&Event::default().encode()), []);
}

#[test]
fn empty_data_is_dispatched_and_absent_data_is_not() {
    assert_eq!(Event::new("").encode(), "data: \n\n");
    assert_eq!(received(&Event::new("")), ["".to_owned()]);
    let without = Event::default().with_id(1).with_type(ORDER);
    assert_eq!(without.encode(), "id: 1\nevent: order\n\n");
    assert_eq!(received(&without), [""; 0]);
}

#[test]
fn an_empty_id_is_written_since_it_clears_the_last_event_id() {
    let events = [Event::new("a").with_id(1), Event::new("b").with_id(EventId::from_static(""))];
    let stream = events.iter().flat_map(Event::encode).collect::<Vec<u8>>();
    assert_eq!(stream, b"id: 1\ndata: a\n\nid: \ndata: b\n\n");
    let ids: Vec<_> =
        decoded(&stream).iter().map(|event| event.last_event_id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids, ["1", ""]);
}

#[test]
fn an_empty_type_is_not_written_since_it_means_what_none_means() {
    assert_eq!(Event::new("a").with_type(EventType::from_static("")).encode(), "data: a\n\n");
}

#[test]
fn each_line_break_splits_data_once() {
    let cases = [
        ("a\nb", "data: a\ndata: b\n\n"),
        ("a\rb", "data: a\ndata: b\n\n"),
        ("a\r\nb", "data: a\ndata: b\n\n"),
        ("a\n\rb", "data: a\ndata: \ndata: b\n\n"),
        ("a\r\r\nb", "data: a\ndata: \ndata: b\n\n"),
        ("a\r\n\nb", "data: a\ndata: \ndata: b\n\n"),
        ("\n", "data: \ndata: \n\n"),
        ("\r\n", "data: \ndata: \n\n"),
        ("a\n", "data: a\ndata: \n\n"),
        ("a\r\n\r\n", "data: a\ndata: \ndata: \n\n"),
        ("\r\na", "data: \ndata: a\n\n"),
    ];
    for (data, expected) in cases {
        assert_eq!(Event::new(data).encode(), expected, "{data:?}");
        assert_eq!(received(&Event::new(data)), [with_line_feeds(data)], "{data:?}");
    }
}

#[test]
fn a_long_event_with_all_its_parts_is_as_long_as_it_says() {
    let text = "x".repeat(600);
    let event = Event::new(text.as_str()).with_retry(Duration::from_millis(7)).with_comment("a\r\nb");
    assert_eq!(event.encode(), format!("retry: 7\n: a\n: b\ndata: {text}\n\n"));
    assert_eq!(event.encode().len(), event.encoded_len());
}

#[test]
fn a_comment_is_split_as_data_is() {
    let comment = Event::comment("a\r\nb\rc\n");
    assert_eq!(comment.encode(), ": a\n: b\n: c\n: \n\n");
    assert_eq!(received(&comment), [""; 0]);
    assert_eq!(Event::comment("").encode(), ": \n\n");
}

#[test]
fn line_breaks_are_found_wherever_they_stand() {
    for len in (0..80).chain([127, 128, 500, 511, 512, 513, 4096]) {
        for at in (0..len).step_by(1 + len / 64) {
            // A tab and U+000F are below 16, as CR and LF are, and no other character of text is.
            for (before, after) in [("\u{F}", "\t"), ("x", "\u{10}")] {
                for line_break in ["\n", "\r", "\r\n"] {
                    let data = format!("{}{line_break}{}", before.repeat(at), after.repeat(len - at));
                    let event = Event::new(data.clone());
                    let expected = format!("data: {}\n\n", data.replace(line_break, "\ndata: "));
                    assert_eq!(event.encode(), expected, "{len} {at} {line_break:?}");
                    assert_eq!(event.encoded_len(), expected.len());
                }
            }
        }
        let data = "\u{F}\t\u{10}".repeat(len);
        assert_eq!(Event::new(data.clone()).encode(), format!("data: {data}\n\n"));
    }
}

#[test]
fn white_space_and_a_byte_order_mark_in_front_of_data_survive() {
    for data in [" a", "  a", "\ta", "\u{FEFF}a", " \u{FEFF}", " ", ":a", "data: a", "a "] {
        assert_eq!(received(&Event::new(data)), [data], "{data:?}");
    }
}

#[test]
fn a_reconnection_time_is_rounded_up_to_whole_milliseconds() {
    let cases = [
        (Duration::ZERO, "0"),
        (Duration::from_nanos(1), "1"),
        (Duration::from_micros(1_500), "2"),
        (Duration::from_millis(3_000), "3000"),
        (Duration::from_secs(u64::MAX), "18446744073709551615"),
        (Duration::MAX, "18446744073709551615"),
    ];
    for (time, expected) in cases {
        assert_eq!(Event::default().with_retry(time).encode(), format!("retry: {expected}\n\n"));
    }
}

#[test]
fn an_id_that_a_header_cannot_bring_back_is_refused() {
    let control = |at| Err(InvalidEventId::ControlCharacter { at });
    for (id, refusal) in [
        ("a\nb", control(1)),
        ("a\r", control(1)),
        ("\0", control(0)),
        ("a\tb", control(1)),
        ("ab\x7f", control(2)),
        ("a\u{85}", control(1)),
        (" a", Err(InvalidEventId::OuterSpace)),
        ("a ", Err(InvalidEventId::OuterSpace)),
        (" ", Err(InvalidEventId::OuterSpace)),
    ] {
        assert_eq!(EventId::try_from(id), refusal, "{id:?}");
        assert_eq!(EventId::try_from(id.to_owned()), refusal, "{id:?}");
        assert_eq!(id.parse::<EventId>(), refusal, "{id:?}");
    }
    assert_eq!(EventId::try_from("a".repeat(257)), Err(InvalidEventId::TooLong { len: 257 }));
    for id in ["", "a b", "é…😀", "\u{A0}", &"a".repeat(256)] {
        assert_eq!(EventId::try_from(id).unwrap().as_str(), id);
    }
}

#[test]
fn ids_from_integers_never_fail() {
    assert_eq!(EventId::from(u128::MAX).as_str(), u128::MAX.to_string());
    assert_eq!(EventId::from(i64::MIN).as_str(), i64::MIN.to_string());
    assert_eq!(EventId::from(0_u8).as_str(), "0");
}

#[test]
fn a_type_with_a_line_break_is_refused() {
    for (event_type, at) in [("\n", 0), ("a\rb", 1), ("order\ndata: injected", 5)] {
        assert_eq!(EventType::try_from(event_type).unwrap_err().at(), at);
        assert_eq!(EventType::try_from(event_type.to_owned()).unwrap_err().at(), at);
        assert_eq!(event_type.parse::<EventType>().unwrap_err().at(), at);
    }
    for event_type in ["", " a ", "\0", "é…😀", ":", &"a".repeat(10_000)] {
        assert_eq!(EventType::try_from(event_type).unwrap().as_str(), event_type);
    }
}

#[test]
#[should_panic = "line break in event type"]
fn a_literal_type_with_a_line_break_panics() {
    EventType::from_static("a\nb");
}

#[test]
#[should_panic = "control character in event ID"]
fn a_literal_id_with_a_line_break_panics() {
    EventId::from_static("a\nb");
}

#[test]
fn bytes_are_text_if_they_are_utf_8() {
    let text = Text::try_from(Bytes::from_static("é\n".as_bytes())).unwrap();
    assert_eq!(Event::new(text).encode(), "data: é\ndata: \n\n");
    assert!(Text::try_from(Bytes::from_static(b"a\xE9")).is_err());
}

#[test]
fn encoding_into_a_buffer_keeps_what_is_there() {
    let mut buffer = BytesMut::from("data: before\n\n");
    let long = "x".repeat(5_000);
    for data in ["short", &long, "two\nlines"] {
        Event::new(data.to_owned()).encode_into(&mut buffer);
    }
    let expected = format!("data: before\n\ndata: short\n\ndata: {long}\n\ndata: two\ndata: lines\n\n");
    assert_eq!(buffer, expected);
}

#[cfg(feature = "json")]
#[test]
fn json_is_written_as_data_lines() {
    use serde_json::{json, value::RawValue};

    let event = Event::json(&json!({"text": "a\r\nb\u{FEFF}", "list": [1, null]})).unwrap();
    assert_eq!(event.encode(), "data: {\"list\":[1,null],\"text\":\"a\\r\\nb\u{FEFF}\"}\n\n");

    let raw: Box<RawValue> = serde_json::from_str("{\r\n  \"a\": 1,\r  \"b\": [\n\n]}").unwrap();
    let event = Event::default().with_data("replaced").with_json(&raw).unwrap();
    assert_eq!(event.encode(), "data: {\ndata:   \"a\": 1,\ndata:   \"b\": [\ndata: \ndata: ]}\n\n");
    assert_eq!(event.encoded_len(), event.encode().len());
    assert_eq!(received(&event), [with_line_feeds(raw.get())]);

    assert_eq!(Event::json("").unwrap().with_data("text").encode(), "data: text\n\n");
}

#[cfg(feature = "json")]
#[test]
fn json_that_cannot_be_written_is_an_error() {
    let map = std::collections::BTreeMap::from([(vec![1], 2)]);
    assert!(Event::json(&map).is_err());
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(events in proptest::collection::vec(event(), 0..8)) {
        let mut buffer = BytesMut::new();
        for (event, _) in &events {
            let before = buffer.len();
            event.encode_into(&mut buffer);
            prop_assert_eq!(&buffer[before..], &event.encode()[..]);
            prop_assert_eq!(event.encoded_len(), buffer.len() - before);
        }
        let mut last_event_id = "";
        let mut expected = Vec::new();
        for (_, [id, event_type, data]) in &events {
            last_event_id = id.as_deref().unwrap_or(last_event_id);
            if let Some(data) = data {
                let event_type = event_type.as_deref().filter(|event_type| !event_type.is_empty());
                expected.push([event_type.unwrap_or("message"), data, last_event_id].map(str::to_owned));
            }
        }
        let seen = decoded(&buffer)
            .iter()
            .map(|event| [event.event_type(), event.data(), event.last_event_id()].map(str::to_owned))
            .collect::<Vec<_>>();
        prop_assert_eq!(seen, expected);
    }
}

/// An event, and what a reader must make of its ID, type and data.
fn event() -> impl Strategy<Value = (Event, [Option<String>; 3])> {
    let hostile = || string_regex("(?s)([\r\n\t :\0\u{FEFF}\u{85}éa]|data: |id: |.){0,90}").unwrap();
    let parts = (
        proptest::option::of(string_regex("([ :\u{FEFF}é]|.){0,20}").unwrap()),
        proptest::option::of(string_regex("([ :\u{FEFF}é\0]|.){0,20}").unwrap()),
        proptest::option::of(hostile()),
        proptest::option::of(hostile()),
        proptest::option::of(any::<Duration>()),
    );
    parts.prop_map(|(id, event_type, data, comment, retry)| {
        let mut event = Event::default();
        let id = id.and_then(|id| EventId::try_from(id).ok());
        if let Some(id) = &id {
            event = event.with_id(id.clone());
        }
        let event_type = event_type.and_then(|event_type| EventType::try_from(event_type).ok());
        if let Some(event_type) = &event_type {
            event = event.with_type(event_type.clone());
        }
        if let Some(data) = &data {
            event = event.with_data(data.clone());
        }
        if let Some(comment) = comment {
            event = event.with_comment(comment);
        }
        if let Some(retry) = retry {
            event = event.with_retry(retry);
        }
        let id = id.map(|id| id.as_str().to_owned());
        let event_type = event_type.map(|event_type| event_type.as_str().to_owned());
        (event, [id, event_type, data.as_deref().map(with_line_feeds)])
    })
}

fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Returns the data of each event that a reader dispatches.
fn received(event: &Event) -> Vec<String> {
    decoded(&event.encode()).iter().map(|event| event.data().to_owned()).collect()
}

fn decoded(stream: &[u8]) -> Vec<ReceivedEvent> {
    let mut decoder = Decoder::new();
    decoder.feed(stream);
    let mut events = Vec::new();
    while let Some(item) = decoder.next() {
        if let Item::Event(event) = item {
            events.push(event.to_owned());
        }
    }
    events
}

const ORDER: EventType = EventType::from_static("order");

#[test]
fn values_of_every_length_are_written_whole() {
    let text = |len: usize| -> String { (0..len).map(|at| char::from(b'a' + (at % 23) as u8)).collect() };
    for len in 0..=70 {
        let (id, event_type, data) = (text(len), text(70 - len), text(len));
        let event = Event::new(data.clone())
            .with_id(EventId::try_from(id.clone()).unwrap())
            .with_type(EventType::try_from(event_type.clone()).unwrap());
        let type_line = if len == 70 { String::new() } else { format!("event: {event_type}\n") };
        assert_eq!(event.encode(), format!("id: {id}\n{type_line}data: {data}\n\n"));
        let lines = Event::new(format!("{data}\n{data}\r\n{data}"));
        assert_eq!(lines.encode(), format!("data: {data}\n").repeat(3) + "\n");
    }
}
