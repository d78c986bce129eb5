//! The rules of the standard (9.2.5 and 9.2.6), a row each, and what a caller can rely on besides.

use std::time::Duration;

use ssekit::{
    Decoder,
    decode::{Item, Limits},
};

/// Decodes a stream and writes down what it says: `type|data|last event ID` for an event, `retry` and its value,
/// `:` and the comment.
fn decode(decoder: &mut Decoder, pieces: &[&[u8]]) -> Vec<String> {
    let mut said = Vec::new();
    for piece in pieces.iter().copied() {
        decoder.feed(piece);
        while let Some(item) = decoder.next() {
            said.push(match item {
                Item::Event(event) => {
                    format!("{}|{}|{}", event.event_type(), event.data(), event.last_event_id())
                }
                Item::Retry(time) => format!("retry {}", time.as_millis()),
                Item::Comment(text) => format!(":{text}"),
                Item::LimitExceeded(over) => over.to_string(),
            });
        }
    }
    said
}

#[test]
fn the_standard_as_a_table() {
    let rows: &[(&str, &[u8], &[&str])] = &[
        ("example: two lines of data", b"data: YHOO\ndata: +2\ndata: 10\n\n", &["message|YHOO\n+2\n10|"]),
        (
            "example: comment, id, id reset, leading space kept",
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
            &[": test stream", "message|first event|1", "message|second event|", "message| third event|"],
        ),
        ("example: two events of empty data", b"data\n\ndata\ndata\n\ndata:", &["message||", "message|\n|"]),
        (
            "example: the space is optional",
            b"data:test\n\ndata: test\n\n",
            &["message|test|", "message|test|"],
        ),
        ("a type is for one event", b"event: a\ndata: 1\n\ndata: 2\n\n", &["a|1|", "message|2|"]),
        ("a type is not kept over a block without data", b"event: a\n\ndata: 1\n\n", &["message|1|"]),
        ("an empty type is none", b"event: a\nevent:\ndata: 1\n\n", &["message|1|"]),
        ("an id stays", b"id: 1\ndata: 1\n\ndata: 2\n\n", &["message|1|1", "message|2|1"]),
        ("an id without data counts", b"id: 1\n\ndata: 2\n\n", &["message|2|1"]),
        ("an id with NUL is ignored", b"id: 1\nid: 2\0\ndata: 1\n\n", &["message|1|1"]),
        ("an id of spaces", b"id:   \ndata: 1\n\n", &["message|1|  "]),
        ("no event for a comment", b": 1\n\n:2\n\n", &[": 1", ":2"]),
        ("a comment in an event", b"data: 1\n:\ndata: 2\n\n", &[":", "message|1\n2|"]),
        ("retry alone", b"retry: 10\n\n", &["retry 10"]),
        ("retry at its line, the event at its end", b"data: 1\nretry: 10\n\n", &["retry 10", "message|1|"]),
        (
            "retry of digits only",
            b"retry: +5\nretry: -5\nretry: 5 \nretry: 1e3\nretry:  5\nretry\nretry:\n",
            &[],
        ),
        ("retry with zeros before it", b"retry: 0010\n", &["retry 10"]),
        ("retry of more than fits", b"retry: 99999999999999999999\n", &["retry 18446744073709551615"]),
        ("names are case-sensitive", b"Data: 1\nDATA: 1\ndata : 1\n data: 1\n\n", &[]),
        ("a byte order mark", b"\xEF\xBB\xBFdata: 1\n\n", &["message|1|"]),
        ("one byte order mark", b"\xEF\xBB\xBF\xEF\xBB\xBFdata: 1\n\ndata: 2\n\n", &["message|2|"]),
        ("half a byte order mark", b"\xEF\xBBdata: 1\n\ndata: 2\n\n", &["message|2|"]),
        ("bad UTF-8", b"data: \xFF\xE6\x97\ndata: \x97\n\n", &["message|\u{FFFD}\u{FFFD}\n\u{FFFD}|"]),
        (
            "bad UTF-8 in all fields",
            b"event: \xC0\nid: \xC1\ndata\n\n:\xFF\n",
            &["\u{FFFD}||\u{FFFD}", ":\u{FFFD}"],
        ),
        ("NUL in data", b"data: \0\n\n", &["message|\0|"]),
        ("an unfinished event", b"id: 1\ndata: 1\n", &[]),
        ("an unfinished line", b"data: 1\n\ndata: 2\n\nretry: 1", &["message|1|", "message|2|"]),
        ("line ends", b"data: 1\rdata: 2\r\ndata: 3\n\r\ndata: 4\r\r", &["message|1\n2\n3|", "message|4|"]),
    ];
    for (rule, stream, expected) in rows {
        let bytes: Vec<_> = stream.chunks(1).collect();
        assert_eq!(&decode(&mut Decoder::new(), &[stream]), expected, "{rule}");
        assert_eq!(&decode(&mut Decoder::new(), &bytes), expected, "{rule}, by bytes");
    }
}

