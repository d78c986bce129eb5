//! What a keep-alive costs a stream, heap included.
#![cfg(feature = "tokio")]

#[path = "support/counting_allocator.rs"]
mod counting_allocator;

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use counting_allocator::{CountingAllocator, held_bytes};
use futures_core::Stream;
use futures_util::stream::{self, Pending};
use ssekit::{Event, KeepAlive, timer::TokioTimer};
use tokio::time::Sleep;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

type Idle = Pending<Bytes>;

/// Returns what a stream holds on the heap once it waits for the end of a silence.
fn heap_when_idle<F>(mut events: KeepAlive<Idle, TokioTimer, F>) -> usize
where
    KeepAlive<Idle, TokioTimer, F>: Stream + Unpin,
{
    let before = held_bytes();
    assert!(matches!(
        Pin::new(&mut events).poll_next(&mut Context::from_waker(Waker::noop())),
        Poll::Pending
    ));
    held_bytes() - before
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_costs_24_bytes_and_one_sleep() {
    let inline = size_of::<KeepAlive<Idle, TokioTimer>>() - size_of::<Idle>();
    let heap = heap_when_idle(KeepAlive::new(stream::pending(), Duration::from_secs(15)));
    println!("{inline} bytes inline, {heap} on the heap");
    assert_eq!(inline, 24);
    assert_eq!(heap, size_of::<Sleep>());
    assert!(inline + heap <= 138, "{inline} + {heap}");
}

#[tokio::test(start_paused = true)]
async fn an_event_to_send_costs_no_more_than_its_bytes() {
    type WithEvent = KeepAlive<Idle, TokioTimer, Bytes>;
    let events = KeepAlive::new(stream::pending(), Duration::from_secs(15)).event(Event::new(""));
    assert_eq!(size_of::<WithEvent>() - size_of::<Idle>(), 24 + size_of::<Bytes>());
    assert_eq!(heap_when_idle(events), size_of::<Sleep>());
}
