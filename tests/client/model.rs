//! A client's `Protocol` does nothing that it must not, whatever happens to it and in whatever order.

use crate::support::client_model;
use proptest::prelude::*;

use crate::support::client_steps::{setups, steps};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_protocol_does_nothing_that_it_must_not(setup in setups(), steps in steps()) {
        client_model::run(setup, steps);
    }
}
