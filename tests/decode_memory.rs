//! What the decoder and its events own, by a counting allocator.

#[path = "support/measuring_allocator.rs"]
mod measuring_allocator;

use futures_util::{FutureExt, stream};
use ssekit::{
    Decoder, EventStream, ReceivedEvent,
    decode::{Item, Limits},
};

use self::measuring_allocator::{MeasuringAllocator, Use, measure};

#[global_allocator]
static ALLOCATOR: MeasuringAllocator = MeasuringAllocator;

/// Decodes a stream in pieces of `size`; returns the number of events.
fn decode(decoder: &mut Decoder, stream: &[u8], size: usize) -> usize {
    let mut events = 0;
    for piece in stream.chunks(size) {
        decoder.feed(piece);
        events += drain(decoder);
    }
    events
}

/// Takes all items; returns the number of events.
fn drain(decoder: &mut Decoder) -> usize {
    let mut events = 0;
    while let Some(item) = decoder.next() {
        events += usize::from(matches!(item, Item::Event(_)));
    }
    events
}

const HUGE: usize = 400 * 1024;

fn with_huge_event(rest: &str) -> Vec<u8> {
    ["data: ", &"x".repeat(HUGE), "\n\n", rest].concat().into_bytes()
}

#[test]
fn borrowed_events_cost_no_allocation() {
    let one_line = "id: 17\nevent: tick\ndata: 0123456789 0123456789 \u{2026}\n\n".repeat(1000);
    let many_lines = format!("id: 17\nevent: log\n{}\n", "data: 0123456789\n".repeat(64)).repeat(100);
    for stream in [one_line, many_lines] {
        for size in [1, 64, 1460, 16 * 1024] {
            let mut decoder = Decoder::new();
            decode(&mut decoder, stream.as_bytes(), size);
            let (events, used) = measure(|| decode(&mut decoder, stream.as_bytes(), size));
            assert!(events >= 100);
            assert_eq!(used.calls, 0, "in pieces of {size}");
        }
    }
}

#[test]
fn owned_event_is_one_allocation_of_its_texts() {
    let mut decoder = Decoder::new();
    decoder.feed(b"id: 17\nevent: tick\ndata: 0123456789\ndata: 0123456789\n\n");
    let Some(Item::Event(event)) = decoder.next() else { panic!("there is an event") };
    let (event, Use { calls, held, peak, .. }) = measure(|| event.to_owned());
    assert_eq!((calls, held, peak), (1, 27, 27));
    assert_eq!(event.data().len() + event.event_type().len() + event.last_event_id().len(), 27);
    assert!(size_of_val(&event) < 64);
}

#[test]
fn a_long_id_costs_its_event_once_however_many_events_follow() {
    const ID: usize = 1 << 20;
    const EVENTS: usize = 2_000;
    let stream = [&"x".repeat(ID), "\ndata: x\n\n", &"data:x\n\n".repeat(EVENTS)].concat();
    let stream = ["id: ", &stream].concat().into_bytes();
    for size in [1460, stream.len()] {
        let mut events = Vec::<ReceivedEvent>::with_capacity(EVENTS + 1);
        let ((), used) = measure(|| {
            let mut decoder = Decoder::with_limits(Limits::new().with_max_id_bytes(ID));
            for piece in stream.chunks(size) {
                decoder.feed(piece);
                while let Some(item) = decoder.next() {
                    let Item::Event(event) = item else { panic!("{item:?}") };
                    events.push(event.to_owned());
                }
            }
        });
        assert_eq!(events.len(), EVENTS + 1);
        assert!(events.iter().all(|event| event.last_event_id().len() == ID));
        // Once with the events; once more in the buffer that it came in, which may have grown to twice that.
        assert!(used.held < (ID + 100 * EVENTS) as isize, "{used:?} in pieces of {size}");
        assert!(used.allocated < 6 * ID, "{used:?} in pieces of {size}");
    }
}

#[test]
fn an_id_over_its_limit_is_not_held_by_anything() {
    const EVENTS: usize = 10_000;
    let stream = ["id: ", &"x".repeat(8_000_000), "\n", &"data:x\n\n".repeat(EVENTS)].concat();
    let mut events = Vec::<ReceivedEvent>::with_capacity(EVENTS);
    let (over, used) = measure(|| {
        let mut decoder = Decoder::new();
        let mut over = 0;
        for piece in stream.as_bytes().chunks(16 * 1024) {
            decoder.feed(piece);
            while let Some(item) = decoder.next() {
                match item {
                    Item::Event(event) => events.push(event.to_owned()),
                    _ => over += 1,
                }
            }
        }
        over
    });
    assert_eq!((over, events.len()), (1, EVENTS));
    assert!(used.held < 100 * EVENTS as isize, "{used:?}");
    assert!(used.allocated < 20_000_000, "{used:?}");
}

