//! A hub against a plain list of all that was ever published, whatever is done in whatever order.

#[allow(dead_code, reason = "its counts are not needed here")]
use proptest::prelude::*;

use crate::support::hub_model::{
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
