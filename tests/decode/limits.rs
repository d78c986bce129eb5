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
        for piece in stream.chunks(size) {
            decoder.feed(piece);
            while let Some(item) = decoder.next() {
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
fn data_and_type_of_an_event_count_with_the_line_feeds_that_join_the_data() {
    let limits = Limits::new().with_max_event_bytes(12);
    for fits in
        [&b"data: 123456\n\n"[..], b"data:123\r\ndata:45\r\n\r\n", b"event:abc\ndata:123\nid:1234567\n\n"]
    {
        let (said, _) = decode(fits, limits);
        assert!(matches!(said[..], [Ok(_)]), "{said:?} of {}", fits.escape_ascii());
    }
    let limits = Limits::new().with_max_event_bytes(8);
    for (stream, fits) in [
        (&b"data:12\ndata:45\ndata:78\n\n"[..], true),
        (b"data:12\ndata:45\ndata:789\n\n", false),
        (b"event:ab\ndata:12\ndata:456\n\n", true),
        (b"event:ab\ndata:123\ndata:456\n\n", false),
        (b"data:123\ndata:456\nevent:ab\n\n", false),
        (b"event:ab\nevent:a\ndata:123\ndata:456\n\n", true),
    ] {
        assert_eq!(decode(stream, limits).0[0].is_ok(), fits, "{}", stream.escape_ascii());
    }
}

#[test]
fn bytes_that_are_not_held_do_not_count() {
    let limits = Limits::new().with_max_event_bytes(16).with_max_id_bytes(8).with_max_data_lines(2);
    for line in
        [": k\n", ":\r\n", "x: y\n", "nothing\r", "retry: 5\n", "id: 1\n", "id: \0\n", "event: e\n", "\n"]
    {
        let lines = line.repeat(10_000);
        let stream = [&lines, "data: 1\n", &lines, "data: 2\n\n"].concat();
        let expected = if line == "\n" { vec![ok("1"), ok("2")] } else { vec![ok("1\n2")] };
        assert_eq!(decode(stream.as_bytes(), limits).0, expected, "{}", line.escape_default());
    }
}

#[test]
fn a_single_line_is_bounded_by_the_event_too_whatever_is_in_it() {
    for line in [":", "x", "x: ", "id: ", "retry: ", "event: ", "data: "] {
        let stream = [line, &"1".repeat(41 - line.len()), "\ndata: 2\n\ndata: 3\n\n"].concat();
        for (limits, kind) in [
            (Limits::new().with_max_event_bytes(40), LimitKind::EventBytes),
            (Limits::new().with_max_line_bytes(40), LimitKind::LineBytes),
        ] {
            // A value that is held counts without its name.
            let limit = if line == "data: " { limits.with_max_event_bytes(34) } else { limits };
            let expected = if line == "data: " { LimitKind::EventBytes } else { kind };
            assert_eq!(decode(stream.as_bytes(), limit).0, [Err(expected), ok("3")], "{line}");
        }
    }
}

#[test]
fn a_type_leaves_less_room_than_the_shorter_one_that_it_replaces() {
    let stream =
        ["data: ", &"1".repeat(10), "\nevent: ", &"a".repeat(20), "\nevent: ", &"b".repeat(29), "\n"];
    let limits = Limits::new().with_max_event_bytes(40);
    let whole = [&stream.concat(), "data\n\n"].concat();
    assert_eq!(decode(whole.as_bytes(), limits).0, [Ok("1111111111\n".to_owned())]);
    let too_long = [&stream.concat(), "data: 1\n\n"].concat();
    assert_eq!(decode(too_long.as_bytes(), limits).0, [Err(LimitKind::EventBytes)]);
}

#[test]
fn neither_blank_lines_nor_a_byte_order_mark_count() {
    let limits = Limits::new().with_max_event_bytes(8).with_max_line_bytes(7);
    let (said, _) = decode(b"\xEF\xBB\xBFdata: 1\n\n\n\n\n\n\n\n\n\n\n\n\n\ndata: 2\n\n", limits);
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
    assert_eq!(decode(&[b':'; 5000], limits).0, [Err(LimitKind::LineBytes)]);
    assert_eq!(decode(&b"data: 1\n".repeat(5000), limits).0, [Err(LimitKind::EventBytes)]);
}

#[test]
fn of_a_lost_line_nothing_is_left_when_the_stream_ends_in_it() {
    let mut decoder = Decoder::with_limits(Limits::new().with_max_line_bytes(10));
    for chunk in [b"data: 0123456789", b" and more of it "] {
        decoder.feed(chunk);
        while decoder.next().is_some() {}
    }
    assert_eq!(decoder.end(), None);
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
    decoder.feed(b"data: 0123456789\n:alive\nretry: 7\n\n");
    assert!(matches!(decoder.next(), Some(Item::LimitExceeded(_))));
    assert_eq!(decoder.next(), Some(Item::Comment("alive")));
    assert!(matches!(decoder.next(), Some(Item::Retry(_))));
    assert_eq!(decoder.next(), None);
}

#[test]
fn text_that_grows_over_the_limit_by_replacement_is_lost() {
    let limits = Limits::new().with_max_event_bytes(20).with_max_id_bytes(8);
    let (said, id) =
        decode(b"id: 1\ndata: \xFF\xFF\xFF\xFF\n\ndata: \xFF\xFF\xFF\xFF\xFF\xFF\xFF\n\n", limits);
    assert_eq!(said, [ok("\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"), Err(LimitKind::EventBytes)]);
    assert_eq!(id, "1");
}

#[test]
fn error_says_which_limit_and_how_much_it_was() {
    let mut decoder = Decoder::with_limits(Limits::new().with_max_event_bytes(7).with_max_id_bytes(2));
    decoder.feed(b"id: 123\ndata: 12345678");
    let Some(Item::LimitExceeded(over)) = decoder.next() else { panic!("3 bytes are over a limit of 2") };
    assert_eq!((over.kind(), over.limit()), (LimitKind::IdBytes, 2));
    assert_eq!(over.to_string(), "bytes of an event ID over the limit of 2");
    let Some(Item::LimitExceeded(over)) = decoder.next() else { panic!("8 bytes are over a limit of 7") };
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
        for chunk in stream.as_bytes().chunks(size) {
            decoder.feed(chunk);
            while let Some(item) = decoder.next() {
                let Item::Event(event) = item else { panic!("{item:?}") };
                assert!(event.data() == &stream[6..stream.len() - 2]);
                events += 1;
            }
        }
        assert_eq!(events, 1);
    }
    let mut decoder = Decoder::new();
    decoder.feed(stream.as_bytes());
    assert!(matches!(decoder.next(), Some(Item::LimitExceeded(_))), "by default they do not");
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

#[test]
fn an_id_over_its_limit_is_told_and_ignored_and_its_event_comes_all_the_same() {
    let limits = Limits::new().with_max_id_bytes(8);
    let (over, told) = (Err(LimitKind::IdBytes), |data| vec![Err(LimitKind::IdBytes), ok(data)]);
    for (stream, said, id) in [
        (&b"id: 12345678\ndata: 1\n\n"[..], vec![ok("1")], "12345678"),
        (b"id: 123456789\ndata: 1\n\n", told("1"), ""),
        (b"id: 1\nid: 123456789\ndata: 1\n\n", told("1"), "1"),
        (b"id: 123456789\nid: 1\ndata: 1\n\n", told("1"), "1"),
        (b"id: 1\n\nid: 123456789\r\n\r\n", vec![over.clone()], "1"),
        (b"id: \xFF\xFF\ndata: 1\n\n", vec![ok("1")], "\u{FFFD}\u{FFFD}"),
        (b"id: \xFF\xFF\xFF\ndata: 1\n\n", told("1"), ""),
        (b"id: 12345678\0\ndata: 1\n\n", vec![ok("1")], ""),
    ] {
        assert_eq!(decode(stream, limits), (said, id.to_owned()), "{}", stream.escape_ascii());
    }
    let lost = limits.with_max_data_lines(0);
    let stream = b"data: 1\nid: 123456789\n\n";
    assert_eq!(decode(stream, lost), (vec![Err(LimitKind::DataLines), over], String::new()));
}

#[test]
fn by_default_an_id_may_have_64_kib() {
    const MAX: usize = 64 * 1024;
    for (length, is_over) in [(MAX, false), (MAX + 1, true)] {
        let id = "x".repeat(length);
        let mut decoder = Decoder::new();
        let stream = format!("id: {id}\ndata: 1\n\n");
        decoder.feed(stream.as_bytes());
        if is_over {
            assert!(matches!(decoder.next(), Some(Item::LimitExceeded(over)) if over.limit() == MAX));
        }
        let Some(Item::Event(event)) = decoder.next() else { panic!("the event comes") };
        let expected = if is_over { "" } else { &id };
        assert!(event.last_event_id() == expected && event.to_owned().last_event_id() == expected);
        assert!(decoder.last_event_id() == expected);
    }
}
