//! Whatever a client sends, it receives the same with and without the hand-over of event streams.
//!
//! The input is the length of the pieces in which it is sent, the size of the buffer on the way, and the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/serve_model.rs"]
mod serve_model;

fuzz_target!(|bytes: &[u8]| {
    let mut input = ssekit_fuzz::Input(bytes);
    let (piece, buffer) = (input.below(512), input.below(8192));
    serve_model::check(input.0, piece, buffer);
});
