//! A client's machine does nothing that it must not, whatever happens to it.
#![no_main]

#[path = "../../tests/support/client_model.rs"]
mod client_model;
#[path = "../../tests/support/streams.rs"]
mod streams;
#[allow(dead_code, reason = "the twin under limits is not needed here")]
#[path = "../../tests/support/twin.rs"]
mod twin;

use libfuzzer_sys::fuzz_target;
use ssekit_fuzz::drawn;

use self::client_model::{setups, steps};

fuzz_target!(|bytes: &[u8]| {
    let (setup, steps) = drawn(bytes, &(setups(), steps()));
    client_model::run(setup, steps);
});
