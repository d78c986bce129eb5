//! A client's `Protocol` does nothing that it must not, whatever happens to it and in whatever order.

#[path = "support/client_model.rs"]
mod client_model;
#[path = "support/client_steps.rs"]
mod client_steps;
#[path = "support/streams.rs"]
mod streams;
#[path = "support/twin.rs"]
mod twin;

use proptest::prelude::*;

use self::client_steps::{setups, steps};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_protocol_does_nothing_that_it_must_not(setup in setups(), steps in steps()) {
        client_model::run(setup, steps);
    }
}