#[test]
fn lone_cr_dispatches_without_waiting_for_lf() {
    let mut decoder = Decoder::new();
    assert_eq!(decode(&mut decoder, &[b"data: 1\r\r"]), ["message|1|"]);
    assert_eq!(decode(&mut decoder, &[b"\ndata: 2\r", b"\n\r", b"\n", b"\n"]), ["message|2|"]);
}

#[test]
fn id_is_committed_when_its_event_ends_and_not_before() {
    let mut decoder = Decoder::new();
    decode(&mut decoder, &[b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n"]);
    assert_eq!(decoder.last_event_id(), "1");
    decode(&mut decoder, &[b"\n"]);
    assert_eq!(decoder.last_event_id(), "2");
}

#[test]
fn id_is_that_of_the_items_taken_so_far() {
    let mut decoder = Decoder::new();
    decoder.feed(b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n\n");
    for id in ["1", "2"] {
        assert!(decoder.next().is_some());
        assert_eq!(decoder.last_event_id(), id);
    }
}

#[test]
fn items_that_were_not_taken_come_before_those_of_the_next_chunk() {
    let mut decoder = Decoder::new();
    decoder.feed(b"event: a\n:1\ndata: 1\n:2\ndata: 2\n\nda");
    assert_eq!(decoder.next(), Some(Item::Comment("1")));
    decoder.feed(b"ta: 3\n");
    assert_eq!(decoder.next(), Some(Item::Comment("2")));
    assert_eq!(decode(&mut decoder, &[b"\n"]), ["a|1\n2|", "message|3|"]);
}

#[test]
fn reset_keeps_what_outlives_a_connection_and_nothing_else() {
    let mut decoder = Decoder::with_limits(Limits::new().with_max_line_bytes(40));
    decode(&mut decoder, &[b"retry: 10\nid: 1\ndata: 1\n\nid: 2\nevent: a\ndata: 2\ndat"]);
    decoder.reset();
    assert_eq!(decoder.limits().max_line_bytes(), 40);
    assert_eq!(decoder.reconnection_time(), Some(Duration::from_millis(10)));
    assert_eq!(decode(&mut decoder, &[b"\xEF\xBB\xBFdata: 3\n\n"]), ["message|3|1"]);

    decode(&mut decoder, &[b"data: 4\r"]);
    decoder.reset();
    assert_eq!(decode(&mut decoder, &[b"\n\ndata: 5\n\n"]), ["message|5|1"], "a CR of before skips no LF");
}

#[test]
fn last_event_id_can_be_given() {
    let mut decoder = Decoder::new().with_last_event_id("41");
    assert_eq!(decoder.last_event_id(), "41");
    assert_eq!(
        decode(&mut decoder, &[b"data: 1\n\nid: 42\n\ndata: 2\n\n"]),
        ["message|1|41", "message|2|42"]
    );
}
