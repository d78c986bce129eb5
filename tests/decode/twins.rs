//! The decoder agrees with its slow twin, whatever the bytes and wherever they are cut.

use crate::support::{decoding, streams, twin};
use proptest::{collection::vec, prelude::*};
use ssekit::decode::Limits;

use self::{
    decoding::{cut, decode, decode_one_by_one},
    streams::stream,
    twin::{interpret, interpret_within},
};

fn limits() -> impl Strategy<Value = Limits> {
    // An ID may be so short that it needs no check, or not even exist.
    let id = prop_oneof![0..40_usize, 150..250_usize];
    (0..80_usize, 0..160_usize, 0..6_usize, id).prop_map(|(line, event, lines, id)| {
        Limits::new()
            .with_max_line_bytes(line)
            .with_max_event_bytes(event)
            .with_max_data_lines(lines)
            .with_max_id_bytes(id)
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
fn a_limit_is_passed_at_the_same_byte_wherever_the_line_is_cut() {
    let streams: [&[u8]; 7] = [
        b"data: 1234\r\ndata\r\ndata:\r\n\r\n",
        b"event: abcd\ndata: 1\ndata: 2\nevent\n\n",
        b"data: 1\nevent: abcd\nevent: ab\ndata: 2\n\n",
        b"data: 1\n: comment\ndatabase: 1\ndata: 2\n\n",
        b"id: 12345678\nid: 1\ndata: 1\n\n",
        b"id: \xFF\xFF\xFF\ndata: 1\n\nid\ndata\n\n",
        b"\xEF\xBBdata: 1\ndata: 2\n\n",
    ];
    for stream in streams {
        for event in 0..14 {
            for line in 0..14 {
                let id = [0, 3, 8, 200][line % 4];
                let limits =
                    Limits::new().with_max_event_bytes(event).with_max_line_bytes(line).with_max_id_bytes(id);
                // Also without the end, which decides about a line that has not ended.
                for length in [stream.len(), stream.len() - 2, stream.len() - 3] {
                    let stream = &stream[..length];
                    let expected = interpret_within(stream, &limits);
                    for cut in 0..length {
                        let pieces = [&stream[..cut], &stream[cut..]];
                        let what = format!("{} cut at {cut} within {limits:?}", stream.escape_ascii());
                        assert_eq!(decode(pieces, limits), expected, "{what}");
                        assert_eq!(decode_one_by_one(pieces, limits), expected, "{what}");
                    }
                }
            }
        }
    }
}
