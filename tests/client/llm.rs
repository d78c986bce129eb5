//! Endpoints of language models as they really answer: errors in the place of streams, streams that break their own
//! format, limits that say when to come back.

#[allow(dead_code, reason = "not every kind of answer comes from such an endpoint")]
use std::time::Instant;

use crate::support::simulation::{Answer, Simulation};
use bytes::Bytes;
use http::{Response, StatusCode};
use ssekit::client::{Command, DisconnectReason, EventSourceError, Policy, Protocol, Verdict};

/// A client of a `POST` endpoint, without randomness, that gives up at the second attempt.
fn post(answer: Answer) -> Vec<String> {
    run(answer, false)
}

fn get(answer: Answer) -> Vec<String> {
    run(answer, true)
}

fn run(answer: Answer, is_idempotent: bool) -> Vec<String> {
    let policy = Policy::default().with_backoff(Default::default(), Default::default()).with_jitter(false);
    let protocol = Protocol::new(1).policy(policy);
    let seen = Simulation::new(protocol).idempotent(is_idempotent).run([answer]);
    seen.told().into_iter().map(str::to_owned).collect()
}

const JSON: (&str, &str) = ("content-type", "application/json");
const ERROR: &str = r#"{"error": {"type": "overloaded_error", "message": "Overloaded"}}"#;

#[test]
fn a_200_with_a_json_error_fails_with_the_error() {
    let told = get(Answer::begin(200, &[JSON]).chunk(ERROR).end());
    assert_eq!(
        told,
        [&format!("failed: the response is application/json, not an event stream: {ERROR}"), "finished"]
    );
    // Under the right type it is a stream without an event.
    let told = post(Answer::stream().chunk(ERROR).end());
    assert!(
        told[1].starts_with("failed: the stream ended after a line that is no field of an event:"),
        "{told:?}"
    );
    assert!(told[1].contains("overloaded_error"), "{told:?}");
    let told = get(Answer::stream().chunk(ERROR).end());
    assert!(
        told[1].starts_with("reconnecting in 3s: the stream ended after a line that is no field"),
        "{told:?}"
    );
}

