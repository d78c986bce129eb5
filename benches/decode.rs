//! Decoding named streams, in pieces as a socket gives them: 64 bytes, a packet, a buffer.
//!
//! ```text
//! cargo bench --bench decode
//! ```
//!
//! Each run checks that all events came out.

use divan::{Bencher, black_box, counter::BytesCount};
use ssekit::{Decoder, decode::Item};

fn main() {
    divan::main();
}

const PIECES: [usize; 3] = [64, 1460, 16 * 1024];
const STREAM_BYTES: usize = 256 * 1024;

struct Workload {
    stream: Vec<u8>,
    events: usize,
    data_bytes: usize,
}

impl Workload {
    /// Repeats what `event` gives for a number, which is the event's text and how many bytes of data it has.
    fn new(event: impl Fn(usize) -> (String, usize)) -> Self {
        let mut workload = Self { stream: Vec::new(), events: 0, data_bytes: 0 };
        while workload.stream.len() < STREAM_BYTES {
            let (text, data_bytes) = event(workload.events);
            workload.stream.extend_from_slice(text.as_bytes());
            workload.events += 1;
            workload.data_bytes += data_bytes;
        }
        workload
    }

    fn of_data(data: impl Fn(usize) -> String) -> Self {
        Self::new(|number| {
            let data = data(number);
            (format!("id: {number}\nevent: update\ndata: {data}\n\n"), data.len())
        })
    }

    fn decode(&self, bencher: Bencher<'_, '_>, piece: usize) {
        bencher.counter(BytesCount::of_slice(&self.stream)).bench(|| {
            let mut decoder = Decoder::new();
            let (mut events, mut data_bytes) = (0, 0);
            for piece in black_box(&self.stream).chunks(piece) {
                decoder.feed(piece);
                while let Some(item) = decoder.next() {
                    if let Item::Event(event) = item {
                        events += 1;
                        data_bytes += event.data().len();
                    }
                }
            }
            assert_eq!((events, data_bytes), (self.events, self.data_bytes));
        });
    }

    fn decode_owned(&self, bencher: Bencher<'_, '_>, piece: usize) {
        bencher.counter(BytesCount::of_slice(&self.stream)).bench(|| {
            let mut decoder = Decoder::new();
            let mut events = 0;
            for piece in black_box(&self.stream).chunks(piece) {
                decoder.feed(piece);
                while let Some(item) = decoder.next() {
                    if let Item::Event(event) = item {
                        black_box(event.to_owned());
                        events += 1;
                    }
                }
            }
            assert_eq!(events, self.events);
        });
    }
}

/// What a language model's API sends for each token.
fn token(number: usize) -> String {
    let token = ["token", "der", "größer", "—", "and", "日本", "s", "the"][number % 8];
    format!(
        r#"{{"id":"chatcmpl-7Zk2mQe8RtYv1LwNsPd4HcJf","object":"chat.completion.chunk","created":1744000000,"model":"example-2025-04-14","service_tier":"default","system_fingerprint":"fp_b8bc95a0ac","choices":[{{"index":0,"delta":{{"content":" {token}"}},"logprobs":null,"finish_reason":null}}],"usage":null}}"#
    )
}

#[divan::bench(args = PIECES)]
fn data_of_20_bytes(bencher: Bencher<'_, '_>, piece: usize) {
    Workload::of_data(|number| format!("{number:020}")).decode(bencher, piece);
}

#[divan::bench(args = PIECES)]
fn data_of_200_bytes(bencher: Bencher<'_, '_>, piece: usize) {
    Workload::of_data(|number| format!("{number:0200}")).decode(bencher, piece);
}

#[divan::bench(args = PIECES)]
fn tokens(bencher: Bencher<'_, '_>, piece: usize) {
    Workload::of_data(token).decode(bencher, piece);
}

#[divan::bench(args = PIECES)]
fn tokens_owned(bencher: Bencher<'_, '_>, piece: usize) {
    Workload::of_data(token).decode_owned(bencher, piece);
}

#[divan::bench(args = PIECES)]
fn data_of_64_lines(bencher: Bencher<'_, '_>, piece: usize) {
    let line = format!("data: {}\n", "x".repeat(57));
    Workload::new(|number| (format!("id: {number}\nevent: log\n{}\n", line.repeat(64)), 64 * 58 - 1))
        .decode(bencher, piece);
}

#[divan::bench(args = PIECES)]
fn lines_ended_by_cr_lf(bencher: Bencher<'_, '_>, piece: usize) {
    Workload::new(|number| (format!("id: {number}\r\nevent: a\r\ndata: {number:020}\r\n\r\n"), 20))
        .decode(bencher, piece);
}

#[divan::bench(args = PIECES)]
fn comments_only(bencher: Bencher<'_, '_>, piece: usize) {
    let mut workload = Workload::new(|_| (": still here\n\n".to_owned(), 0));
    workload.events = 0;
    workload.decode(bencher, piece);
}

#[divan::bench(args = [16, 1024, 16 * 1024])]
fn line_of_4_mib(bencher: Bencher<'_, '_>, piece: usize) {
    const SIZE: usize = 4 << 20;
    Workload::new(|_| (format!("data: {}\n\n", "x".repeat(SIZE)), SIZE)).decode(bencher, piece);
}

#[divan::bench(args = [16, 1024, 16 * 1024])]
fn a_million_empty_data_lines(bencher: Bencher<'_, '_>, piece: usize) {
    const LINES: usize = 1_000_000;
    Workload::new(|_| (["data\n".repeat(LINES).as_str(), "\n"].concat(), LINES - 1)).decode(bencher, piece);
}
