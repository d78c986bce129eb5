//! `Policy::browser` against what a browser was measured to do: each row of the tables in
//! `tests/conformance/README.md`.

use std::time::Duration;

use crate::support::simulation::{Answer, Simulation};
use ssekit::client::{Policy, Protocol};

/// What the browser's table says of an answer.
enum Row {
    /// Each of these answers makes the client give up: no `open`, no further request.
    GivenUp(Vec<Answer>),
    /// The client opens or not, then reconnects after so many milliseconds.
    Reconnects { opens: bool, answer: Answer, after: u128 },
    /// The transport answers for it, as the comment beside the row says.
    Transport,
    /// Checked on its own below.
    Elsewhere,
}

use Row::{Elsewhere, GivenUp, Reconnects, Transport};

const TYPE: (&str, &str) = ("content-type", "text/event-stream");

fn simulate(answers: impl IntoIterator<Item = Answer>) -> Simulation {
    Simulation::new(Protocol::new(1).policy(Policy::browser())).run(answers)
}

fn statuses(statuses: &[u16], headers: &[(&str, &str)]) -> Row {
    let headers: Vec<_> = headers.iter().copied().chain([TYPE]).collect();
    GivenUp(statuses.iter().map(|status| Answer::head(*status, &headers)).collect())
}

fn event(retry: &str) -> Answer {
    Answer::stream().chunk(format!("{retry}data: x\n\n"))
}

/// The first column of the table, and what has to happen.
fn rows() -> Vec<(&'static str, Row)> {
    let untyped = |value: &str| Answer::head(200, &[("content-type", value)]);
    vec![
        ("200, right type, stream ends", Reconnects { opens: true, answer: event("").end(), after: 3_000 }),
        (
            "200, right type, empty body (chunked or `Content-Length: 0`)",
            Reconnects { opens: true, answer: Answer::stream().end(), after: 3_000 },
        ),
        (
            "200, wrong, empty or missing content type",
            GivenUp(vec![untyped("text/plain"), untyped(""), Answer::head(200, &[])]),
        ),
        ("201, 202, 203, 206, 210, 299", statuses(&[201, 202, 203, 206, 210, 299], &[])),
        ("204, 205", statuses(&[204, 205], &[])),
        ("300, 304", statuses(&[300, 304], &[])),
        // A transport that follows hands in the target's response; one that does not, the redirect (next row).
        ("301, 302, 303, 307, 308 with Location", Transport),
        ("302 without Location", statuses(&[302], &[])),
        // What the transport hands in is the 404.
        ("redirect to a 404", statuses(&[404], &[])),
        (
            "redirect loop",
            Reconnects { opens: false, answer: Answer::none().error("too many redirects"), after: 3_000 },
        ),
        (
            "400, 401, 403, 404, 408, 409, 410, 421, 425, 429",
            statuses(&[400, 401, 403, 404, 408, 409, 410, 421, 425, 429], &[]),
        ),
        // There is nobody to log in: a 401 is final with or without the header.
        ("401 with `WWW-Authenticate: Basic`", statuses(&[401], &[("www-authenticate", "Basic")])),
        ("429 or 503 with `Retry-After: 1`", statuses(&[429, 503], &[("retry-after", "1")])),
        ("500, 501, 502, 503, 504, 599", statuses(&[500, 501, 502, 503, 504, 599], &[])),
        (
            "connection refused",
            Reconnects { opens: false, answer: Answer::none().error("refused"), after: 3_000 },
        ),
        (
            "reset or closed before the headers",
            Reconnects { opens: false, answer: Answer::none().error("reset"), after: 3_000 },
        ),
        (
            "reset after the headers, or in the body",
            Reconnects {
                opens: true,
                answer: event("").chunk("data: unfinished\n").error("reset"),
                after: 3_000,
            },
        ),
        (
            "chunked body without its last chunk, or shorter than `Content-Length`",
            Reconnects { opens: true, answer: event("").error("body is cut short"), after: 3_000 },
        ),
        ("not HTTP", Reconnects { opens: false, answer: Answer::none().error("not HTTP"), after: 3_000 }),
        // Decoding a content coding is the transport's; what it hands in is plain.
        ("`Content-Encoding: gzip`", Transport),
        (
            "gzip announced, body is not gzip",
            Reconnects { opens: true, answer: Answer::stream().error("not gzip"), after: 3_000 },
        ),
        ("first 200, then 204, 500, 503 or a wrong type on the reconnection", Elsewhere),
        ("first 200 with `retry: 200`, then resets or closes", Elsewhere),
        // There is no origin to protect from the program itself.
        ("cross-origin without CORS headers", Transport),
    ]
}

#[test]
fn every_row_of_the_table_is_here() {
    let readme = include_str!("../conformance/README.md");
    let table = readme.split("| answer | then | readyState |").nth(1).unwrap();
    let named: Vec<_> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').nth(1).unwrap().trim())
        .collect();
    assert_eq!(rows().into_iter().map(|(name, _)| name).collect::<Vec<_>>(), named);
}

