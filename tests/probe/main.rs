//! Programs as a new user types them: those that are right, and the nearest wrong guesses with the compiler's answer.
//!
//! The answers are in `wrong/*.stderr`. They differ between compilers, so they are compared only by the one that they
//! were recorded with. To record them anew: `TRYBUILD=overwrite cargo test --all-features --test probe`, then change
//! `RECORDED_WITH`.
#![cfg(all(feature = "disk", feature = "json", feature = "reqwest", feature = "tokio"))]

use std::process::Command;

mod right {
    mod comparing;
    mod endpoint;
    mod keys;
    mod proxying;
    mod publishing;
    mod reading;
    mod receiving;
    mod relaying;
    mod steering;
    mod stream_handles;
    mod subscribing;
    mod topics;
    mod typed;
}

/// The compiler whose messages `wrong/*.stderr` are.
const RECORDED_WITH: &str = "rustc 1.95.";

#[test]
fn a_wrong_guess_is_answered_with_its_remedy() {
    // What only some features bring would be missing from the messages, or too much.
    if !cfg!(all(feature = "disk", feature = "redis", feature = "serve", feature = "test-util")) {
        return println!("NOT COMPARED: the compiler's messages are for all features");
    }
    let version = rustc_version();
    if !version.starts_with(RECORDED_WITH) {
        return println!("NOT COMPARED: this is {version}, and the messages are those of {RECORDED_WITH}");
    }
    trybuild::TestCases::new().compile_fail("tests/probe/wrong/*.rs");
}

fn rustc_version() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    String::from_utf8(version.stdout).expect("its version is text")
}
