use std::hint::black_box;

use sse_core::{SseDecoder, SseEvent};

use super::{Stream, Sum};
use crate::measure::Contender;

pub(super) struct Decoder {
    stream: Stream,
    decoder: SseDecoder,
}

impl Decoder {
    pub(super) fn new(stream: &Stream) -> Self {
        Self { stream: stream.clone(), decoder: SseDecoder::new() }
    }
}

impl Contender for Decoder {
    fn name(&self) -> &'static str {
        "sse-core"
    }

    fn run(&mut self) -> u64 {
        let mut sum = Sum::default();
        for chunk in &self.stream.chunks {
            let mut chunk = black_box(&chunk[..]);
            while let Some(event) = self.decoder.next(&mut chunk) {
                if let SseEvent::Message(event) = event.unwrap() {
                    sum.add(&event.data);
                }
            }
        }
        sum.outcome()
    }
}
