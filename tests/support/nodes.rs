//! Nodes on a log in memory, and numbers that they publish.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::ops::Range;

use ssekit::{Bounds, Event, EventId, Hub, relay::Relay};

use super::memory_log::MemoryLog;

pub(crate) fn start(log: &MemoryLog, events: usize) -> Relay<MemoryLog> {
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(events)));
    tokio::spawn(tail.run());
    relay
}

pub(crate) async fn publish(relay: &Relay<MemoryLog>, topic: &str, numbers: Range<usize>) -> Vec<EventId> {
    let mut ids = Vec::new();
    for number in numbers {
        ids.push(relay.publish(topic, Event::new(number.to_string())).await.unwrap());
    }
    ids
}

pub(crate) fn texts(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}
