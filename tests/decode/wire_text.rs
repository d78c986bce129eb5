//! `wire decode`: what it reads, and the lines that it writes.

#[path = "../../examples/wire.rs"]
#[expect(dead_code, reason = "`main` is for the command line")]
mod wire;

use clap::Parser;

fn decode(arguments: &[&str], stream: &[u8]) -> Vec<String> {
    let cli = wire::Cli::parse_from(["wire", "decode"].iter().chain(arguments));
    let mut output = Vec::new();
    assert!(wire::run(cli, stream, &mut output, std::io::sink()).unwrap());
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn writes_events_and_the_state_at_the_end() {
    let stream =
        b"retry: 250\n: comment\n\nid: 7\nevent: a\ndata: \"1\"\ndata: 2\n\ndata: 3\r\rid: 8\ndata: 4";
    let expected = [
        r#"{"type":"a","data":"\"1\"\n2","last_event_id":"7"}"#,
        r#"{"type":"message","data":"3","last_event_id":"7"}"#,
        r#"{"end":true,"last_event_id":"7","retry_ms":250}"#,
    ];
    let cuts = "--cuts=3,1,40,40,1000";
    for arguments in [&[][..], &["--chunk", "1"], &["--chunk=7"], &["--chunk=1000"], &["--cuts=0"], &[cuts]] {
        assert_eq!(decode(arguments, stream), expected, "{arguments:?}");
    }
}

#[test]
fn writes_the_end_of_nothing() {
    for arguments in [&[][..], &["--chunk=1"], &["--cuts=1"]] {
        let expected = [r#"{"end":true,"last_event_id":"","retry_ms":null}"#];
        assert_eq!(decode(arguments, b""), expected, "{arguments:?}");
    }
}

#[test]
fn writes_an_error_in_the_place_of_an_event_over_a_limit() {
    let stream = b"data: 1\n\nid: 2\ndata: 0123456789\n\ndata: 3\n\n";
    let expected = [
        r#"{"type":"message","data":"1","last_event_id":""}"#,
        r#"{"error":"bytes of a line over the limit of 15"}"#,
        r#"{"type":"message","data":"3","last_event_id":"2"}"#,
        r#"{"end":true,"last_event_id":"2","retry_ms":null}"#,
    ];
    let arguments = ["--max-event-bytes", "15", "--chunk=3"];
    assert_eq!(decode(&arguments, stream), expected);
    assert_eq!(decode(&arguments[..2], stream), expected);
}
