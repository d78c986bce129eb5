//! Responses that are no event streams: which of them are come back to, when, and what of them is kept.

#[allow(dead_code, reason = "no stream breaks off here")]
use std::time::{Duration, Instant};

use crate::support::simulation::{Answer, Simulation};
use http::Response;
use ssekit::client::{
    Command, DisconnectReason, EventSourceError, Policy, Protocol, TransportError, Verdict,
};

fn run(answers: impl IntoIterator<Item = Answer>) -> Simulation {
    let policy = Policy::default().with_backoff(Duration::ZERO, Duration::ZERO).with_jitter(false);
    Simulation::new(Protocol::new(1).policy(policy)).run(answers)
}

#[test]
fn statuses_lead_where_the_table_says() {
    for status in 200..600 {
        let seen = run([Answer::head(status, &[("content-type", "text/event-stream")])]);
        let told = seen.told().join("; ");
        match status {
            200 => assert_eq!(told, "opened: 200; reconnecting in 3s: the event stream ended"),
            204 => assert_eq!(told, "finished"),
            408 | 425 | 429 | 500 | 502..=504 | 506..=599 => {
                assert!(
                    told.starts_with(&format!("reconnecting in 3s: the server answered {status}")),
                    "{told}"
                );
            }
            _ => {
                assert!(told.starts_with(&format!("failed: the server answered {status}")), "{told}");
                assert!(told.ends_with("; finished"), "{told}");
            }
        }
    }
}

#[test]
fn an_error_keeps_status_headers_and_the_beginning_of_the_body() {
    let now = Instant::now();
    for (status, content_type, most) in
        [(401, "text/event-stream", 9), (200, "text/html", 9), (404, "text/plain", 4), (404, "text/plain", 0)]
    {
        let policy = Policy::default().with_max_error_body_bytes(most);
        let mut protocol = Protocol::new(1).policy(policy);
        protocol.next_command(now);
        let head =
            Response::builder().status(status).header("content-type", content_type).header("x-why", "so");
        protocol.handle_response(head.body(()).unwrap().into_parts().0, now);
        for chunk in ["so", " it is"] {
            protocol.handle_chunk(chunk.into(), now);
        }
        protocol.handle_end();
        assert!(matches!(protocol.next_command(now), Command::Disconnect));
        assert!(matches!(protocol.next_command(now), Command::Decide(_)));
        let Command::Fail(error) = protocol.next_command(now) else { panic!() };
        let response = error.response().unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["x-why"].as_bytes()),
            (status, &b"so"[..])
        );
        assert_eq!(response.body(), &"so it is".as_bytes()[..most.min(8)]);
        assert!(matches!(protocol.next_command(now), Command::Finished));
        assert!(matches!(protocol.next_command(now), Command::Finished));
    }
}

#[test]
fn an_error_s_body_is_waited_for_no_longer_than_5_seconds() {
    let seen = run([Answer::begin(400, &[]).chunk("why").pause(1.0).chunk(" so").pause(60.0)]);
    assert_eq!(
        seen.log,
        ["0.000 request", "5.000 failed: the server answered 400 Bad Request: why so", "5.000 finished"]
    );
    let seen = run([Answer::begin(400, &[]).chunk("why").error("reset")]);
    assert_eq!(seen.told(), ["failed: the server answered 400 Bad Request: why", "finished"]);
}

#[test]
fn retry_after_is_honoured_in_both_forms() {
    let delay = |headers: &[(&str, &str)]| {
        let seen = run([Answer::head(503, headers)]);
        seen.request_times()[1]
    };
    assert_eq!(delay(&[("retry-after", "120")]), 120_000);
    assert_eq!(delay(&[("retry-after", " 120 ")]), 120_000);
    // The reconnection time is the least.
    assert_eq!(delay(&[("retry-after", "1")]), 3_000);
    // The greatest is an hour, unless set otherwise.
    assert_eq!(delay(&[("retry-after", "99999999999999999999999")]), 3_600_000);
    let date = |date, until| delay(&[("date", date), ("retry-after", until)]);
    assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:50:47 GMT"), 70_000);
    assert_eq!(date("Thu, 29 Feb 2024 23:59:50 GMT", "Fri, 01 Mar 2024 00:00:00 GMT"), 10_000);
    assert_eq!(date("Tue, 28 Feb 2023 23:59:50 GMT", "Wed, 01 Mar 2023 00:00:00 GMT"), 10_000);
    assert_eq!(date("Tue, 29 Feb 2000 23:59:50 GMT", "Wed, 01 Mar 2000 00:00:00 GMT"), 10_000);
    assert_eq!(date("Sun, 28 Feb 2100 23:59:50 GMT", "Mon, 01 Mar 2100 00:00:00 GMT"), 10_000);
    assert_eq!(date("Sun, 31 Dec 2023 23:59:50 GMT", "Mon, 01 Jan 2024 00:01:00 GMT"), 70_000);
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    for (of, next, days) in
        [(0, 1, 31), (2, 3, 31), (3, 4, 30), (4, 5, 31), (5, 6, 30), (6, 7, 31), (7, 8, 31), (8, 9, 30)]
    {
        let last = format!("Sun, {days} {} 2023 23:59:50 GMT", months[of]);
        let first = format!("Mon, 01 {} 2023 00:00:00 GMT", months[next]);
        assert_eq!(delay(&[("date", &last), ("retry-after", &first)]), 10_000, "{last}");
    }
    // In the past.
    assert_eq!(date("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:00:00 GMT"), 3_000);
}

#[test]
fn a_retry_after_that_cannot_be_read_is_ignored() {
    let good = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    for value in [
        "",
        "+5",
        "-5",
        "5.0",
        "soon",
        "Sun, 06 Nov 1994 09:49:37 UTC",
        "Sun, 06 Foo 1994 09:49:37 GMT",
        "Sun, 41 Nov 1994 09:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 09:49:+7 GMT",
        "Sunday, 06-Nov-94 09:49:37 GMT",
        "Fri, 01 Jan 0000 00:00:00 GMT",
    ] {
        let seen = run([Answer::head(503, &[good, ("retry-after", value)])]);
        assert_eq!(seen.request_times(), [0, 3_000], "{value:?}");
    }
    // A date says nothing without the server's own time.
    let seen = run([Answer::head(503, &[("retry-after", "Sun, 06 Nov 2094 09:49:37 GMT")])]);
    assert_eq!(seen.request_times(), [0, 3_000]);
}

#[test]
fn a_verdict_may_come_before_it_is_asked_for() {
    let now = Instant::now();
    let mut protocol = Protocol::new(1);
    assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    protocol.handle_error(TransportError::new("refused"));
    assert!(matches!(protocol.next_command(now), Command::Disconnect));
    protocol.handle_verdict(Verdict::Stop, now);
    assert!(matches!(protocol.next_command(now), Command::Finished));
}

#[test]
fn no_attempts_at_all_can_be_allowed() {
    let now = Instant::now();
    let mut protocol = Protocol::new(1).policy(Policy::default().with_max_attempts(Some(0)));
    protocol.next_command(now);
    protocol.handle_response(Response::builder().status(503).body(()).unwrap().into_parts().0, now);
    protocol.handle_end();
    assert!(matches!(protocol.next_command(now), Command::Disconnect));
    assert!(matches!(protocol.next_command(now), Command::Decide(_)));
    let Command::Fail(error) = protocol.next_command(now) else { panic!() };
    assert_eq!(error.response().unwrap().status(), 503);
    assert!(matches!(error, EventSourceError::Attempts { attempts: 0, last: DisconnectReason::Status(_) }));
}
