//! The recorded cases: what a browser made of each stream, and what the standard says where the two differ.

use crate::support::{decoding, twin};
use std::{fs, path::Path, time::Duration};

use base64::prelude::*;
use serde_json::Value;
use ssekit::{Decoder, decode::Limits};

use self::{
    decoding::{cut, decode, decode_one_by_one, feed},
    twin::{Outcome, Seen, interpret, interpret_within},
};

struct Case {
    name: String,
    chunks: Vec<Vec<u8>>,
    events: Vec<Seen>,
    last_event_id: String,
    /// `None` where implementations may differ.
    reconnection_time: Option<Option<Duration>>,
    /// How many events are there after each chunk.
    eagerness: Option<Vec<usize>>,
}

impl Case {
    fn stream(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    fn check(&self, outcome: &Outcome, how: &str) {
        assert!(events(outcome).eq(&self.events), "{}, {how}: {outcome:?}", self.name);
        assert_eq!(outcome.last_event_id, self.last_event_id, "{}, {how}", self.name);
        if let Some(expected) = self.reconnection_time {
            assert_eq!(outcome.reconnection_time, expected, "{}, {how}", self.name);
        }
    }
}

#[test]
fn chunks_as_recorded() {
    for case in cases() {
        case.check(&decode(case.chunks.iter().map(Vec::as_slice), Limits::new()), "as recorded");
    }
}

#[test]
fn events_are_dispatched_as_early_as_the_standard_allows() {
    let mut tested = 0;
    for case in cases() {
        let Some(eagerness) = &case.eagerness else { continue };
        let mut decoder = Decoder::new();
        let mut dispatched = 0;
        for (chunk, expected) in case.chunks.iter().zip(eagerness) {
            let items = feed(&mut decoder, chunk);
            dispatched += items.iter().filter(|item| matches!(item, Seen::Event { .. })).count();
            assert_eq!(dispatched, *expected, "{}", case.name);
        }
        tested += 1;
    }
    assert!(tested > 20, "the cases have lost their `events_after_chunk`");
}

#[test]
fn whole_by_bytes_and_one_item_at_a_time() {
    for case in cases() {
        let stream = case.stream();
        case.check(&decode([&stream[..]], Limits::new()), "whole");
        case.check(&decode(stream.chunks(1), Limits::new()), "by bytes");
        case.check(&decode_one_by_one([&stream[..]], Limits::new()), "one by one");
        case.check(&interpret(&stream), "by the twin");
        case.check(&interpret_within(&stream, &Limits::new()), "by the twin with limits");
    }
}

#[test]
fn cut_at_every_offset() {
    for case in cases() {
        let stream = case.stream();
        for at in 0..=stream.len() {
            case.check(&decode(cut(&stream, &[at]), Limits::new()), &format!("cut at {at}"));
        }
    }
}

#[test]
fn cut_at_every_pair_of_offsets() {
    for case in cases() {
        let stream = case.stream();
        if stream.len() > 200 {
            continue;
        }
        let expected = decode([&stream[..]], Limits::new());
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let outcome = decode(cut(&stream, &[first, second]), Limits::new());
                assert_eq!(outcome, expected, "{}, cut at {first} and {second}", case.name);
            }
        }
    }
}

#[test]
fn the_kind_of_line_end_makes_no_difference() {
    let mut tested = 0;
    for case in cases() {
        let stream = case.stream();
        if stream.contains(&b'\r') {
            continue;
        }
        for line_end in [&b"\r"[..], b"\r\n"] {
            let stream = stream.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(line_end);
            let how = format!("with {line_end:?}");
            case.check(&decode([&stream[..]], Limits::new()), &how);
            case.check(&decode(stream.chunks(1), Limits::new()), &how);
            case.check(&interpret(&stream), &how);
            for at in 0..=stream.len() {
                case.check(&decode(cut(&stream, &[at]), Limits::new()), &how);
            }
        }
        tested += 1;
    }
    assert!(tested > 100, "the cases with LF alone are gone");
}

#[test]
fn large_cases() {
    for case in read("cases-large.json", large_bytes, large_text) {
        let stream = case.stream();
        case.check(&decode(case.chunks.iter().map(Vec::as_slice), Limits::new()), "as recorded");
        case.check(&decode([&stream[..]], Limits::new()), "whole");
        case.check(&decode(stream.chunks(1000), Limits::new()), "by 1,000 bytes");
    }
}

fn events(outcome: &Outcome) -> impl Iterator<Item = &Seen> {
    outcome.items.iter().filter(|item| matches!(item, Seen::Event { .. }))
}

fn cases() -> Vec<Case> {
    let base64 = |chunk: &Value| BASE64_STANDARD.decode(chunk.as_str().unwrap()).unwrap();
    read("cases.json", base64, |text| text.as_str().unwrap().to_owned())
}

fn read(file: &str, bytes: impl Fn(&Value) -> Vec<u8>, text: impl Fn(&Value) -> String) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance").join(file);
    let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = document["cases"].as_array().unwrap();
    assert_eq!(document["count"], cases.len());
    let event = |event: &Value| Seen::Event {
        event_type: text(&event["type"]),
        data: text(&event["data"]),
        last_event_id: text(&event["last_event_id"]),
    };
    let case = |case: &Value| Case {
        name: case["name"].as_str().unwrap().to_owned(),
        chunks: case["chunks"].as_array().unwrap().iter().map(&bytes).collect(),
        events: case["events"].as_array().unwrap().iter().map(event).collect(),
        last_event_id: case["last_event_id_at_end"].as_str().unwrap().to_owned(),
        reconnection_time: (case["retry_ambiguous"] != true)
            .then(|| case["retry_ms"].as_u64().map(Duration::from_millis)),
        eagerness: case["events_after_chunk"]
            .as_array()
            .map(|counts| counts.iter().map(|count| count.as_u64().unwrap() as usize).collect()),
    };
    cases.iter().map(case).collect()
}

/// A chunk in short form: pieces to be joined.
fn large_bytes(pieces: &Value) -> Vec<u8> {
    pieces.as_array().unwrap().iter().map(large_piece).collect::<String>().into_bytes()
}

/// A text, in short form if it is long.
fn large_text(text: &Value) -> String {
    match text {
        Value::Array(pieces) => pieces.iter().map(large_piece).collect(),
        text => text.as_str().unwrap().to_owned(),
    }
}

fn large_piece(piece: &Value) -> String {
    match piece {
        Value::String(text) => text.clone(),
        piece => piece["rep"].as_str().unwrap().repeat(piece["n"].as_u64().unwrap() as usize),
    }
}
