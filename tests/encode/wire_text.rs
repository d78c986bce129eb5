//! `wire encode`: what a reader of its stream sees, and what it refuses.

#[path = "../../examples/wire.rs"]
#[expect(dead_code, reason = "`main` is for the command line")]
mod wire;

use std::{fs, path::Path, time::Duration};

use clap::Parser;
use serde_json::Value;

use crate::support::twin::{Seen, interpret};

/// What `wire encode` wrote: the stream, the lines of errors, and whether all was taken.
fn encode(lines: &[u8]) -> (Vec<u8>, Vec<Value>, bool) {
    let (mut stream, mut errors) = (Vec::new(), Vec::new());
    let all_taken =
        wire::run(wire::Cli::parse_from(["wire", "encode"]), lines, &mut stream, &mut errors).unwrap();
    let errors = String::from_utf8(errors).unwrap();
    (stream, errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), all_taken)
}

#[test]
fn each_recorded_case_is_seen_as_it_was_meant_or_refused() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/encode.json");
    let cases: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 69);
    for case in cases {
        let name = &case["name"];
        let inputs = case["inputs"].as_array().unwrap();
        let lines: String = inputs.iter().map(|input| format!("{input}\n")).collect();
        let (stream, errors, all_taken) = encode(lines.as_bytes());
        assert_eq!(all_taken, errors.is_empty(), "{name}");
        match case["outcome"].as_str().unwrap() {
            "accept" => assert!(all_taken, "{name}: {errors:?}"),
            "reject" => assert!(!all_taken, "{name}"),
            _ => {}
        }
        if !all_taken {
            assert_eq!((stream.as_slice(), inputs.len()), (&b""[..], 1), "{name}: nothing is written");
            continue;
        }
        let outcome = interpret(&stream);
        let events = outcome.items.iter().filter(|item| matches!(item, Seen::Event { .. }));
        let expected = case["events"].as_array().unwrap().iter().map(|event| {
            let field = |name: &str| event[name].as_str().unwrap().to_owned();
            Seen::Event {
                event_type: field("type"),
                data: field("data"),
                last_event_id: field("last_event_id"),
            }
        });
        assert_eq!(events.cloned().collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{name}");
        assert_eq!(outcome.last_event_id, case["last_event_id_at_end"].as_str().unwrap(), "{name}");
        assert_eq!(outcome.reconnection_time, case["retry_ms"].as_u64().map(Duration::from_millis), "{name}");
    }
}

#[test]
fn a_refused_event_is_told_by_its_line_and_the_others_are_written() {
    let lines = b"{\"data\":\"1\"}\n{\"id\":\"a\\nb\",\"data\":\"2\"}\nnot json\n{\"id\":7}\n{\"x\":1}\n{\"data\":\"3\"}\n{\"event\":\"\xff\"}";
    let (stream, errors, all_taken) = encode(lines);
    assert_eq!(String::from_utf8(stream).unwrap(), "data: 1\n\ndata: 3\n\n");
    assert_eq!(
        errors.iter().map(|error| error["line"].as_u64().unwrap()).collect::<Vec<_>>(),
        [2, 3, 4, 5, 7]
    );
    assert!(errors.iter().all(|error| !error["error"].as_str().unwrap().is_empty()));
    assert!(!all_taken);
}

#[test]
fn nothing_in_is_nothing_out() {
    assert_eq!(encode(b""), (Vec::new(), Vec::new(), true));
}
