//! The client's processing model on a virtual clock, against a server in memory.

use crate::support::simulation;
use std::time::{Duration, Instant};

use crate::support::simulation::{Answer, Simulation};
use http::Response;
use ssekit::{
    client::{Command, DisconnectReason, Policy, Protocol, ReadyState, TransportError, Update},
    decode::Limits,
};

/// The default policy without randomness.
fn steady() -> Protocol {
    Protocol::new(1).policy(Policy::default().with_backoff(Duration::ZERO, Duration::ZERO).with_jitter(false))
}

fn run(answers: impl IntoIterator<Item = Answer>) -> Simulation {
    Simulation::new(steady()).run(answers)
}

#[test]
fn reads_comes_back_and_stops_at_204() {
    let seen = run([
        Answer::stream().chunk("id: 1\ndata: a\n\n").pause(1.0).chunk("event: b\ndata: c\n\n").end(),
        Answer::head(204, &[]),
    ]);
    assert_eq!(
        seen.log,
        [
            "0.000 request",
            "0.000 opened: 200",
            r#"0.000 event: message "a" id "1""#,
            r#"1.000 event: b "c" id "1""#,
            "1.000 reconnecting in 3s: the event stream ended",
            "4.000 request",
            "4.000 finished",
        ]
    );
    assert_eq!(seen.last_event_ids(), [None, Some("1")]);
    assert_eq!(seen.protocol.ready_state(), ReadyState::Closed);
}

#[test]
fn requests_ask_for_an_event_stream_that_is_not_cached() {
    let seen = run([]);
    assert_eq!(seen.requests[0]["accept"], "text/event-stream");
    assert_eq!(seen.requests[0]["cache-control"], "no-cache");
    assert_eq!(seen.requests[0].len(), 2);
}

#[test]
fn states_are_connecting_open_and_closed() {
    let now = Instant::now();
    let mut protocol = steady();
    assert_eq!(protocol.ready_state(), ReadyState::Connecting);
    protocol.next_command(now);
    assert_eq!(protocol.ready_state(), ReadyState::Connecting);
    let head = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    protocol.handle_response(head.into_parts().0, now);
    assert_eq!(protocol.ready_state(), ReadyState::Open);
    protocol.handle_end();
    while !matches!(protocol.next_command(now), Command::Wait(_)) {}
    assert_eq!(protocol.ready_state(), ReadyState::Connecting);
    protocol.close();
    assert_eq!(protocol.ready_state(), ReadyState::Closed);
}

#[test]
fn an_unfinished_event_does_not_commit_its_id() {
    let seen = run([
        Answer::stream().chunk("id: 1\ndata: a\n\nid: 2\ndata: b\n").error("reset"),
        Answer::stream().chunk("data: c\n\n").end(),
    ]);
    assert_eq!(
        seen.told(),
        [
            "opened: 200",
            r#"event: message "a" id "1""#,
            "reconnecting in 3s: reset",
            "opened: 200",
            r#"event: message "c" id "1""#,
            "reconnecting in 3s: the event stream ended",
        ]
    );
    assert_eq!(seen.last_event_ids(), [None, Some("1"), Some("1")]);
}

#[test]
fn the_last_event_id_outlives_connections_without_new_ids() {
    let seen = run([
        Answer::stream().chunk("id: 7\ndata\n\n").end(),
        Answer::stream().chunk("data: no id\n\n").end(),
        Answer::head(503, &[]),
        Answer::none().error("refused"),
        Answer::stream().end(),
    ]);
    assert_eq!(seen.last_event_ids(), [None, Some("7"), Some("7"), Some("7"), Some("7"), Some("7")]);
}

#[test]
fn an_empty_id_clears_the_last_event_id() {
    let seen = run([Answer::stream().chunk("id: 7\ndata\n\nid\ndata\n\n").end()]);
    assert_eq!(seen.last_event_ids(), [None, None]);
    assert_eq!(seen.protocol.last_event_id(), "");
}

#[test]
fn a_kept_last_event_id_is_sent_on_the_first_request() {
    let seen = Simulation::new(steady().after("41")).run([]);
    assert_eq!(seen.last_event_ids(), [Some("41")]);
}

#[test]
fn a_last_event_id_is_sent_as_its_utf_8_bytes() {
    let seen = Simulation::new(steady().after("é\t…😀")).run([]);
    assert_eq!(seen.requests[0]["last-event-id"].as_bytes(), "é\t…😀".as_bytes());
}

