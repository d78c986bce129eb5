//! What cannot be avoided: the bytes must be checked to be UTF-8.

use std::hint::black_box;

use super::{Stream, ssekit::borrow};
use crate::measure::Contender;

pub(super) struct Utf8 {
    stream: Stream,
    outcome: u64,
}

impl Utf8 {
    pub(super) fn new(stream: &Stream) -> Self {
        // It decodes nothing; so that it can stand beside the others, it says what they say.
        Self { stream: stream.clone(), outcome: borrow(&mut ::ssekit::Decoder::new(), stream) }
    }
}

impl Contender for Utf8 {
    fn name(&self) -> &'static str {
        "std's UTF-8 check"
    }

    fn run(&mut self) -> u64 {
        for chunk in &self.stream.chunks {
            // A character may be cut by the end of a chunk.
            let _ = black_box(std::str::from_utf8(black_box(chunk)));
        }
        self.outcome
    }
}
