//! What goes over a limit is told, and costs that event alone.

use ssekit::{
    Decoder,
    decode::{Item, LimitKind, Limits},
};

/// Decodes a stream in one piece and by bytes, which must not differ, and writes down data, and limits by kind.
fn decode(stream: &[u8], limits: Limits) -> (Vec<Result<String, LimitKind>>, String) {
    let decode = |size: usize| {
        let mut decoder = Decoder::with_limits(limits);
        let mut said = Vec::new();
        for mut piece in stream.chunks(size) {
            let mut items = decoder.decode(&mut piece);
            while let Some(item) = items.next() {
                match item {
                    Item::Event(event) => said.push(Ok(event.data().to_owned())),
                    Item::LimitExceeded(over) => said.push(Err(over.kind())),
                    Item::Retry(_) | Item::Comment(_) => {}
                }
            }
        }
        (said, decoder.last_event_id().to_owned())
    };
    let whole = decode(stream.len());
    assert_eq!(decode(1), whole);
    whole
}

fn ok(data: &str) -> Result<String, LimitKind> {
    Ok(data.to_owned())
}

#[test]
fn a_line_counts_without_its_line_end() {
    let limits = Limits::new().with_max_line_bytes(8);
    let (said, _) = decode(b"data: 12\r\n\r\ndata: 123\r\n\r\ndata: 3\r\n\r\n", limits);
    assert_eq!(said, [ok("12"), Err(LimitKind::LineBytes), ok("3")]);
}

#[test]
fn every_byte_of_an_event_counts() {
    let limits = Limits::new().with_max_event_bytes(12);
    for fits in [&b"data: 12345\n\n"[..], b"data: 1234\r\n\r\n", b"data: 1\n:12\n\n", b"data: 1\nx:1\n\n"] {
        assert_eq!(decode(fits, limits).0.len(), 1, "{}", fits.escape_ascii());
        assert!(decode(fits, limits).0[0].is_ok(), "{}", fits.escape_ascii());
    }
    for over in [&b"data: 123456\n\n"[..], b"data: 12345\r\n\r\n", b"data: 1\n:123\n\n", b"data: 1\nx:12\n\n"]
    {
        assert_eq!(decode(over, limits).0, [Err(LimitKind::EventBytes)], "{}", over.escape_ascii());
    }
}

#[test]
fn neither_blank_lines_nor_a_byte_order_mark_count() {
    let limits = Limits::new().with_max_event_bytes(8).with_max_line_bytes(7);
    let (said, _) = decode(b"\xEF\xBB\xBFdata: 1\n\n\n\n\n\n\n\n\n\n\n\n\ndata: 2\n\n", limits);
    assert_eq!(said, [ok("1"), ok("2")]);
}

#[test]
fn data_fields_count_even_if_they_are_empty() {
    let limits = Limits::new().with_max_data_lines(2);
    let (said, _) = decode(b"data\ndata\n\ndata\ndata:\ndata\ndata\n\ndata: 3\n\n", limits);
    assert_eq!(said, [ok("\n"), Err(LimitKind::DataLines), ok("3")]);
}

#[test]
fn an_endless_line_or_event_is_told_at_once_and_only_once() {
    let limits = Limits::new().with_max_line_bytes(100).with_max_event_bytes(1000);
    assert_eq!(decode(&[b'x'; 5000], limits).0, [Err(LimitKind::LineBytes)]);
    assert_eq!(decode(&b":\n".repeat(5000), limits).0, [Err(LimitKind::EventBytes)]);
    assert_eq!(decode(&b"data: 1\n".repeat(5000), limits).0, [Err(LimitKind::EventBytes)]);
}

