//! What encoding and cloning ask of the heap.

#[path = "support/measuring_allocator.rs"]
mod measuring_allocator;

use bytes::BytesMut;
use measuring_allocator::{MeasuringAllocator, measure};
use ssekit::{Event, EventId, EventType};

#[global_allocator]
static ALLOCATOR: MeasuringAllocator = MeasuringAllocator;

/// Events of all sizes, of one line and of many, with and without the other parts.
fn events() -> Vec<Event> {
    let mut events = vec![Event::default(), Event::comment("a\nb"), Event::default().with_id(1)];
    for len in [0, 1, 20, 200, 500, 513, 5_000, 1 << 20] {
        let line = "x".repeat(len);
        let lines = vec!["y".repeat(63); len / 64].join("\r\n");
        for text in [line, lines] {
            events.push(Event::new(text.clone()));
            events.push(
                Event::new(text)
                    .with_id(EventId::from_static("1000"))
                    .with_type(EventType::from_static("update"))
                    .with_comment("a\rb"),
            );
        }
    }
    events
}

#[test]
fn encoding_allocates_once_and_exactly() {
    for event in events() {
        let (bytes, used) = measure(|| event.encode());
        assert_eq!((used.calls, used.held), (1, bytes.len() as isize), "{} bytes", bytes.len());
    }
}

#[test]
fn encoding_into_a_buffer_with_room_allocates_nothing() {
    let events = events();
    let room = events.iter().map(Event::encoded_len).sum();
    let mut buffer = BytesMut::with_capacity(room);
    let ((), used) = measure(|| events.iter().for_each(|event| event.encode_into(&mut buffer)));
    assert_eq!(used.calls, 0);
    assert_eq!(buffer.len(), room);
}

#[test]
fn encoding_into_a_buffer_without_room_allocates_once() {
    for event in events() {
        let mut buffer = BytesMut::new();
        let ((), used) = measure(|| event.encode_into(&mut buffer));
        assert_eq!(used.calls, 1, "{} bytes", buffer.len());
    }
}

#[test]
fn a_clone_copies_no_text() {
    for event in events() {
        let (clone, used) = measure(|| event.clone());
        // What several owners of one text share has to be counted somewhere.
        assert!(used.peak <= 128, "{} bytes for {}", used.peak, event.encoded_len());
        let (_, used) = measure(|| event.clone());
        assert_eq!(used.calls, 0);
        assert_eq!(clone.encode(), event.encode());
    }
}

#[cfg(feature = "json")]
#[test]
fn json_is_encoded_without_another_copy_than_the_last() {
    let event = Event::json(&vec!["text"; 1_000]).unwrap();
    let (bytes, used) = measure(|| event.encode());
    assert_eq!((used.calls, used.held), (1, bytes.len() as isize));
}
