//! Enums as events: the variant is the event type, its content the data.
#![cfg(feature = "json")]

use std::{collections::BTreeMap, error::Error};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ssekit::{Decoder, Event, ReceivedEvent, TypedError, decode::Item, hub::Notice};

/// Returns the event as a client receives it.
fn received(stream: &[u8]) -> ReceivedEvent {
    let mut decoder = Decoder::new();
    decoder.feed(stream);
    match decoder.next() {
        Some(Item::Event(event)) => event.to_owned(),
        other => panic!("no event but {other:?}"),
    }
}

/// Returns what is wrong with the JSON, which is the error's source.
fn cause(error: &TypedError) -> String {
    error.source().expect("an error of JSON has its source").to_string()
}

/// Sends a value, checks what is on the wire, and reads it back.
fn round_trip<T: Serialize + DeserializeOwned>(value: &T, wire: &str) -> T {
    let event = Event::typed(value).unwrap().encode();
    assert_eq!(event, wire);
    received(&event).typed().unwrap()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Update {
    ShopOpened,
    Created(Order),
    #[serde(rename_all = "camelCase")]
    Removed {
        order_id: u64,
    },
    Moved(u64, String),
    Tagged {
        id: u64,
        #[serde(flatten)]
        rest: BTreeMap<String, u64>,
    },
    Maybe(Option<u64>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    text: String,
}

#[test]
fn each_kind_of_variant_comes_back() {
    let rest = BTreeMap::from([("a".to_owned(), 1)]);
    let table = [
        (Update::ShopOpened, "event: shop-opened\ndata: null\n\n"),
        (
            Update::Created(Order { id: 7, text: "two\ncoffees".to_owned() }),
            "event: created\ndata: {\"id\":7,\"text\":\"two\\ncoffees\"}\n\n",
        ),
        (Update::Removed { order_id: 7 }, "event: removed\ndata: {\"orderId\":7}\n\n"),
        (Update::Moved(7, "there".to_owned()), "event: moved\ndata: [7,\"there\"]\n\n"),
        (Update::Tagged { id: 7, rest }, "event: tagged\ndata: {\"id\":7,\"a\":1}\n\n"),
        (Update::Maybe(None), "event: maybe\ndata: null\n\n"),
    ];
    for (update, wire) in table {
        assert_eq!(round_trip(&update, wire), update);
    }
}

#[test]
fn options_boxes_newtypes_and_generics_around_an_enum_are_transparent() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Wrapped(Either<u8, Vec<u8>>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Either<A, B> {
        Left(A),
        Right(B),
    }

    let left = Some(Box::new(Wrapped(Either::Left(1))));
    assert_eq!(round_trip(&left, "event: Left\ndata: 1\n\n"), left);
    let right = Wrapped(Either::Right(vec![1, 2]));
    assert_eq!(round_trip(&right, "event: Right\ndata: [1,2]\n\n"), right);
}

#[test]
fn a_value_may_borrow_from_the_event() {
    #[derive(Debug, PartialEq, Deserialize)]
    enum Delta<'a> {
        Text(&'a str),
    }
    let event = received(b"event: Text\ndata: \"hello\"\n\n");
    assert_eq!(event.typed::<Delta<'_>>().unwrap(), Delta::Text("hello"));
}

#[test]
fn a_unit_variant_takes_any_data_and_other_any_type() {
    #[derive(Debug, PartialEq, Deserialize)]
    enum Update {
        Ping,
        #[serde(other)]
        Other,
    }
    assert_eq!(received(b"event: Ping\ndata: no json\n\n").typed::<Update>().unwrap(), Update::Ping);
    assert_eq!(received(b"event: position\ndata:\n\n").typed::<Update>().unwrap(), Update::Other);
}

#[test]
fn an_unknown_type_and_a_notice_of_the_hub_are_told_apart() {
    let error = received(b"event: moved-on\ndata: 1\n\n").typed::<Update>().unwrap_err();
    assert!(matches!(&error, TypedError::UnknownType(name) if name == "moved-on"), "{error:?}");
    assert_eq!(error.to_string(), "no variant is named as the event type \"moved-on\"");

    let error = received(b"data: 1\n\n").typed::<Update>().unwrap_err();
    assert!(matches!(&error, TypedError::UnknownType(name) if name == "message"), "{error:?}");

    let error = received(b"event: position\ndata:\n\n").typed::<Update>().unwrap_err();
    assert!(matches!(error, TypedError::Notice(Notice::Position)), "{error:?}");
}

#[test]
fn a_type_of_the_enum_comes_before_a_notice_of_the_same_name() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Track {
        Position(u64, u64),
    }
    let event = received(b"event: position\ndata: [1, 2]\n\n");
    assert_eq!(event.typed::<Track>().unwrap(), Track::Position(1, 2));
}

#[test]
fn data_that_is_not_the_content_is_an_error_that_says_where() {
    for (data, part) in [("{\"id\": 7}", "missing field `text`"), ("7 8", "invalid type"), ("", "EOF")] {
        let event = received(format!("event: created\ndata: {data}\n\n").as_bytes());
        let error = event.typed::<Update>().unwrap_err();
        assert!(matches!(error, TypedError::Json(_)) && cause(&error).contains(part), "{data}: {error:?}");
    }
    let trailing = received(b"event: maybe\ndata: 1 2\n\n").typed::<Update>().unwrap_err();
    assert!(cause(&trailing).contains("trailing"), "{trailing:?}");
}

#[test]
fn what_does_not_tell_its_variant_is_refused_both_ways() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Internal {
        A { id: u64 },
    }
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        A(u64),
    }

    let sent = [
        Event::typed(&Internal::A { id: 1 }),
        Event::typed(&Untagged::A(1)),
        Event::typed(&1),
        Event::typed(&[1, 2]),
        Event::typed("text"),
        Event::typed(&Order { id: 1, text: String::new() }),
        Event::typed(&None::<Update>),
        Event::typed(&BTreeMap::from([("a", 1)])),
    ];
    for error in sent.map(Result::unwrap_err) {
        assert!(
            cause(&error).starts_with("a typed event is made of an enum's variant, not of "),
            "{error:?}"
        );
    }

    let event = received(b"event: A\ndata: 1\n\n");
    let got = [
        event.typed::<Internal>().map(drop),
        event.typed::<Untagged>().map(drop),
        event.typed::<u64>().map(drop),
        event.typed::<Vec<u64>>().map(drop),
        event.typed::<String>().map(drop),
    ];
    for error in got.map(Result::unwrap_err) {
        assert!(cause(&error).starts_with("a typed event is read as an enum"), "{error:?}");
    }
}

#[test]
fn a_name_with_a_line_break_is_refused() {
    #[derive(Debug, Serialize)]
    enum Update {
        #[serde(rename = "a\ndata: injected")]
        A,
    }
    assert!(matches!(Event::typed(&Update::A), Err(TypedError::Type(_))));
}
