//! Event streams of all sorts.

use proptest::{collection::vec, prelude::*, sample::select};

/// Streams made of what the standard treats in a special way, and of what it does not expect.
pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
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
