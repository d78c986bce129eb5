//! What is read from a request: the last event ID, and whether an event stream is wanted.

use http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use ssekit::{
    EventId, LastEventId, accepts_event_stream, last_event_id, last_event_id_from, last_event_id_with,
};

/// What a client said.
#[derive(Debug, PartialEq)]
enum Said {
    Nothing,
    Unknown,
    Id(String),
}

fn said(last: Option<LastEventId>) -> Said {
    match last.as_ref().map(LastEventId::as_id) {
        None => Said::Nothing,
        Some(None) => Said::Unknown,
        Some(Some(id)) => Said::Id(id.as_str().to_owned()),
    }
}

fn id(id: &str) -> Said {
    Said::Id(id.to_owned())
}

fn headers(values: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append("Last-Event-ID", HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

fn header(value: &[u8]) -> Said {
    said(last_event_id(&headers(&[value]), None))
}

fn query(query: &str) -> Said {
    said(last_event_id(&HeaderMap::new(), Some(query)))
}

#[test]
fn a_header_is_an_id_or_unknown_and_if_it_is_empty_nothing() {
    assert_eq!(header(b"7"), id("7"));
    assert_eq!(header("é…😀".as_bytes()), id("é…😀"));
    assert_eq!(header(b"a b%20+c"), id("a b%20+c"));
    assert_eq!(header(b""), Said::Nothing);
    assert_eq!(header(b"a\tb"), Said::Unknown);
    assert_eq!(header(&[b'a'; 256]), Said::Id("a".repeat(256)));
    assert_eq!(header(&[b'a'; 257]), Said::Unknown);
    assert_eq!(header(&[b'a'; 65_536]), Said::Unknown);
    assert_eq!(said(last_event_id(&HeaderMap::new(), None)), Said::Nothing);
}

#[test]
fn bytes_that_are_not_utf_8_are_latin_1() {
    assert_eq!(header(b"\xE9-1"), id("é-1"));
    assert_eq!(header(b"\xFF"), id("ÿ"));
    assert_eq!(header(b"\x85\xE9"), Said::Unknown, "a control character of Latin-1");
    assert_eq!(query("last_event_id=%E9-1"), id("é-1"));
    assert_eq!(header(&[0xE9; 128]), Said::Id("é".repeat(128)));
    assert_eq!(header(&[0xE9; 129]), Said::Unknown);
}

#[test]
fn a_polyfill_says_it_in_the_query_and_its_parameter_is_newer_than_the_page_s() {
    assert_eq!(query("topic=a&lastEventId=7"), id("7"));
    assert_eq!(query("last_event_id=old&lastEventId=new"), id("new"));
    assert_eq!(query("last_event_id=old&lastEventId="), id("old"));
    assert_eq!(query("lastEventId=7&lastEventId=8"), Said::Unknown);
    assert_eq!(query("last_event_id=7&lastEventId=%00"), Said::Unknown);
    assert_eq!(query("lasteventid=7"), Said::Nothing);
}

#[test]
fn the_names_of_the_parameters_can_be_chosen() {
    let named = |query, names: &[&str]| said(last_event_id_with(None::<&str>, Some(query), names));
    assert_eq!(named("after=7&last_event_id=8", &["after"]), id("7"));
    assert_eq!(named("after=7&since=8", &["since", "after"]), id("8"));
    assert_eq!(named("lastEventId=7&last_event_id=8", &[]), Said::Nothing);
    assert_eq!(said(last_event_id_with(Some("9"), Some("after=7"), &["after"])), id("9"));
}

#[test]
fn bytes_that_no_header_value_can_hold_are_unknown() {
    for value in [&b"a\0"[..], b"a\r\nb", b" a", b"a ", b"\x7F", b" "] {
        assert_eq!(said(LastEventId::from_bytes(value)), Said::Unknown, "{value:?}");
    }
}

#[test]
fn several_headers_that_disagree_are_unknown() {
    let headers_say = |values: &[&[u8]]| said(last_event_id(&headers(values), None));
    assert_eq!(headers_say(&[b"7", b"7"]), id("7"));
    assert_eq!(headers_say(&[b"7", b"8"]), Said::Unknown);
    assert_eq!(headers_say(&[b"7", b"a\tb"]), Said::Unknown);
    assert_eq!(headers_say(&[b"", b"7", b""]), id("7"));
}

#[test]
fn a_query_parameter_is_decoded_as_forms_write_it() {
    for (written, expected) in [
        ("last_event_id=7", id("7")),
        ("topic=a&last_event_id=7&topic=b", id("7")),
        ("last%5Fevent%5fid=7", id("7")),
        ("last_event_id=a+b%2Bc%26d", id("a b+c&d")),
        ("last_event_id=%C3%A9", id("é")),
        ("last_event_id=a=b", id("a=b")),
        ("last_event_id=%", id("%")),
        ("last_event_id=%4", id("%4")),
        ("last_event_id=%g1%1g", id("%g1%1g")),
        ("last_event_id=%%41", id("%A")),
        ("last_event_id=%+1", id("% 1")),
        ("last_event_id=", Said::Nothing),
        ("last_event_id", Said::Nothing),
        ("", Said::Nothing),
        ("&&=&", Said::Nothing),
        ("Last_Event_Id=7", Said::Nothing),
        ("xlast_event_id=7&last_event_idx=8", Said::Nothing),
        ("last_event_id=%7F", Said::Unknown),
        ("last_event_id=a%00", Said::Unknown),
        ("last_event_id=7%0A", Said::Unknown),
        ("last_event_id=+7", Said::Unknown),
        ("last_event_id=7&last_event_id=7", id("7")),
        ("last_event_id=7&last_event_id=8", Said::Unknown),
        ("last_event_id=&last_event_id=8", id("8")),
    ] {
        assert_eq!(query(written), expected, "{written}");
    }
}

#[test]
fn the_limit_of_a_query_parameter_counts_decoded_bytes() {
    assert_eq!(query(&format!("last_event_id={}", "%41".repeat(256))), Said::Id("A".repeat(256)));
    assert_eq!(query(&format!("last_event_id={}", "%41".repeat(257))), Said::Unknown);
    assert_eq!(query(&format!("last_event_id={}", "a".repeat(1 << 20))), Said::Unknown);
}

#[test]
fn the_header_comes_before_the_query_unless_it_is_empty() {
    let both = |header: &[u8]| said(last_event_id(&headers(&[header]), Some("last_event_id=old")));
    assert_eq!(both(b"new"), id("new"));
    assert_eq!(both(b"a\tb"), Said::Unknown);
    assert_eq!(both(b""), id("old"));
}

#[test]
fn other_stacks_read_the_same_from_bytes() {
    let header: Option<&[u8]> = Some(b"7");
    assert_eq!(said(last_event_id_from(header, Some("last_event_id=8"))), id("7"));
    assert_eq!(said(last_event_id_from(None::<&str>, Some("last_event_id=8"))), id("8"));
    assert_eq!(said(last_event_id_from(["7", "8"], None)), Said::Unknown);
}

#[test]
fn an_id_from_elsewhere_is_taken_and_an_empty_one_is_unknown() {
    assert_eq!(said(Some(EventId::from(7_u8).into())), id("7"));
    assert_eq!(said(Some(EventId::from_static("").into())), Said::Unknown);
}

proptest! {
    #[test]
    fn every_id_comes_back_from_a_header_and_from_a_query(text in "\\PC{1,60}") {
        if let Ok(expected) = EventId::try_from(text.as_str()) {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let expected = id(expected.as_str());
            prop_assert_eq!(&header(text.as_bytes()), &expected);
            prop_assert_eq!(&query(&format!("a=b&last_event_id={encoded}")), &expected);
        }
    }

    #[test]
    fn nothing_in_a_request_panics(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4),
        query in "(last_event_id=|[&=%+a-f0-9é]){0,30}",
    ) {
        last_event_id_from(values.iter().map(Vec::as_slice), Some(&query));
        let mut headers = HeaderMap::new();
        for value in values.iter().filter_map(|value| HeaderValue::from_bytes(value).ok()) {
            headers.append(header::ACCEPT, value);
        }
        accepts_event_stream(&headers);
    }
}

fn accepts(values: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::ACCEPT, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    accepts_event_stream(&headers)
}

#[test]
fn what_covers_an_event_stream_accepts_it() {
    for value in [
        "text/event-stream",
        "Text/Event-Stream",
        "text/event-stream;charset=utf-8",
        "text/event-stream ; q=0.001",
        "text/*",
        "*/*",
        "application/json, text/event-stream",
        "application/json;q=1,*/*;q=.2",
        "text/html, image/gif, *; q=.2, */*; q=.2",
        "text/*;q=0, text/event-stream",
        "*/*;q=0, text/*;q=0.5",
        "text/event-stream;q=0, text/event-stream",
        r#"application/json;note="a, b;\"c", text/event-stream"#,
    ] {
        assert!(accepts(&[value]), "{value}");
    }
    assert!(accepts(&[]));
    assert!(accepts(&["application/json", "text/event-stream"]));
}

#[test]
fn other_types_and_a_weight_of_zero_refuse_it() {
    for value in [
        "application/json",
        "text/html, text/plain",
        "text/event-streams",
        "text/event-stream;q=0",
        "text/event-stream; Q=0.000",
        "text/event-stream;q=0.",
        "text/event-stream;q=0;charset=utf-8",
        "*/*, text/event-stream;q=0",
        "*/*, text/*;q=0.0",
        "*/*;q=0",
        "*/html, image/*",
        r#"application/json;note="x, text/event-stream, y""#,
        r#"application/json;note="\", text/event-stream, y""#,
    ] {
        assert!(!accepts(&[value]), "{value}");
    }
    assert!(!accepts(&["text/event-stream;q=0", "*/*"]));
}

#[test]
fn what_cannot_be_read_is_tolerated() {
    for value in ["", ",,;", "nonsense", "/", "text/", "text/event-stream;q=no", "nonsense, text/*"] {
        assert!(accepts(&[value]), "{value}");
    }
    assert!(!accepts(&["nonsense, application/json"]));
}

#[test]
fn an_id_that_the_application_knows_is_taken_by_value_and_by_reference() {
    let known = EventId::from_static("7");
    assert_eq!(said(Option::from(&known)), id("7"));
    assert_eq!(said(Option::from(known)), id("7"));
    assert_eq!(said(Option::from(&EventId::from_static(""))), Said::Unknown);
}
