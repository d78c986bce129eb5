//! The ring agrees with a plain list, whatever is done to it.
#![no_main]

#[path = "../../tests/support/clock.rs"]
mod clock;
#[path = "../../tests/support/numbers.rs"]
mod numbers;
#[allow(dead_code, reason = "what is done comes from bytes here")]
#[path = "../../tests/support/replay_model.rs"]
mod replay_model;

use libfuzzer_sys::fuzz_target;
use ssekit_fuzz::Input;

use self::replay_model::{Kind, Step, run};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let kind = match input.byte() % 4 {
        0 => Kind::Own,
        1 => Kind::Ordered { after: None },
        2 => Kind::Ordered { after: Some(input.byte().into()) },
        _ => Kind::Unordered,
    };
    let events = if input.chance(4) { usize::MAX } else { 1 + input.below(100) };
    let bytes = if input.chance(4) { usize::MAX } else { 100 + 4 * input.below(usize::MAX) };
    let age = if input.chance(2) { Some(u64::from(input.byte() % 30)) } else { None };
    // Far more would take long, and show nothing else.
    let steps = std::iter::from_fn(|| (!input.is_empty()).then(|| step(&mut input))).take(150);
    run(kind, (events, bytes, age), steps);
});

fn step(input: &mut Input<'_>) -> Step {
    let read = |input: &mut Input<'_>| if input.chance(2) { 1 } else { usize::MAX };
    match input.byte() % 16 {
        0..8 => {
            let data = match input.byte() % 16 {
                0 if input.chance(8) => input.below(40_000),
                0..3 => input.below(3_000),
                _ => input.byte().into(),
            };
            let key = input.chance(2).then(|| (input.byte() % 6, input.chance(5)));
            Step::Push { data, id: u64::from(input.byte() % 12), key }
        }
        8..13 => Step::After { id: input.below(usize::MAX) as u64, read: read(input) },
        13 => Step::All { read: read(input) },
        14 => Step::Advance(u64::from(input.byte() % 20)),
        _ => Step::Expire,
    }
}
