use std::hint::black_box;

use ssekit::{Decoder, decode::Item};

use super::{Stream, Sum};
use crate::measure::Contender;

pub(super) struct Borrowed {
    stream: Stream,
    decoder: Decoder,
}

pub(super) struct Owned {
    stream: Stream,
    decoder: Decoder,
}

impl Borrowed {
    pub(super) fn new(stream: &Stream) -> Self {
        Self { stream: stream.clone(), decoder: Decoder::new() }
    }
}

impl Contender for Borrowed {
    fn name(&self) -> &'static str {
        "ssekit"
    }

    fn run(&mut self) -> u64 {
        borrow(&mut self.decoder, &self.stream)
    }
}

pub(super) fn borrow(decoder: &mut Decoder, stream: &Stream) -> u64 {
    let mut sum = Sum::default();
    for chunk in &stream.chunks {
        let mut chunk = black_box(&chunk[..]);
        let mut items = decoder.decode(&mut chunk);
        while let Some(item) = items.next() {
            if let Item::Event(event) = black_box(item) {
                sum.add(event.data());
            }
        }
    }
    sum.outcome()
}

impl Owned {
    pub(super) fn new(stream: &Stream) -> Self {
        Self { stream: stream.clone(), decoder: Decoder::new() }
    }
}

impl Contender for Owned {
    fn name(&self) -> &'static str {
        "ssekit, owned"
    }

    fn run(&mut self) -> u64 {
        let mut sum = Sum::default();
        for chunk in &self.stream.chunks {
            let mut chunk = black_box(&chunk[..]);
            let mut items = self.decoder.decode(&mut chunk);
            while let Some(item) = items.next() {
                if let Item::Event(event) = item {
                    sum.add(black_box(event.to_owned()).data());
                }
            }
        }
        sum.outcome()
    }
}
