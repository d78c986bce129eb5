use std::convert::Infallible;

use eventsource_stream::Eventsource;
use futures_util::{StreamExt, stream};

use super::{Stream, Sum};
use crate::{measure::Contender, poll::ready};

pub(super) struct Decoder(Stream);

impl Decoder {
    pub(super) fn new(stream: &Stream) -> Self {
        Self(stream.clone())
    }
}

impl Contender for Decoder {
    fn name(&self) -> &'static str {
        "eventsource-stream"
    }

    fn run(&mut self) -> u64 {
        let mut sum = Sum::default();
        let chunks = stream::iter(self.0.chunks.iter().cloned().map(Ok::<_, Infallible>));
        let mut events = chunks.eventsource();
        while let Some(event) = ready(events.next()) {
            sum.add(&event.unwrap().data);
        }
        sum.outcome()
    }
}
