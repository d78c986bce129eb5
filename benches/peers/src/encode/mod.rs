//! Encoding events, each with an ID and a type.
//!
//! What comes out is looked at where it is: to move it right after it was stored makes the processor wait.
//!
//! What is timed is the way from an event as the library's user built it to its bytes on the wire. axum writes the
//! wire format while an event is built, so there building is timed; the others hold strings until they encode.

mod actix_web_lab;
mod axum;
mod limit;
mod sse_stream;
mod ssekit;
mod warp;

use std::{fmt::Debug, hint::black_box};

use ::ssekit::{Decoder, decode::Item};
use http_body::Body;
use http_body_util::BodyExt;

use crate::{
    measure::{Contender, Effort, Ratio, Samples, Workload, interleave},
    poll::ready,
    report::{Report, Target},
};

/// An event before any library has seen it.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) id: String,
    pub(crate) event_type: &'static str,
    pub(crate) data: String,
}

/// A contender that shows what it made of the input.
pub(crate) trait Encoder: Contender {
    /// Returns the event stream of all events.
    fn stream(&mut self) -> Vec<u8>;
}

/// Takes all frames of a body, and returns how many there are: one for each event.
fn count_frames(mut body: impl Body<Error: Debug> + Unpin) -> u64 {
    let mut frames = 0;
    while let Some(frame) = ready(body.frame()) {
        assert!(black_box(&frame).is_ok());
        frames += 1;
    }
    frames
}

/// The least size of a buffer that is filled and then emptied.
///
/// One event that lies across two pages of memory takes twice as long as another, so that a buffer for a single
/// event would be fast or slow by where it lies.
const BUFFER: usize = 16 * 1024;

struct Case {
    name: &'static str,
    events: usize,
    lines: usize,
    bytes: usize,
    /// Targets beside sse-stream, actix-web-lab, axum and the limit.
    owned: [Target; 4],
    /// Targets beside sse-stream, axum and the limit.
    into: [Target; 3],
}

pub(crate) fn run(effort: Effort) -> usize {
    let mut report = Report::new();
    for case in CASES {
        let measured = interleave(effort, &mut workload(case).contenders);

        let name = case.name;
        let owned = measured.get("ssekit");
        let per_event = |samples: &Samples| {
            Ratio::summary(samples.cpu.iter().map(|time| time * 1e9 / case.events as f64).collect())
        };
        report.ratio(&format!("{name}, owned"), "ns an event", per_event(owned), Target::Told);
        let beside = ["sse-stream", "actix-web-lab", "axum", "alloc + copy + scan"];
        for (beside, target) in beside.into_iter().zip(case.owned) {
            report.ratio(&format!("{name}, owned"), beside, owned.cpu_over(measured.get(beside)), target);
        }
        report.ratio(&format!("{name}, owned"), "warp", owned.cpu_over(measured.get("warp")), Target::Told);
        for samples in &measured.contenders {
            let target = match samples.name {
                "ssekit" => Target::AtMost(1.0),
                "ssekit into a buffer" => Target::AtMost(0.0),
                _ => Target::Told,
            };
            let calls = samples.heap_calls as f64 / case.events as f64;
            report.figure(&format!("{name}, heap calls an event"), samples.name, calls, target);
        }
        let into = measured.get("ssekit into a buffer");
        for (beside, target) in ["sse-stream", "axum", "copy + scan"].into_iter().zip(case.into) {
            let ratio = into.cpu_over(measured.get(beside));
            report.ratio(&format!("{name}, into a buffer"), beside, ratio, target);
        }
    }
    report.print("Encode: time beside others")
}

pub(crate) fn workloads() -> impl Iterator<Item = Workload> {
    CASES.iter().map(workload)
}

fn workload(case: &Case) -> Workload {
    let inputs = inputs(case.events, case.lines, case.bytes);
    let expected: Vec<_> = inputs
        .iter()
        .map(|input| (input.event_type.to_owned(), input.data.clone(), input.id.clone()))
        .collect();
    let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
    for mut encoder in encoders(&inputs) {
        assert_eq!(decoded(&encoder.stream()), expected, "{}", encoder.name());
        contenders.push(encoder);
    }
    contenders.push(Box::new(ssekit::IntoBuffer::new(&inputs)));
    contenders.push(Box::new(limit::Allocated::new(&inputs)));
    contenders.push(Box::new(limit::IntoBuffer::new(&inputs)));
    Workload { name: case.name.to_owned(), events: case.events as u64, contenders }
}

fn encoders(inputs: &[Input]) -> Vec<Box<dyn Encoder>> {
    vec![
        Box::new(ssekit::Owned::new(inputs)),
        Box::new(sse_stream::Body::new(inputs)),
        Box::new(actix_web_lab::Body::new(inputs)),
        Box::new(axum::Body::new(inputs)),
        Box::new(warp::Body::new(inputs)),
    ]
}

fn inputs(events: usize, lines: usize, bytes: usize) -> Vec<Input> {
    let line = bytes / lines - 1;
    (0..events)
        .map(|event| {
            let letter = |at: usize| char::from(b'a' + ((event + at) % 26) as u8);
            let lines: Vec<String> = (0..lines).map(|_| (0..line).map(letter).collect()).collect();
            let mut data = lines.join("\n");
            data.extend((data.len()..bytes).map(letter));
            Input { id: (1_000 + event).to_string(), event_type: "update", data }
        })
        .collect()
}

fn decoded(stream: &[u8]) -> Vec<(String, String, String)> {
    let mut decoder = Decoder::new();
    decoder.feed(stream);
    let mut events = Vec::new();
    while let Some(item) = decoder.next() {
        if let Item::Event(event) = item {
            let parts = [event.event_type(), event.data(), event.last_event_id()].map(str::to_owned);
            events.push(parts.into());
        }
    }
    events
}

const CASES: &[Case] = &[
    Case {
        name: "20 B",
        events: 1000,
        lines: 1,
        bytes: 20,
        owned: [Target::AtMost(0.36), Target::Told, Target::AtMost(0.14), Target::AtMost(1.35)],
        into: [Target::AtMost(0.24), Target::AtMost(0.09), Target::AtMost(1.6)],
    },
    Case {
        name: "200 B",
        events: 1000,
        lines: 1,
        bytes: 200,
        owned: [Target::AtMost(0.45), Target::Told, Target::AtMost(0.15), Target::AtMost(1.5)],
        into: [Target::AtMost(0.32), Target::AtMost(0.1), Target::AtMost(1.6)],
    },
    Case {
        name: "4 KiB, one line",
        events: 64,
        lines: 1,
        bytes: 4096,
        owned: [Target::AtMost(0.6), Target::Told, Target::AtMost(0.36), Target::AtMost(1.05)],
        into: [Target::Told; 3],
    },
    Case {
        name: "4 KiB, 64 lines",
        events: 64,
        lines: 64,
        bytes: 4096,
        owned: [Target::Told, Target::AtMost(0.78), Target::AtMost(0.6), Target::AtMost(1.3)],
        into: [Target::Told; 3],
    },
];