#[test]
fn id_of_a_lost_event_counts() {
    let limits = Limits::new().with_max_line_bytes(20);
    let long = b"data: 0123456789 0123456789\n".as_slice();
    for (stream, id) in [
        ([b"id: 1\n", long, b"\n"].concat(), "1"),
        ([long, b"id: 1\n\n"].concat(), "1"),
        ([b"id: 1\n", long, b"id: 2\n\n"].concat(), "2"),
        ([b"id: 1\n\nid: 2\n", long].concat(), "1"),
        ([b"id: 1\n", long, b"id: 0123456789 0123456789\n\n"].concat(), "1"),
    ] {
        assert_eq!(decode(&stream, limits), (vec![Err(LimitKind::LineBytes)], id.to_owned()));
    }
}

#[test]
fn comments_and_retry_of_a_lost_event_are_still_told() {
    let mut decoder = Decoder::with_limits(Limits::new().with_max_line_bytes(10));
    let mut chunk = &b"data: 0123456789\n:alive\nretry: 7\n\n"[..];
    let mut items = decoder.decode(&mut chunk);
    assert!(matches!(items.next(), Some(Item::LimitExceeded(_))));
    assert_eq!(items.next(), Some(Item::Comment("alive")));
    assert!(matches!(items.next(), Some(Item::Retry(_))));
    assert_eq!(items.next(), None);
}

#[test]
fn text_that_grows_over_the_limit_by_replacement_is_lost() {
    let limits = Limits::new().with_max_event_bytes(20);
    let (said, id) =
        decode(b"id: 1\ndata: \xFF\xFF\xFF\xFF\n\ndata: \xFF\xFF\xFF\xFF\xFF\xFF\xFF\n\n", limits);
    assert_eq!(said, [ok("\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"), Err(LimitKind::EventBytes)]);
    assert_eq!(id, "1");
}

#[test]
fn error_says_which_limit_and_how_much_it_was() {
    let mut decoder = Decoder::with_limits(Limits::new().with_max_event_bytes(7));
    let Some(Item::LimitExceeded(over)) = decoder.decode(&mut &b"data: 12"[..]).next() else {
        panic!("8 bytes are over a limit of 7");
    };
    assert_eq!((over.kind(), over.limit()), (LimitKind::EventBytes, 7));
    assert_eq!(over.to_string(), "bytes of an event over the limit of 7");
}

#[test]
fn events_of_16_mib_pass_when_the_limits_are_raised() {
    const SIZE: usize = 16 << 20;
    let limits = Limits::new().with_max_line_bytes(2 * SIZE).with_max_event_bytes(2 * SIZE);
    let mut decoder = Decoder::with_limits(limits);
    let stream = ["data: ", &"0123456789abcdeß".repeat(SIZE / 17 + 1), "\n\n"].concat();
    for size in [stream.len(), 1000] {
        let mut events = 0;
        for mut chunk in stream.as_bytes().chunks(size) {
            let mut items = decoder.decode(&mut chunk);
            while let Some(item) = items.next() {
                let Item::Event(event) = item else { panic!("{item:?}") };
                assert!(event.data() == &stream[6..stream.len() - 2]);
                events += 1;
            }
        }
        assert_eq!(events, 1);
    }
    let mut decoder = Decoder::new();
    let mut chunk = stream.as_bytes();
    assert!(
        matches!(decoder.decode(&mut chunk).next(), Some(Item::LimitExceeded(_))),
        "by default they do not"
    );
}

#[test]
fn replaced_bytes_leave_less_room_for_the_type() {
    let limits = Limits::new().with_max_event_bytes(26);
    // 21 bytes of data as text, and as many of the type as are left.
    for (stream, expected) in [
        (&b"event:fiver\ndata:\xFF\xFF\xFF\xFF\xFF\xFF\xFF\n\n"[..], ok(&"\u{FFFD}".repeat(7))),
        (b"event:sixsix\ndata:\xFF\xFF\xFF\xFF\xFF\xFF\xFF\n\n", Err(LimitKind::EventBytes)),
    ] {
        assert_eq!(decode(stream, limits).0, [expected], "{}", stream.escape_ascii());
    }
}
