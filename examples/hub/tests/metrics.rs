//! `GET /metrics` is what Prometheus reads.

#[path = "support/program.rs"]
mod program;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use program::{Program, Shell};

#[test]
fn promtool_finds_nothing_to_complain_of_in_a_hub() {
    let text = after_an_event(&Program::start(&[]));
    assert_value(&text, "ssekit_published_events_total 1");
    assert_value(&text, "ssekit_history_events 1");
    assert!(!text.contains("_log_"), "{text}");
    check(&text);
}

#[test]
fn a_topic_has_statistics_of_its_own() {
    let hub = Program::start(&[]);
    let get = |path: &str| Shell::start(&format!("curl -s 'http://{}/{path}'", hub.address())).read_to_end();
    let events = format!("'http://{}/events?topic=a+b'", hub.address());
    assert_eq!(get("topics?topic=a+b"), r#"{"bytes":0,"events":0,"finished":false,"subscribers":0}"#);
    let mut reader = Shell::start(&format!("curl -sN {events}"));
    reader.read_until("event: position");
    Shell::start(&format!("curl -s {events} -d 'hello'")).read_until("{\"id\":");
    let text = get("topics?topic=a+b");
    assert!(text.contains(r#""events":1,"finished":false,"subscribers":1}"#), "{text}");
    Shell::start(&format!("curl -s -X DELETE {events}")).read_to_end();
    assert!(get("topics?topic=a+b").contains(r#""finished":true"#));
    assert_eq!(get("topics?topic=a&topic=b"), "more than one topic");
}

#[cfg(feature = "disk")]
#[test]
fn promtool_finds_nothing_to_complain_of_in_a_node() {
    let folder = std::env::temp_dir().join(format!("hub-metrics-{}", std::process::id()));
    let hub = Program::start(&["--data", folder.to_str().unwrap()]);
    let text = after_an_event(&hub);
    assert_value(&text, "ssekit_log_connected 1");
    assert_value(&text, "ssekit_failed_publishes_total 0");
    check(&text);
    drop(hub);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Publishes an event and returns the figures once the hub has it.
fn after_an_event(hub: &Program) -> String {
    let events = format!("'http://{}/events?from=oldest'", hub.address());
    Shell::start(&format!("curl -s {events} -d 'hello'")).read_until("{\"id\":");
    Shell::start(&format!("curl -sN {events}")).read_until("data: hello");
    let answer = Shell::start(&format!("curl -si http://{}/metrics", hub.address())).read_to_end();
    let (head, text) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    text.to_owned()
}

fn assert_value(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "no {line:?} in\n{text}");
}

/// Prometheus' own parser, and its rules for names, types and descriptions.
fn check(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is in Debian's package prometheus, which tests/run installs");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty() && output.stdout.is_empty(), "{output:?}");
}
