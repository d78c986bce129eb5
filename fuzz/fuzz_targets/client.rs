//! A client's protocol does nothing that it must not, whatever happens to it.
#![no_main]

#[allow(dead_code, reason = "what happens comes from bytes here")]
#[path = "../../tests/support/client_model.rs"]
mod client_model;
#[allow(dead_code, reason = "what is received comes from bytes here")]
#[path = "../../tests/support/streams.rs"]
mod streams;
#[allow(dead_code, reason = "the twin under limits is not needed here")]
#[path = "../../tests/support/twin.rs"]
mod twin;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ssekit::client::Verdict;
use ssekit_fuzz::Input;

use self::client_model::{Setup, Step, run};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    // It may hold what a stream can have brought.
    let id = String::from_utf8_lossy(input.short()).replace(['\0', '\r', '\n'], "");
    let setup = Setup {
        seed: input.byte().into(),
        last_event_id: id,
        time: time(&mut input),
        bounds: (time(&mut input), time(&mut input)),
        backoff: (time(&mut input), time(&mut input)),
        sustained_uptime: time(&mut input),
        max_attempts: if input.chance(2) { Some(u32::from(input.byte() % 5)) } else { None },
        connect_timeout: if input.chance(2) { Some(time(&mut input)) } else { None },
        idle_timeout: if input.chance(2) { Some(time(&mut input)) } else { None },
        max_retry_after: time(&mut input),
        max_error_body_bytes: usize::from(input.byte()),
        has_jitter: input.chance(2),
        resends: input.chance(2),
        has_details: input.chance(2),
    };
    // Far more would take long, and show nothing else.
    let steps = std::iter::from_fn(|| (!input.is_empty()).then(|| step(&mut input))).take(200);
    run(setup, steps);
});

fn time(input: &mut Input<'_>) -> u64 {
    match input.byte() {
        255 => u64::MAX,
        254 => input.number(),
        time @ 200.. => u64::from(time) * 1000,
        time => u64::from(time) * 10,
    }
}

fn step(input: &mut Input<'_>) -> Step {
    match input.byte() % 32 {
        0..3 => Step::Response {
            status: 200,
            content_type: b"text/event-stream".to_vec(),
            retry_after: None,
            date: None,
        },
        3 => Step::Response {
            status: 100 + input.below(900) as u16,
            content_type: input.short().to_vec(),
            retry_after: if input.chance(2) { Some(input.short().to_vec()) } else { None },
            date: if input.chance(2) { Some(input.short().to_vec()) } else { None },
        },
        4 => Step::Response {
            status: 503,
            content_type: Vec::new(),
            retry_after: Some(input.short().to_vec()),
            date: Some(b"Sun, 06 Nov 1994 08:49:37 GMT".to_vec()),
        },
        5..11 => Step::Chunk(input.short().to_vec()),
        11 => Step::End,
        12 => Step::Error,
        13..18 => Step::Time { passes: u64::from(input.byte()) * 100, told: true },
        18 => Step::Time { passes: u64::from(input.byte()) * 100, told: false },
        19..22 => Step::Pull,
        22 => Step::Verdict(verdict(input)),
        23 => match input.byte() % 6 {
            0 => Step::Reconnect,
            1 => Step::ReconnectAfter(String::from_utf8_lossy(input.short()).replace(['\0', '\r', '\n'], "")),
            2 => Step::Pause,
            3 => Step::Resume,
            other => Step::Idempotent(other == 4),
        },
        24..31 => Step::PullAll,
        _ => {
            if input.chance(4) {
                Step::Close
            } else {
                Step::PullAll
            }
        }
    }
}

fn verdict(input: &mut Input<'_>) -> Option<Verdict> {
    match input.byte() % 5 {
        0 => None,
        1 => Some(Verdict::Reconnect),
        2 => Some(Verdict::ReconnectAfter(Duration::from_millis(time(input)))),
        3 => Some(Verdict::Stop),
        _ => Some(Verdict::Fail),
    }
}
