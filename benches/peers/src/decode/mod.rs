//! Decoding streams that come in chunks, as a socket gives them.
//!
//! ssekit lends each event; what the others give is what they have: strings, for each event. So ssekit is measured
//! both ways.

mod eventsource_client;
mod eventsource_stream;
mod limit;
mod sse_core;
mod sse_stream;
mod ssekit;

use std::mem;

use bytes::Bytes;

use crate::{
    measure::{Contender, Effort, Ratio, Workload, interleave},
    report::{Report, Target},
};

/// A stream in chunks, and what must come out of it.
#[derive(Clone)]
pub(crate) struct Stream {
    chunks: Vec<Bytes>,
    events: u64,
}

/// Adds up what was decoded, so that all contenders can be compared.
///
/// Events are taken as they come: to copy one as a whole makes the processor wait for what has just been stored.
#[derive(Default)]
struct Sum {
    events: u64,
    data_bytes: u64,
}

impl Sum {
    fn add(&mut self, data: &str) {
        self.events += 1;
        self.data_bytes += data.len() as u64;
        std::hint::black_box(data);
    }

    fn outcome(&self) -> u64 {
        self.events << 40 | self.data_bytes
    }
}

struct Case {
    name: &'static str,
    event: fn(usize) -> String,
    chunks: &'static [Chunks],
}

/// How a stream is cut, and the least ratios to reach.
struct Chunks {
    cut: Cut,
    /// Beside events that are borrowed.
    borrowed: &'static [(&'static str, f64)],
    /// The least ratio of sse-core to events that are owned.
    owned: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// In chunks of so many bytes, whatever is in them.
    Bytes(usize),
    /// A chunk is an event, as a server mostly sends it.
    Events,
}

pub(crate) fn run(effort: Effort) -> usize {
    let mut report = Report::new();
    for case in CASES {
        for chunks in case.chunks {
            let Workload { name, events, mut contenders } = workload(case, chunks);
            let measured = interleave(effort, &mut contenders);
            let borrowed = measured.get("ssekit");
            let rate = borrowed.cpu.iter().map(|time| events as f64 / time / 1e6).collect();
            report.ratio(&name, "million events a second", Ratio::summary(rate), Target::Told);
            for samples in &measured.contenders {
                let target = chunks.borrowed.iter().find(|(beside, _)| *beside == samples.name);
                let target = target.map_or(Target::Told, |(_, least)| Target::AtLeast(*least));
                if !samples.name.starts_with("ssekit") {
                    report.ratio(&name, samples.name, samples.cpu_over(borrowed), target);
                }
            }
            let owned = measured.get("ssekit, owned");
            let target = chunks.owned.map_or(Target::Told, Target::AtLeast);
            let ratio = measured.get("sse-core").cpu_over(owned);
            report.ratio(&format!("{name}, owned"), "sse-core", ratio, target);
            let streamed = measured.get("ssekit, stream");
            for (beside, target) in
                [("sse-stream", Target::AtLeast(STREAMED)), ("eventsource-stream", Target::Told)]
            {
                let ratio = measured.get(beside).cpu_over(streamed);
                report.ratio(&format!("{name}, stream"), beside, ratio, target);
            }
            for samples in &measured.contenders {
                let most = match samples.name {
                    "ssekit" if chunks.cut != Cut::Bytes(64) => Target::AtMost(0.0),
                    "ssekit, owned" if chunks.cut != Cut::Bytes(64) => Target::AtMost(1.0),
                    _ => Target::Told,
                };
                let calls = samples.heap_calls as f64 / events as f64;
                report.figure(&format!("{name}, heap calls an event"), samples.name, calls, most);
            }
        }
    }
    report.print("Decode: how many times as fast as others")
}

pub(crate) fn workloads() -> impl Iterator<Item = Workload> {
    CASES.iter().flat_map(|case| case.chunks.iter().map(move |chunks| workload(case, chunks)))
}

fn workload(case: &Case, chunks: &Chunks) -> Workload {
    let stream = stream(case.event, chunks.cut);
    let name = match chunks.cut {
        Cut::Bytes(bytes) => format!("{}, {bytes} B", case.name),
        Cut::Events => format!("{}, one a chunk", case.name),
    };
    Workload { name, events: stream.events, contenders: contenders(&stream) }
}

fn contenders(stream: &Stream) -> Vec<Box<dyn Contender>> {
    vec![
        Box::new(ssekit::Borrowed::new(stream)),
        Box::new(ssekit::Owned::new(stream)),
        Box::new(ssekit::Streamed::new(stream)),
        Box::new(sse_core::Decoder::new(stream)),
        Box::new(sse_stream::Decoder::new(stream)),
        Box::new(eventsource_stream::Decoder::new(stream)),
        Box::new(eventsource_client::Decoder::new(stream)),
        Box::new(limit::Utf8::new(stream)),
    ]
}