#[test]
fn answers_lead_to_what_a_browser_does() {
    for (name, row) in rows() {
        match row {
            GivenUp(answers) => {
                for answer in answers {
                    let seen = simulate([answer]);
                    assert_eq!(seen.requests.len(), 1, "{name}: {:?}", seen.log);
                    assert!(!seen.told().iter().any(|line| line.starts_with("opened")), "{name}");
                    assert_eq!(seen.told().last(), Some(&"finished"), "{name}");
                }
            }
            Reconnects { opens, answer, after } => {
                let seen = simulate([answer]);
                assert_eq!(seen.request_times(), [0, after], "{name}: {:?}", seen.log);
                assert_eq!(seen.told()[0] == "opened: 200", opens, "{name}");
                assert!(!seen.told().join(";").contains("unfinished"), "{name}");
            }
            Transport | Elsewhere => {}
        }
    }
}

#[test]
fn a_reconnection_can_be_given_up() {
    let second = [
        Answer::head(204, &[]),
        Answer::head(500, &[TYPE]),
        Answer::head(503, &[TYPE]),
        Answer::head(200, &[("content-type", "text/html")]),
    ];
    for answer in second {
        let seen = simulate([event("id: 5\n").end(), answer]);
        assert_eq!(seen.last_event_ids(), [None, Some("5")]);
        assert_eq!(seen.told().last(), Some(&"finished"));
    }
}

#[test]
fn there_is_no_backoff() {
    let first = event("retry: 200\n").end();
    let seen = simulate([first].into_iter().chain((0..23).map(|_| Answer::none().error("reset"))));
    assert_eq!(seen.request_times(), (0..25).map(|n| n * 200).collect::<Vec<_>>());

    let seen = simulate((0..5).map(|_| Answer::none().error("refused")));
    assert_eq!(seen.request_times(), [0, 3_000, 6_000, 9_000, 12_000, 15_000]);
}

#[test]
fn retry_has_no_lower_bound_and_survives_reconnections() {
    let seen = simulate([
        event("retry: 0\n").end(),
        Answer::stream().end(),
        event("retry: 1\n").end(),
        Answer::stream().end(),
        event("retry: 18446744073709551615\n").end(),
    ]);
    assert_eq!(seen.request_times()[..5], [0, 0, 0, 1, 2]);
    assert_eq!(seen.told().last(), Some(&"reconnecting in 18446744073709551.615s: the event stream ended"));
}

#[test]
fn a_wait_past_the_end_of_the_clock_is_never_over() {
    let policy = Policy::browser().with_reconnection_time(Duration::MAX);
    let seen = Simulation::new(Protocol::new(1).policy(policy)).run([Answer::stream().end()]);
    assert_eq!(seen.told().last(), Some(&"waits for ever"));
}

#[test]
fn silence_is_never_noticed() {
    assert_eq!(simulate([Answer::none()]).told(), ["waits for ever"]);
    let seen = simulate([Answer::stream().pause(86_400.0).chunk("data: x\n\n")]);
    assert_eq!(seen.told(), ["opened: 200", r#"event: message "x" id """#, "waits for ever"]);
}

#[test]
fn content_types_are_accepted_as_a_browser_does() {
    let accepted = [
        "text/event-stream",
        "TEXT/Event-Stream",
        "text/event-stream;",
        "text/event-stream; foo=bar",
        "text/event-stream ; charset=utf-8",
        "text/event-stream;charset=utf-8",
        "text/event-stream;charset=UTF-8",
        "text/event-stream;charset=\"utf-8\"",
        "text/event-stream;charset=",
        "text/plain, text/event-stream",
        // The standard ignores the parameter, where Chromium gives up.
        "text/event-stream;charset=utf8",
        "text/event-stream;charset=windows-1252",
        "text/event-stream;charset=utf-16le",
        "text/event-stream;charset=nonsense",
        // What is no MIME type, or any, does not count.
        "text/event-stream, ",
        "text/event-stream, */*",
        "text/event-stream, nonsense",
        "text/event-stream, /plain",
        "text/event-stream, text/",
        // A comma in quotes separates nothing.
        r#"text/event-stream; a="b, text/plain;""#,
        r#"text/event-stream; a="\", text/plain;""#,
    ];
    let given_up = [
        "",
        "text/plain",
        "text/html",
        "application/json",
        "application/octet-stream",
        "application/x-ndjson",
        "text/event-streams",
        "text/x-bogus",
        "x bogus",
        "text/event-stream, text/plain",
        "text/event-stream foo",
        "/event-stream",
        "text/",
        r#"text/plain; a="b, text/event-stream;""#,
    ];
    let first_told = |headers: &[(&str, &str)]| simulate([Answer::head(200, headers)]).told()[0].to_owned();
    for value in accepted {
        assert_eq!(first_told(&[("content-type", value)]), "opened: 200", "{value:?}");
    }
    for value in given_up {
        let told = first_told(&[("content-type", value)]);
        assert!(told.starts_with("failed: the response is "), "{value:?}: {told}");
    }
    // Several headers are one list.
    assert_eq!(first_told(&[("content-type", "text/plain"), TYPE]), "opened: 200");
    assert_eq!(
        first_told(&[TYPE, ("content-type", "text/plain")]),
        "failed: the response is text/event-stream, not an event stream"
    );
}