#[test]
fn a_last_event_id_that_no_header_can_carry_is_told_and_not_sent() {
    for id in ["a\u{1}b", "\u{7f}", " a", "a ", "a\t", "\t"] {
        let seen = Simulation::new(steady().after(id)).run([
            Answer::stream().chunk("data: x\n\n").end(),
            Answer::stream().chunk("id: fine\ndata: y\n\n").end(),
        ]);
        assert_eq!(seen.last_event_ids(), [None, None, Some("fine")], "{id:?}");
        assert_eq!(
            seen.told(),
            [
                &format!("withheld {id:?}"),
                "opened: 200",
                &format!("event: message \"x\" id {id:?}"),
                "reconnecting in 3s: the event stream ended",
                &format!("withheld {id:?}"),
                "opened: 200",
                r#"event: message "y" id "fine""#,
                "reconnecting in 3s: the event stream ended",
            ],
            "{id:?}"
        );
    }
}

#[test]
fn retry_is_honoured_within_bounds_and_outlives_connections() {
    let seen = run([
        Answer::stream().chunk("retry: 500\n\n").end(),
        Answer::head(503, &[]),
        Answer::stream().chunk("retry: 0\n").end(),
        Answer::stream().chunk("retry: 18446744073709551615\n\n").end(),
    ]);
    assert_eq!(seen.request_times(), [0, 500, 1_000, 1_100, 301_100]);
}

#[test]
fn bounds_hold_for_the_first_reconnection_time_too() {
    let policy = Policy::browser()
        .with_reconnection_time(Duration::from_secs(1))
        .with_reconnection_time_bounds(Duration::from_secs(2), Duration::from_secs(4));
    let seen = Simulation::new(Protocol::new(1).policy(policy)).run([Answer::stream().end()]);
    assert_eq!(seen.request_times(), [0, 2_000]);
}

#[test]
fn backoff_is_in_force_from_the_first_attempt_doubles_and_is_capped() {
    const CLIENTS: u64 = 400;
    const ATTEMPTS: usize = 40;
    let mut greatest = [0; ATTEMPTS];
    for seed in 0..CLIENTS {
        let answers = (0..ATTEMPTS).map(|_| Answer::none().error("refused"));
        let times = Simulation::new(Protocol::new(seed)).run(answers).request_times();
        for (n, pair) in times.windows(2).enumerate() {
            let jitter = pair[1] - pair[0] - 3_000;
            greatest[n] = greatest[n].max(jitter);
        }
    }
    for (n, greatest) in greatest.into_iter().enumerate() {
        let window = [1_000, 2_000, 4_000, 8_000, 16_000].get(n).copied().unwrap_or(30_000);
        assert!((window * 97 / 100..=window + 1).contains(&greatest), "attempt {n}: {greatest}");
    }
}

#[test]
fn the_same_seed_gives_the_same_delays_and_another_one_others() {
    let times = |seed| Simulation::new(Protocol::new(seed)).run((0..5).map(|_| Answer::head(500, &[]))).log;
    assert_eq!(times(9), times(9));
    assert_ne!(times(9), times(10));
}

#[test]
fn an_event_or_sustained_uptime_resets_the_count() {
    let policy = Policy::default()
        .with_backoff(Duration::ZERO, Duration::ZERO)
        .with_jitter(false)
        .with_sustained_uptime(Duration::from_secs(30))
        .with_max_attempts(Some(2));
    let run = |answer: fn() -> Answer| {
        let answers = (0..9).map(|_| answer());
        Simulation::new(Protocol::new(1).policy(policy.clone())).run(answers)
    };
    let seen = run(|| Answer::stream().chunk(": no event\nid: 7\n\n").pause(29.9).end());
    assert_eq!(seen.requests.len(), 3);
    assert_eq!(
        seen.told()[seen.told().len() - 2..],
        ["failed: the event stream ended; gave up after 2 reconnections in a row", "finished"]
    );
    for progress in [|| Answer::stream().pause(30.0).end(), || Answer::stream().chunk("data\n\n").end()] {
        assert_eq!(run(progress).requests.len(), 10);
    }
}

#[test]
fn silence_is_noticed_and_comments_are_life() {
    let keep_alive =
        |answer: Answer| answer.pause(100.0).chunk(":\n").pause(100.0).chunk(":").pause(100.0).chunk("\n");
    let seen = run([keep_alive(Answer::stream())]);
    assert_eq!(
        seen.log,
        [
            "0.000 request",
            "0.000 opened: 200",
            "420.000 reconnecting in 3s: no byte for 120s",
            "423.000 request",
        ]
    );
}