fn stream(event: fn(usize) -> String, cut: Cut) -> Stream {
    let mut text = String::new();
    let mut ends = Vec::new();
    while text.len() < 256 * 1024 {
        text.push_str(&event(ends.len()));
        ends.push(text.len());
    }
    let events = ends.len() as u64;
    if let Cut::Bytes(bytes) = cut {
        ends = (0..text.len()).step_by(bytes).map(|start| text.len().min(start + bytes)).collect();
    }
    let mut text = Bytes::from(text);
    let mut start = 0;
    let chunks = ends.into_iter().map(|end| text.split_to(end - mem::replace(&mut start, end))).collect();
    Stream { chunks, events }
}

fn of_data(number: usize, data: &str) -> String {
    format!("id: {}\nevent: update\ndata: {data}\n\n", 1_000 + number)
}

fn tiny(number: usize) -> String {
    of_data(number, &format!("{number:020}"))
}

fn small(number: usize) -> String {
    of_data(number, &format!("{number:0200}"))
}

fn lines(number: usize) -> String {
    of_data(number, &vec![format!("{number:063}"); 64].join("\ndata: "))
}

/// What a model's answer looks like, about 290 bytes of JSON for each piece of a word.
fn token(number: usize) -> String {
    const PIECES: [&str; 8] = [" the", " answer", ",", " naïve", " 42", "\\n", " streams", " – and"];
    let piece = PIECES[number % PIECES.len()];
    let created = 1_753_000_000 + number / 50;
    format!(
        "data: {{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\"object\":\"chat.completion.chunk\",\
         \"created\":{created},\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\
         \"system_fingerprint\":\"fp_3502f4eb73\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{piece}\"}},\
         \"logprobs\":null,\"finish_reason\":null}}],\"usage\":null,\"obfuscation\":\"jd8SkW\"}}\n\n"
    )
}

/// The least ratio of sse-stream to `EventStream`, in every row.
const STREAMED: f64 = 1.25;

const CASES: &[Case] = &[
    Case {
        name: "20 B",
        event: tiny,
        chunks: &[
            Chunks { cut: Cut::Events, borrowed: &[], owned: None },
            Chunks {
                cut: Cut::Bytes(64),
                borrowed: &[("sse-core", 2.0), ("eventsource-stream", 6.0)],
                owned: None,
            },
            Chunks {
                cut: Cut::Bytes(1460),
                borrowed: &[("sse-stream", 4.5), ("eventsource-stream", 16.0)],
                owned: None,
            },
            Chunks {
                cut: Cut::Bytes(16_384),
                borrowed: &[("sse-stream", 4.8), ("eventsource-stream", 28.0)],
                owned: None,
            },
        ],
    },
    Case {
        name: "200 B",
        event: small,
        chunks: &[
            Chunks { cut: Cut::Events, borrowed: &[], owned: None },
            Chunks { cut: Cut::Bytes(64), borrowed: &[("sse-core", 1.5)], owned: None },
            Chunks {
                cut: Cut::Bytes(1460),
                borrowed: &[("sse-stream", 2.7), ("eventsource-stream", 13.0)],
                owned: None,
            },
            Chunks {
                cut: Cut::Bytes(16_384),
                borrowed: &[("sse-stream", 3.2), ("eventsource-stream", 22.0)],
                owned: None,
            },
        ],
    },
    Case {
        name: "LLM tokens",
        event: token,
        chunks: &[
            Chunks { cut: Cut::Events, borrowed: &[], owned: Some(1.15) },
            Chunks {
                cut: Cut::Bytes(64),
                borrowed: &[("sse-core", 1.2), ("eventsource-stream", 15.0)],
                owned: Some(1.15),
            },
            Chunks {
                cut: Cut::Bytes(1460),
                borrowed: &[("sse-core", 1.5), ("eventsource-stream", 11.0), ("std's UTF-8 check", 0.33)],
                owned: Some(1.15),
            },
            Chunks {
                cut: Cut::Bytes(16_384),
                borrowed: &[("sse-core", 2.0), ("eventsource-stream", 19.0), ("std's UTF-8 check", 0.42)],
                owned: Some(1.25),
            },
        ],
    },
    Case {
        name: "64 lines",
        event: lines,
        chunks: &[
            Chunks { cut: Cut::Events, borrowed: &[], owned: None },
            Chunks { cut: Cut::Bytes(64), borrowed: &[("sse-core", 1.2)], owned: None },
            Chunks {
                cut: Cut::Bytes(1460),
                borrowed: &[("sse-core", 1.4), ("eventsource-stream", 10.0)],
                owned: None,
            },
            Chunks {
                cut: Cut::Bytes(16_384),
                borrowed: &[("sse-core", 1.6), ("eventsource-stream", 15.0)],
                owned: None,
            },
        ],
    },
];