#[test]
fn an_error_line_is_told() {
    let told = post(Answer::stream().chunk("data: Hel\n\nerror: {\"code\": 529}\n\n").end());
    assert_eq!(told[1], "event: message \"Hel\" id \"\"");
    assert!(told[2].contains(r#"no field of an event: "error: {\"code\": 529}""#), "{told:?}");
    // An error as an event of its own is an event.
    let told = post(Answer::stream().chunk(format!("event: error\ndata: {ERROR}\n\n")).end());
    assert_eq!(told, ["opened: 200", &format!("event: error {ERROR:?} id \"\""), "finished"]);
}

#[test]
fn a_stream_without_its_last_blank_line_is_told() {
    for end in ["data: [DONE]", "data: [DONE]\n"] {
        let told = post(Answer::stream().chunk("data: Hello\n\n").chunk(end).end());
        assert_eq!(
            told[2..],
            [
                "failed: the event stream ended in the middle of an event; the request is not idempotent, so it is not sent again",
                "finished"
            ]
        );
    }
    // The application can look at it, and find that it is what it waited for.
    let now = Instant::now();
    let mut protocol = Protocol::new(1);
    protocol.next_command(now);
    protocol.handle_request(false);
    let head =
        Response::builder().header("content-type", "text/event-stream").body(()).unwrap().into_parts().0;
    protocol.handle_response(head, now);
    protocol.handle_chunk(Bytes::from("data: [DONE]"), now);
    protocol.handle_end();
    let failure = loop {
        match protocol.next_command(now) {
            Command::Decide(failure) => break failure,
            Command::Wait(_) | Command::Finished => panic!("it decides alone"),
            _ => {}
        }
    };
    let DisconnectReason::Incomplete(leftover) = failure.reason() else { panic!("{failure:?}") };
    assert_eq!(leftover.unfinished().unwrap().data(), "[DONE]");
    protocol.handle_verdict(Verdict::Stop, now);
    assert!(matches!(protocol.next_command(now), Command::Finished));
}

#[test]
fn a_finished_answer_ends_without_an_error_and_without_another_request() {
    for end in ["data: [DONE]\n\n", ""] {
        let told = post(Answer::stream().chunk(format!("data: Hello\n\n{end}")).end());
        assert_eq!(told.last().unwrap(), "finished");
        assert!(
            !told.iter().any(|line| line.contains("reconnecting") || line.contains("failed")),
            "{told:?}"
        );
    }
}

#[test]
fn pings_are_life_whatever_they_are() {
    // Comments, an event of a type of its own, and blank lines.
    for ping in [": OPENROUTER PROCESSING\n\n", ":\n", "event: ping\ndata: {}\n\n", "\n"] {
        let mut answer = Answer::stream();
        for _ in 0..10 {
            answer = answer.pause(100.0).chunk(ping);
        }
        let told = post(answer.chunk("data: Hello\n\n").end());
        assert!(told.contains(&"event: message \"Hello\" id \"\"".to_owned()), "{ping:?}: {told:?}");
        assert!(!told.iter().any(|line| line.contains("no byte")), "{ping:?}: {told:?}");
    }
}

#[test]
fn an_overloaded_endpoint_is_come_back_to_when_it_says() {
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for (status, headers, delay) in [
        (529, vec![JSON], "3s"),
        (529, vec![JSON, ("retry-after", "20")], "20s"),
        (429, vec![JSON, ("retry-after", "7")], "7s"),
        (429, vec![JSON, date, ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], "30s"),
        (503, vec![], "3s"),
        (520, vec![], "3s"),
    ] {
        let answer = || Answer::begin(status, &headers).chunk(ERROR).end();
        let told = get(answer());
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(told, [format!("reconnecting in {delay}: the server answered {status}: {ERROR}")]);
        // A POST is sent again only if the application says so.
        assert!(post(answer())[0].starts_with("failed: "), "{status}");
    }
}

#[test]
fn the_application_says_so_for_a_post_with_the_body_and_the_delay_at_hand() {
    let answers = [
        Answer::begin(429, &[JSON, ("retry-after", "7")]).chunk(ERROR).end(),
        Answer::begin(429, &[JSON]).chunk(r#"{"error": {"code": "insufficient_quota"}}"#).end(),
    ];
    let seen = Simulation::new(Protocol::new(1)).idempotent(false).decide(|failure| {
        assert_eq!(failure.default(), Verdict::Fail);
        assert_eq!(failure.headers().unwrap()["content-type"], "application/json");
        match failure.status() {
            Some(StatusCode::TOO_MANY_REQUESTS) if !failure.body().ends_with(b"quota\"}}") => {
                failure.retry_after().map_or(Verdict::Reconnect, Verdict::ReconnectAfter)
            }
            _ => failure.default(),
        }
    });
    let seen = seen.run(answers);
    assert_eq!(seen.request_times(), [0, 7_000]);
    assert!(
        seen.told().iter().any(|line| line.starts_with("failed: ") && line.contains("insufficient_quota"))
    );
}

#[test]
fn the_body_of_a_refusal_is_there_for_the_application() {
    let now = Instant::now();
    let mut protocol = Protocol::new(1);
    protocol.next_command(now);
    let head = Response::builder().status(400).header("content-type", "application/json").body(()).unwrap();
    protocol.handle_response(head.into_parts().0, now);
    protocol.handle_chunk(ERROR.into(), now);
    protocol.handle_end();
    let error = loop {
        if let Command::Fail(error) = protocol.next_command(now) {
            break error;
        }
    };
    assert!(matches!(error, EventSourceError::Failed(DisconnectReason::Status(_))));
    assert_eq!(error.response().unwrap().body(), ERROR);
}
