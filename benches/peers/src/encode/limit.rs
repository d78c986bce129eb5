//! What cannot be avoided: the bytes must be looked at for line breaks, and written somewhere.

use std::hint::black_box;

use ssekit::{Event, EventId, EventType};

use super::Input;
use crate::measure::Contender;

pub(super) struct Allocated(Vec<Text>);

pub(super) struct IntoBuffer {
    texts: Vec<Text>,
    buffer: Vec<u8>,
    longest: usize,
}

/// A text beside its bytes on the wire.
///
/// Copying is slower if the two do not lie alike in memory, and they never do: the fields in front of the data see to
/// that. So the bytes are kept where the data in them lies as it does in the application's string.
struct Text {
    data: String,
    padded: Vec<u8>,
    start: usize,
}

fn texts(inputs: &[Input]) -> Vec<Text> {
    let text = |input: &Input| {
        let event = Event::new(input.data.clone())
            .with_id(EventId::try_from(input.id.as_str()).unwrap())
            .with_type(EventType::from_static(input.event_type));
        let wire = event.encode();
        let data_at = wire.windows(7).position(|bytes| bytes == b"\ndata: ").unwrap() + 7;
        let start = data_at.next_multiple_of(16) - data_at;
        let mut padded = vec![0; start];
        padded.extend_from_slice(&wire);
        Text { data: input.data.clone(), padded, start }
    };
    inputs.iter().map(text).collect()
}

impl Text {
    fn wire(&self) -> &[u8] {
        &self.padded[self.start..]
    }
}

fn scan(text: &Text) {
    black_box(memchr::memchr2_iter(b'\r', b'\n', black_box(text.data.as_bytes())).count());
}

impl Allocated {
    pub(super) fn new(inputs: &[Input]) -> Self {
        Self(texts(inputs))
    }
}

impl Contender for Allocated {
    fn name(&self) -> &'static str {
        "alloc + copy + scan"
    }

    fn run(&mut self) -> u64 {
        for text in &self.0 {
            scan(text);
            let copy = black_box(text.wire()).to_vec();
            black_box(&copy[..]);
        }
        self.0.len() as u64
    }
}

impl IntoBuffer {
    pub(super) fn new(inputs: &[Input]) -> Self {
        let texts = texts(inputs);
        let longest = texts.iter().map(|text| text.wire().len()).max().unwrap_or(0);
        Self { texts, buffer: Vec::with_capacity(longest.max(super::BUFFER)), longest }
    }
}

impl Contender for IntoBuffer {
    fn name(&self) -> &'static str {
        "copy + scan"
    }

    fn run(&mut self) -> u64 {
        for text in &self.texts {
            scan(text);
            if self.buffer.capacity() - self.buffer.len() < self.longest {
                self.buffer.clear();
            }
            self.buffer.extend_from_slice(black_box(text.wire()));
            black_box(&self.buffer[..]);
        }
        self.texts.len() as u64
    }
}