#[test]
fn an_empty_chunk_is_no_life() {
    let seen = run([Answer::stream().pause(100.0).chunk("").pause(100.0)]);
    assert_eq!(seen.log[2], "120.000 reconnecting in 3s: no byte for 120s");
}

#[test]
fn a_response_that_does_not_come_is_given_up() {
    let seen = run([Answer::none().pause(31.0)]);
    assert_eq!(
        seen.log,
        ["0.000 request", "30.000 reconnecting in 3s: no response for 30s", "33.000 request"]
    );
}

#[test]
fn an_application_that_takes_its_time_is_no_silence() {
    let start = Instant::now();
    let mut protocol = steady();
    protocol.next_command(start);
    let head = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    protocol.handle_response(head.into_parts().0, start);
    protocol.handle_chunk("data\n\n".into(), start);
    assert!(matches!(protocol.next_command(start), Command::Deliver(_)));
    assert!(matches!(protocol.next_command(start), Command::Deliver(_)));
    let later = start + Duration::from_secs(1_000);
    let Command::Wait(Some(until)) = protocol.next_command(later) else { panic!() };
    assert_eq!(until - later, Duration::from_secs(120));
    // Nor is what it has not taken yet.
    protocol.handle_chunk("data\n\ndata\n\n".into(), later);
    assert!(matches!(protocol.next_command(later), Command::Deliver(_)));
    protocol.handle_time(later + Duration::from_secs(1_000));
    assert!(matches!(protocol.next_command(later), Command::Deliver(_)));
    assert!(matches!(protocol.next_command(later), Command::Wait(_)));
    // A look at the protocol in between is no life.
    protocol.next_command(later + Duration::from_secs(60));
    protocol.handle_time(later + Duration::from_secs(119));
    assert_eq!(protocol.ready_state(), ReadyState::Open);
    protocol.handle_time(until);
    assert!(matches!(protocol.next_command(until), Command::Disconnect));
}

#[test]
fn events_before_the_loss_are_delivered_before_it() {
    let now = Instant::now();
    let mut protocol = steady();
    protocol.next_command(now);
    let head = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    protocol.handle_response(head.into_parts().0, now);
    protocol.handle_chunk("data: a\n\nda".into(), now);
    protocol.handle_chunk("ta: b\n\n".into(), now);
    protocol.handle_end();
    let mut commands = Vec::new();
    loop {
        match protocol.next_command(now) {
            Command::Deliver(update) => commands.push(simulation::describe(&update)),
            Command::Disconnect => commands.push("disconnect".to_owned()),
            Command::Decide(_) => {}
            _ => break,
        }
    }
    assert_eq!(
        commands,
        [
            "opened: 200",
            r#"event: message "a" id """#,
            r#"event: message "b" id """#,
            "disconnect",
            "reconnecting in 3s: the event stream ended",
        ]
    );
}

#[test]
fn a_lost_event_is_told_and_its_id_is_kept() {
    let protocol = steady().limits(Limits::new().with_max_line_bytes(16));
    let seen = Simulation::new(protocol)
        .run([Answer::stream().chunk("id: 1\ndata: 12345678901234567890\n\ndata: b\n\n").end()]);
    assert_eq!(
        seen.told(),
        [
            "opened: 200",
            "lost an event: bytes of a line over the limit of 16",
            r#"event: message "b" id "1""#,
            "reconnecting in 3s: the event stream ended",
        ]
    );
}

#[test]
fn limits_and_a_kept_id_go_together_in_either_order() {
    let limits = Limits::new().with_max_line_bytes(16);
    for protocol in [steady().limits(limits).after("3"), steady().after("3").limits(limits)] {
        let seen = Simulation::new(protocol).run([Answer::stream().chunk("data: 12345678901234567890\n\n")]);
        assert_eq!(seen.last_event_ids()[0], Some("3"));
        assert_eq!(seen.told()[1], "lost an event: bytes of a line over the limit of 16");
    }
}

#[test]
fn close_drops_the_connection_and_what_was_not_delivered() {
    let now = Instant::now();
    let mut protocol = steady();
    protocol.next_command(now);
    let head = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    protocol.handle_response(head.into_parts().0, now);
    protocol.handle_chunk("data: a\n\n".into(), now);
    protocol.close();
    assert!(matches!(protocol.next_command(now), Command::Disconnect));
    assert!(matches!(protocol.next_command(now), Command::Finished));
    protocol.close();
    assert!(matches!(protocol.next_command(now), Command::Finished));
}

