//! The hub does what a plain list of all that was published demands, whatever is done to it.
#![no_main]

#[path = "../../tests/support/blocks.rs"]
mod blocks;
#[path = "../../tests/support/clock.rs"]
mod clock;
#[path = "../../tests/support/counting_waker.rs"]
mod counting_waker;
#[path = "../../tests/support/hub_client.rs"]
mod hub_client;
#[path = "../../tests/support/hub_model/mod.rs"]
mod hub_model;
#[allow(dead_code, reason = "its counts are not needed here")]
#[path = "../../tests/support/manual_timer.rs"]
mod manual_timer;
#[path = "../../tests/support/numbers.rs"]
mod numbers;

use libfuzzer_sys::fuzz_target;
use ssekit_fuzz::drawn;

use self::hub_model::{World, setups, steps};

fuzz_target!(|bytes: &[u8]| {
    let (setup, steps) = drawn(bytes, &(setups(), steps()));
    World::run(setup, steps);
});
