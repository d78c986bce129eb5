//! What the models of a hub have in common.
#![cfg(ssekit_loom)]

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use loom::thread::{self, JoinHandle};
use ssekit::{Bounds, Event, EventId, Hub};

/// A block that a client sees, with the number of its ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    Position(u64),
    Gap(u64),
    Event(u64),
}

/// Runs a large model through the orders in which a thread is interrupted three times at most.
///
/// All orders would take minutes, and few faults take more than two.
pub fn explore_most(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// Creates a hub that holds so many events for each topic.
pub fn hub(events: usize) -> Hub {
    Hub::new(Bounds::events(events))
}

/// Returns the memory that a hub counts for one event, in bytes.
pub fn cost_of_one() -> usize {
    let hub = hub(1);
    publish(&hub, "a");
    hub.stats().memory
}

/// Runs `other` on a thread of its own, with a handle on the hub.
pub fn beside<T: 'static>(hub: &Hub, other: impl FnOnce(&Hub) -> T + 'static) -> JoinHandle<T> {
    let hub = hub.clone();
    thread::spawn(move || other(&hub))
}

/// Publishes an event and returns the number of its ID, or `None` if it is refused.
pub fn publish(hub: &Hub, topic: &str) -> Option<u64> {
    hub.publish(topic, Event::new("")).ok().map(|id| number(&id))
}

/// Returns the number of an ID.
pub fn number(id: &EventId) -> u64 {
    id.as_str().split_once('-').unwrap().1.parse().unwrap()
}

/// Waits for the next piece, until woken.
pub fn next(stream: &mut (impl Stream<Item = Bytes> + Unpin)) -> Option<Vec<Seen>> {
    let bytes = loom::future::block_on(poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)));
    bytes.map(|bytes| blocks(&bytes))
}

/// Waits for so many blocks, or the end.
pub fn take(stream: &mut (impl Stream<Item = Bytes> + Unpin), count: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let Some(more) = next(stream) else { break };
        seen.extend(more);
    }
    seen
}

/// Reads what there is now. Returns it, and whether the stream has ended.
pub fn read(stream: &mut (impl Stream<Item = Bytes> + Unpin)) -> (Vec<Seen>, bool) {
    let mut seen = Vec::new();
    loop {
        match Pin::new(&mut *stream).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(bytes)) => seen.extend(blocks(&bytes)),
            Poll::Ready(None) => return (seen, true),
            Poll::Pending => return (seen, false),
        }
    }
}

/// Reads what there is while another thread goes on, and what there is after it.
pub fn read_around(stream: &mut (impl Stream<Item = Bytes> + Unpin), other: JoinHandle<()>) -> Vec<Seen> {
    let (mut seen, _) = read(stream);
    other.join().unwrap();
    seen.extend(read(stream).0);
    seen
}

/// Reads whole blocks, all of which must have an ID.
pub fn blocks(bytes: &[u8]) -> Vec<Seen> {
    let text = std::str::from_utf8(bytes).unwrap();
    text.split_terminator("\n\n").map(block).collect()
}

fn block(text: &str) -> Seen {
    let id = text.strip_prefix("id: ").unwrap().split('\n').next().unwrap();
    let number = id.split_once('-').unwrap().1.parse().unwrap();
    match text {
        _ if text.contains("\nevent: position\n") => Seen::Position(number),
        _ if text.contains("\nevent: reset\n") => Seen::Gap(number),
        _ => Seen::Event(number),
    }
}
