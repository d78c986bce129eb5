use std::hint::black_box;

use bytes::BytesMut;
use ssekit::{Event, EventId, EventType};

use super::{Encoder, Input};
use crate::measure::Contender;

pub(super) struct Owned(Vec<Event>);

pub(super) struct IntoBuffer {
    events: Vec<Event>,
    buffer: BytesMut,
    longest: usize,
}

fn events(inputs: &[Input]) -> Vec<Event> {
    let event = |input: &Input| {
        Event::new(input.data.clone())
            .with_id(EventId::try_from(input.id.as_str()).unwrap())
            .with_type(EventType::from_static(input.event_type))
    };
    inputs.iter().map(event).collect()
}

impl Owned {
    pub(super) fn new(inputs: &[Input]) -> Self {
        Self(events(inputs))
    }
}

impl Contender for Owned {
    fn name(&self) -> &'static str {
        "ssekit"
    }

    fn run(&mut self) -> u64 {
        for event in &self.0 {
            let bytes = black_box(event).encode();
            black_box(&bytes[..]);
        }
        self.0.len() as u64
    }
}

impl Encoder for Owned {
    fn stream(&mut self) -> Vec<u8> {
        self.0.iter().flat_map(Event::encode).collect()
    }
}

impl IntoBuffer {
    pub(super) fn new(inputs: &[Input]) -> Self {
        let events = events(inputs);
        let longest = events.iter().map(Event::encoded_len).max().unwrap_or(0);
        Self { events, buffer: BytesMut::with_capacity(longest.max(super::BUFFER)), longest }
    }
}

impl Contender for IntoBuffer {
    fn name(&self) -> &'static str {
        "ssekit into a buffer"
    }

    fn run(&mut self) -> u64 {
        for event in &self.events {
            if self.buffer.capacity() - self.buffer.len() < self.longest {
                self.buffer.clear();
            }
            black_box(event).encode_into(&mut self.buffer);
            black_box(&self.buffer[..]);
        }
        self.events.len() as u64
    }
}