#[test]
fn small_events_after_a_huge_one_own_little() {
    const EVENTS: usize = 10_000;
    let stream = with_huge_event(&"id: 1\ndata: 0123456789\n\n".repeat(EVENTS));
    for size in [1460, 16 * 1024, stream.len()] {
        let chunks = stream.chunks(size).map(Ok::<_, std::io::Error>);
        let mut source = EventStream::new(stream::iter(chunks));
        // It gives other tasks a turn, of which there are none.
        let poll = || source.next().now_or_never();
        let mut polls = std::iter::repeat_with(poll).flatten();
        let mut next = || polls.next().flatten().map(Result::unwrap);
        assert_eq!(next().map(|event| event.data().len()), Some(HUGE));
        let mut events = Vec::<ReceivedEvent>::with_capacity(EVENTS);
        let (_, used) = measure(|| events.extend(std::iter::from_fn(next)));
        assert_eq!(events.len(), EVENTS);
        let text = events.len() * "01234567891".len();
        let overhead = used.held + size_of_val(&events[..]) as isize - text as isize;
        assert!(overhead < 64 * EVENTS as isize, "{overhead} in pieces of {size}");
    }
}

#[test]
fn memory_of_a_huge_event_is_given_back() {
    let id = "0".repeat(HUGE);
    let streams = [
        with_huge_event("data: 1\n\n:\n\n"),
        with_huge_event("data: 1\n\ndata: 2\n\n"),
        format!("data: {id}\ndata: \n\nid: 1\ndata: 1\n\ndata: 2\n\n").into_bytes(),
        format!("id: {id}\nevent: {id}\ndata: 1\n\nid: 1\ndata: 1\n\n:\n\n").into_bytes(),
        format!(":{id}\n\ndata: 1\n\n:\n\n").into_bytes(),
        format!(":{id}\n:\n:\n").into_bytes(),
        [&b"data: "[..], &[0xFF].repeat(HUGE), b"\n\ndata: 1\n\n:\n\n"].concat(),
    ];
    for stream in streams {
        for size in [1000, 16 * 1024, stream.len()] {
            let (_decoder, used) = measure(|| {
                let mut decoder = Decoder::new();
                decode(&mut decoder, &stream, size);
                decoder
            });
            assert!(used.held < 32 * 1024, "{used:?} after {:?}…", stream[..9].escape_ascii().to_string());
        }
    }
}

#[test]
fn a_chunk_is_held_once_until_its_items_are_taken() {
    let stream = "data: 0123456789\n\n".repeat(50_000);
    let mut decoder = Decoder::new();
    let ((), used) = measure(|| decoder.feed(stream.as_bytes()));
    assert!(used.peak < (stream.len() + 1000) as isize, "{used:?} for {} bytes", stream.len());
    let (events, used) = measure(|| drain(&mut decoder));
    assert_eq!(events, 50_000);
    assert!(used.held <= -(stream.len() as isize), "{used:?}");
}

#[test]
fn no_stream_makes_it_hold_more_than_the_limits() {
    const LIMIT: usize = 64 * 1024;
    let limits = Limits::new()
        .with_max_line_bytes(LIMIT)
        .with_max_event_bytes(LIMIT)
        .with_max_data_lines(LIMIT)
        .with_max_id_bytes(LIMIT);
    let long = "x".repeat(LIMIT / 2 - 100);
    let streams = [
        [&b"data: "[..], &[b'x'; 4 * LIMIT]].concat(),
        [b'x'; 4 * LIMIT].to_vec(),
        [&b":"[..], &[b'x'; 4 * LIMIT]].concat(),
        [&b"id: "[..], &[b'x'; 4 * LIMIT]].concat(),
        [&b"data: "[..], &[0xFF; 4 * LIMIT], b"\n\n"].concat(),
        [&b"data: "[..], &[0xFF; LIMIT / 3 - 100], b"\n\n"].concat().repeat(4),
        [&b"data: "[..], &[0xFF; LIMIT / 2], b"\n\n"].concat().repeat(4),
        "data\n".repeat(LIMIT).into_bytes(),
        "data: x\n".repeat(LIMIT).into_bytes(),
        ":\n".repeat(4 * LIMIT).into_bytes(),
        format!("data: {long}\n:{long}{long}\nx:{long}{long}\nid: {long}\n").repeat(8).into_bytes(),
        format!("id: {long}\n").repeat(8).into_bytes(),
        format!("event: {long}\nid: {long}\n\n").repeat(8).into_bytes(),
        format!("data: {long}\ndata: {long}\ndata: {long}\n\n").repeat(8).into_bytes(),
    ];
    for stream in streams {
        for size in [1000, 16 * 1024] {
            let mut decoder = Decoder::with_limits(limits);
            let (_, used) = measure(|| decode(&mut decoder, &stream, size));
            // A line, the values of the event, its ID, and the last event ID, which is the one of an event before.
            let most = 4 * LIMIT as isize;
            let begin = stream[..9].escape_ascii().to_string();
            assert!(used.peak <= most, "{used:?} for {begin}… in pieces of {size}");
        }
    }
}