#[test]
fn close_after_a_loss_that_was_not_told_makes_no_further_request() {
    let now = Instant::now();
    let mut protocol = steady();
    protocol.next_command(now);
    protocol.handle_end();
    protocol.close();
    assert!(matches!(protocol.next_command(now), Command::Disconnect));
    assert!(matches!(protocol.next_command(now), Command::Finished));
}

#[test]
fn a_request_is_waited_for_from_when_it_is_made() {
    let start = Instant::now();
    let later = start + Duration::from_secs(1_000);
    let mut protocol = steady().after("\u{1}");
    assert!(matches!(protocol.next_command(start), Command::Deliver(Update::LastEventIdWithheld(_))));
    assert!(matches!(protocol.next_command(later), Command::Connect(_)));
    let Command::Wait(Some(until)) = protocol.next_command(later) else { panic!() };
    assert_eq!(until - later, Duration::from_secs(30));
}

#[test]
fn close_while_waiting_makes_no_further_request() {
    let now = Instant::now();
    let mut protocol = steady();
    protocol.next_command(now);
    protocol.handle_end();
    while !matches!(protocol.next_command(now), Command::Wait(_)) {}
    protocol.close();
    assert!(matches!(protocol.next_command(now), Command::Disconnect));
    protocol.handle_time(now + Duration::from_secs(3_600));
    assert!(matches!(protocol.next_command(now), Command::Finished));
}

#[test]
fn inputs_that_do_not_fit_the_state_are_ignored() {
    let now = Instant::now();
    let head = || {
        let response = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
        response.into_parts().0
    };
    let mut protocol = steady();
    protocol.handle_response(head(), now);
    protocol.handle_chunk("data\n\n".into(), now);
    protocol.handle_end();
    protocol.handle_time(now);
    assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    protocol.handle_chunk("data\n\n".into(), now);
    assert!(matches!(protocol.next_command(now), Command::Wait(_)));
    protocol.handle_response(head(), now);
    assert!(matches!(protocol.next_command(now), Command::Deliver(_)));
    protocol.handle_response(head(), now);
    assert!(matches!(protocol.next_command(now), Command::Wait(_)));
    protocol.handle_end();
    protocol.handle_chunk("data\n\n".into(), now);
    assert!(matches!(protocol.next_command(now), Command::Disconnect));
    assert!(matches!(protocol.next_command(now), Command::Decide(_)));
    assert!(matches!(protocol.next_command(now), Command::Deliver(_)));
    protocol.handle_end();
    protocol.handle_chunk("data\n\n".into(), now);
    assert!(matches!(protocol.next_command(now), Command::Wait(_)));
}

#[test]
fn a_response_that_comes_after_its_request_was_given_up_is_ignored() {
    let now = Instant::now();
    let respond = |protocol: &mut Protocol, status: u16| {
        let response = Response::builder().status(status).header("content-type", "text/event-stream");
        protocol.handle_response(response.body(()).unwrap().into_parts().0, now);
    };
    for status in [200, 204, 404, 503] {
        let mut protocol = steady();
        protocol.next_command(now);
        protocol.handle_error(TransportError::new("reset"));
        respond(&mut protocol, status);
        assert!(matches!(protocol.next_command(now), Command::Disconnect));
        assert!(matches!(protocol.next_command(now), Command::Decide(_)));
        let Command::Deliver(Update::Reconnecting { reason, .. }) = protocol.next_command(now) else {
            panic!()
        };
        assert!(matches!(reason, DisconnectReason::Transport(_)));
        assert!(matches!(protocol.next_command(now), Command::Wait(Some(_))));
    }
}

#[test]
fn a_request_that_is_still_to_be_made_has_no_response() {
    let now = Instant::now();
    let mut protocol = steady().after("\u{1}");
    assert!(matches!(protocol.next_command(now), Command::Deliver(Update::LastEventIdWithheld(_))));
    let response = Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    protocol.handle_response(response.into_parts().0, now);
    protocol.handle_error(TransportError::new("reset"));
    protocol.handle_time(now + Duration::from_secs(3_600));
    assert_eq!(protocol.ready_state(), ReadyState::Connecting);
    assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    assert!(matches!(protocol.next_command(now), Command::Wait(Some(_))));
}
