use std::{convert::Infallible, hint::black_box};

use futures_util::stream::{self, FusedStream};
use ssekit::{Decoder, EventStream, decode::Item};

use super::{Stream, Sum};
use crate::{measure::Contender, poll::now};

pub(super) struct Borrowed {
    stream: Stream,
    decoder: Decoder,
}

pub(super) struct Owned {
    stream: Stream,
    decoder: Decoder,
}

/// As the others that yield a stream of events are used.
pub(super) struct Streamed(Stream);

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
        decoder.feed(black_box(chunk));
        while let Some(item) = decoder.next() {
            if let Item::Event(event) = item {
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
            self.decoder.feed(black_box(chunk));
            while let Some(item) = self.decoder.next() {
                if let Item::Event(event) = item {
                    sum.add(event.to_owned().data());
                }
            }
        }
        sum.outcome()
    }
}

impl Streamed {
    pub(super) fn new(stream: &Stream) -> Self {
        Self(stream.clone())
    }
}

impl Contender for Streamed {
    fn name(&self) -> &'static str {
        "ssekit, stream"
    }

    fn run(&mut self) -> u64 {
        let mut sum = Sum::default();
        let chunks = stream::iter(self.0.chunks.iter().cloned().map(Ok::<_, Infallible>));
        let mut events = EventStream::new(chunks);
        while !events.is_terminated() {
            // Now and then it gives other tasks a turn.
            while let Some(Some(event)) = now(events.next()) {
                sum.add(event.unwrap().data());
            }
        }
        sum.outcome()
    }
}
