//! The decoder agrees with its slow twin, whatever the bytes and wherever they are cut.

#[path = "support/decoding.rs"]
mod decoding;
#[path = "support/twin.rs"]
mod twin;

use proptest::{collection::vec, prelude::*, sample::select};
use ssekit::decode::Limits;

use self::{
    decoding::{cut, decode, decode_one_by_one},
    twin::{interpret, interpret_within},
};

/// Streams made of what the standard treats in a special way, and of what it does not expect.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => select(vec![&b"\n"[..], b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n"]),
        6 => select(vec![&b"data"[..], b"data:", b"data: ", b"id:", b"id: ", b"event: ", b"retry: ", b"retry:"]),
        3 => select(vec![&b":"[..], b" ", b": ", b"\0", b"7", b"+5", b"\t", b"x", b"id", b"event", b"datax: "]),
        2 => select(vec![&b"\xEF\xBB\xBF"[..], b"\xEF", b"\xBB", b"\xBF", b"\xEF\xBB"]),
        2 => select(vec!["é".as_bytes(), "日本".as_bytes(), "😀".as_bytes(), b"\xF0\x9F", b"\xE6\x97", b"\xC0\x80"]),
        1 => select(vec![&b"a line that is longer than a block of sixty-four bytes, by some bytes"[..], b"\xFF"]),
    ];
    let random = vec(any::<u8>(), 0..4);
    vec(prop_oneof![20 => piece.prop_map(<[u8]>::to_vec), 1 => random], 0..60)
        .prop_map(|pieces| pieces.concat())
}

fn limits() -> impl Strategy<Value = Limits> {
    (0..80_usize, 0..160_usize, 0..6_usize).prop_map(|(line, event, lines)| {
        Limits::new().with_max_line_bytes(line).with_max_event_bytes(event).with_max_data_lines(lines)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn agrees_without_limits(stream in stream(), cuts in vec(0..600_usize, 0..8)) {
        let expected = interpret(&stream);
        prop_assert_eq!(&decode([&stream[..]], Limits::new()), &expected);
        prop_assert_eq!(&decode(cut(&stream, &cuts), Limits::new()), &expected);
        prop_assert_eq!(&decode(stream.chunks(1), Limits::new()), &expected);
        prop_assert_eq!(&decode_one_by_one(cut(&stream, &cuts), Limits::new()), &expected);
    }

    #[test]
    fn agrees_within_limits(stream in stream(), cuts in vec(0..600_usize, 0..8), limits in limits()) {
        let expected = interpret_within(&stream, &limits);
        prop_assert_eq!(&decode([&stream[..]], limits), &expected);
        prop_assert_eq!(&decode(cut(&stream, &cuts), limits), &expected);
        prop_assert_eq!(&decode(stream.chunks(1), limits), &expected);
        prop_assert_eq!(&decode_one_by_one(cut(&stream, &cuts), limits), &expected);
    }

    #[test]
    fn twins_agree_where_no_limit_is_reached(stream in stream()) {
        prop_assert_eq!(interpret_within(&stream, &Limits::new()), interpret(&stream));
    }
}
