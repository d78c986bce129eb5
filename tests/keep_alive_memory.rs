//! What a keep-alive costs a stream, heap included.
#![cfg(feature = "tokio")]

#[path = "support/counting_allocator.rs"]
mod counting_allocator;

use std::{
    pin::Pin,
    task::{Context, Waker},
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
fn heap_when_idle(events: impl FnOnce() -> KeepAlive<Idle, TokioTimer>) -> usize {
    let before = held_bytes();
    let mut events = events();
    let polled = Pin::new(&mut events).poll_next(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    held_bytes() - before
}

#[tokio::test(start_paused = true)]
async fn an_idle_stream_costs_40_bytes_and_one_sleep() {
    let inline = size_of::<KeepAlive<Idle, TokioTimer>>() - size_of::<Idle>();
    let heap = heap_when_idle(|| KeepAlive::new(stream::pending(), Duration::from_secs(15)));
    println!("{inline} bytes inline, {heap} on the heap");
    assert_eq!(inline, 40);
    assert_eq!(heap, size_of::<Sleep>());
}

#[tokio::test(start_paused = true)]
async fn an_event_to_send_costs_no_more_than_its_bytes() {
    let alive = Event::new("");
    let heap = heap_when_idle(|| KeepAlive::new(stream::pending(), Duration::from_secs(15)).event(alive));
    let text = "data: \n\n".len();
    println!("{heap} bytes on the heap, of which {} are the timer", size_of::<Sleep>());
    assert!(heap <= size_of::<Sleep>() + size_of::<Bytes>() + text + 32, "{heap}");
}
