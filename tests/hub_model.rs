//! A hub against a plain list of all that was ever published, whatever is done in whatever order.

#[path = "support/blocks.rs"]
mod blocks;
#[path = "support/clock.rs"]
mod clock;
#[path = "support/counting_waker.rs"]
mod counting_waker;
#[path = "support/hub_client.rs"]
mod hub_client;
#[path = "support/hub_model/mod.rs"]
mod hub_model;
#[allow(dead_code, reason = "its counts are not needed here")]
#[path = "support/manual_timer.rs"]
mod manual_timer;
#[path = "support/numbers.rs"]
mod numbers;

use proptest::prelude::*;

use self::hub_model::{
    World,
    steps::{setups, steps},
};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_hub_keeps_its_promises_whatever_happens(setup in setups(), steps in steps()) {
        World::run(setup, steps);
    }
}
