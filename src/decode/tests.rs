//! Time is linear however the bytes are cut, which is shown by counting and not by a clock.

use std::cell::Cell;

use crate::decode::{decoder::Decoder, item::Item, limits::Limits};

thread_local! {
    static VISITS: Cell<usize> = const { Cell::new(0) };
    static COPIES: Cell<usize> = const { Cell::new(0) };
}

/// Counts bytes that are read, for line ends or for UTF-8.
pub(super) fn count_visits(bytes: usize) {
    VISITS.set(VISITS.get() + bytes);
}

/// Counts bytes that are copied to a buffer, or with a buffer that grows.
pub(super) fn count_copies(bytes: usize) {
    COPIES.set(COPIES.get() + bytes);
}

/// Decodes `stream` in pieces, at most `most` items after each; returns the visits and the copies.
fn work(stream: &[u8], size: usize, most: usize) -> (usize, usize) {
    VISITS.set(0);
    COPIES.set(0);
    let mut decoder = Decoder::new();
    let mut events = 0;
    for piece in stream.chunks(size) {
        decoder.feed(piece);
        for _ in 0..most {
            let Some(item) = decoder.next() else { break };
            events += usize::from(matches!(item, Item::Event(_)));
        }
    }
    while let Some(item) = decoder.next() {
        events += usize::from(matches!(item, Item::Event(_)));
    }
    assert!(events > 0);
    (VISITS.get(), COPIES.get())
}

#[test]
#[cfg_attr(miri, ignore = "an interpreter takes hours for megabytes")]
fn work_on_owned_events_is_linear_behind_a_long_id() {
    let id = "x".repeat(8_000_000);
    let stream = ["id: ", &id, "\n", &"data:x\n\n".repeat(10_000)].concat();
    for max in [id.len(), Limits::DEFAULT_MAX_ID_BYTES] {
        COPIES.set(0);
        let mut decoder = Decoder::with_limits(Limits::new().with_max_id_bytes(max));
        let mut events = 0;
        decoder.feed(stream.as_bytes());
        while let Some(item) = decoder.next() {
            let Item::Event(event) = item else { continue };
            assert_eq!(event.to_owned().last_event_id().len(), if max < id.len() { 0 } else { max });
            events += 1;
        }
        assert_eq!(events, 10_000);
        assert!(COPIES.get() <= 2 * stream.len(), "{} copies", COPIES.get());
    }
}

#[test]
#[cfg_attr(miri, ignore = "an interpreter takes hours for megabytes")]
fn work_is_linear_whatever_the_pieces() {
    let streams = [
        ["data: ", &"€".repeat((4 << 20) / 3), "\n\n"].concat().into_bytes(),
        ["data\n".repeat(1_000_000).as_str(), "\n"].concat().into_bytes(),
        ["data: 0123456789\r\n".repeat(10_000).as_str(), "\r\n"].concat().repeat(4).into_bytes(),
        "id: 1\nevent: a\ndata: 0123456789\n\n".repeat(10_000).into_bytes(),
        b"data: 0123456789\n\ndata: \xFF\n\n".repeat(10_000),
    ];
    for stream in streams {
        let begin = stream[..16].escape_ascii().to_string();
        let (whole, _) = work(&stream, stream.len(), usize::MAX);
        for size in [16 * 1024, 1024, 16] {
            let (visits, copies) = work(&stream, size, usize::MAX);
            assert!(visits * 2 <= whole * 3, "{begin}… in {size}s: {visits} visits, {whole} in one piece");
            assert!(copies <= 3 * stream.len(), "{begin}… in {size}s: {copies} copies");
        }
        for (size, most) in
            [(stream.len(), 1), (stream.len(), 2), (stream.len(), 7), (1024, 1), (1024, 2), (16, 1)]
        {
            let (visits, copies) = work(&stream, size, most);
            assert!(visits * 2 <= whole * 3, "{begin}… {most} at once, in {size}s: {visits} visits");
            assert!(copies <= 3 * stream.len(), "{begin}… {most} at once, in {size}s: {copies} copies");
        }
    }
}
