//! The decoder agrees with its slow twin, whatever the bytes and wherever they are cut.

#[path = "support/decoding.rs"]
mod decoding;
#[path = "support/streams.rs"]
mod streams;
#[path = "support/twin.rs"]
mod twin;

use proptest::{collection::vec, prelude::*};
use ssekit::decode::{LimitKind, Limits};

use self::{
    decoding::{cut, decode, decode_one_by_one},
    streams::stream,
    twin::{Seen, interpret, interpret_within},
};

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

#[test]
fn the_lf_behind_an_item_is_counted_however_items_are_asked_for() {
    // The LF makes 9 bytes of the first two lines; one byte less, and the third one would fit.
    let limits = Limits::new().with_max_event_bytes(16);
    let stream = b": 1\r\n:2\r\ndata: 7\n\n";
    for cut in 0..stream.len() {
        let pieces = [&stream[..cut], &stream[cut..]];
        let expected = interpret_within(stream, &limits);
        assert!(expected.items.contains(&Seen::Limit(LimitKind::EventBytes)));
        assert_eq!(decode(pieces, limits), expected, "cut at {cut}");
        assert_eq!(decode_one_by_one(pieces, limits), expected, "cut at {cut}");
    }
}
