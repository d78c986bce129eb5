//! The decoder agrees with its slow twin, whatever the bytes, the cuts and the limits.
//!
//! The input is a header of 12 bytes and the stream.
#![no_main]

#[path = "../../tests/support/decoding.rs"]
mod decoding;
#[path = "../../tests/support/twin.rs"]
mod twin;

use libfuzzer_sys::fuzz_target;
use ssekit::decode::Limits;
use ssekit_fuzz::Input;

use self::{
    decoding::{cut, decode, decode_one_by_one},
    twin::{interpret, interpret_within},
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let limited = input.byte() % 2 == 1;
    let limits = Limits::new()
        .with_max_line_bytes(input.byte().into())
        .with_max_event_bytes(usize::from(input.byte()) * 4)
        .with_max_data_lines((input.byte() % 16).into())
        .with_max_id_bytes(input.byte().into());
    let cuts = input.slice(8);
    let stream = input.0;
    let cuts: Vec<_> = cuts.iter().map(|cut| usize::from(*cut) * stream.len().div_ceil(255)).collect();
    let (limits, expected) = if limited {
        (limits, interpret_within(stream, &limits))
    } else {
        (Limits::new(), interpret(stream))
    };
    assert_eq!(decode([stream], limits), expected);
    assert_eq!(decode(cut(stream, &cuts), limits), expected);
    assert_eq!(decode(stream.chunks(1), limits), expected);
    assert_eq!(decode_one_by_one(cut(stream, &cuts), limits), expected);
});
