//! The ring agrees with a plain list, whatever is done to it.
#![no_main]

#[path = "../../tests/support/clock.rs"]
mod clock;
#[path = "../../tests/support/numbers.rs"]
mod numbers;
#[path = "../../tests/support/replay_model.rs"]
mod replay_model;

use libfuzzer_sys::fuzz_target;
use ssekit_fuzz::drawn;

use self::replay_model::{bounds, kinds, steps};

fuzz_target!(|bytes: &[u8]| {
    let (kind, bounds, steps) = drawn(bytes, &(kinds(), bounds(), steps()));
    replay_model::run(kind, bounds, steps);
});
