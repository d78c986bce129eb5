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
#[allow(dead_code, reason = "what is done comes from bytes here")]
#[path = "../../tests/support/hub_model/mod.rs"]
mod hub_model;
#[allow(dead_code, reason = "its counts are not needed here")]
#[path = "../../tests/support/manual_timer.rs"]
mod manual_timer;
#[path = "../../tests/support/numbers.rs"]
mod numbers;

use libfuzzer_sys::fuzz_target;
use ssekit_fuzz::Input;

use self::hub_model::{
    World,
    steps::{CLIENTS, Last, New, Options, Setup, Step, TOPICS},
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let setup = Setup {
        events: if input.chance(4) { 1000 } else { 1 + usize::from(input.byte() % 20) },
        bytes: if input.chance(4) { 150 + input.below(1000) } else { 1_000_000 },
        age: if input.chance(2) { Some(u64::from(1 + input.byte() % 20)) } else { None },
        max_bytes: if input.chance(3) { 150 + input.below(2000) } else { usize::MAX },
        max_topics: usize::from(input.byte() % 6),
        ordered: input.chance(2),
    };
    // Far more would take long, and show nothing else.
    let steps = std::iter::from_fn(|| (!input.is_empty()).then(|| step(&mut input))).take(100);
    World::run(setup, steps);
});

fn step(input: &mut Input<'_>) -> Step {
    let kind = input.byte();
    let topic = usize::from(input.byte()) % TOPICS;
    let client = topic % CLIENTS;
    match kind % 64 {
        0..17 => Step::Publish { topic, events: (0..=input.byte() % 4).map(|_| new(input)).collect() },
        // So many that one poll looks only at some of them, and a filter may let none of those through.
        18 => {
            let (typed, last) = (input.chance(4), new(input));
            let events = (0..66 + input.byte() % 14).map(|_| New {
                data: 1,
                typed,
                left_out: 0,
                key: None,
                removal: false,
                label: None,
            });
            Step::Publish { topic, events: events.chain([last]).collect() }
        }
        // So many that a section of the history is full, and is rebuilt.
        17 => {
            let keys = 1 + usize::from(input.byte());
            let key = |n: usize| Some((n * 7 % keys) as u8);
            let new = |n: usize| New {
                data: n % 9,
                typed: false,
                left_out: 0,
                key: key(n),
                removal: n % 13 == 0,
                label: None,
            };
            Step::Publish { topic, events: (0..560).map(new).collect() }
        }
        19 => Step::Finish { topic },
        20 => Step::Expire,
        21..24 => Step::Advance(u64::from(input.byte() % 10)),
        24..30 => Step::Subscribe(client, options(input)),
        30..37 => Step::Resume(client),
        37..41 => {
            let last = match input.byte() % 8 {
                0 => Last::Start,
                1 => Last::Ahead(u64::from(input.byte() % 3)),
                2 => Last::Foreign,
                3 => Last::NoId,
                _ => Last::Published(input.byte().into()),
            };
            Step::ResumeFrom(client, last)
        }
        41..43 => Step::Cut(client),
        43..57 => Step::Poll { client, times: if input.chance(3) { 1000 } else { 1 } },
        57..63 => Step::Silence(client),
        _ => {
            Step::Close { deadline: if input.chance(2) { Some(u64::from(input.byte() % 10)) } else { None } }
        }
    }
}

fn new(input: &mut Input<'_>) -> New {
    let data = match input.byte() {
        0 if input.chance(8) => input.below(40_000),
        size @ 0..20 => usize::from(size) * 25,
        size => usize::from(size % 50),
    };
    let flags = input.byte();
    let beside = input.byte();
    New {
        data,
        typed: flags & 1 == 0,
        left_out: if flags & 6 == 0 { u64::from(flags >> 5) } else { 0 },
        key: if beside & 1 == 0 { Some(beside >> 3) } else { None },
        removal: flags & 24 == 0,
        label: if beside & 6 == 0 { Some(beside >> 3 & 1) } else { None },
    }
}

fn options(input: &mut Input<'_>) -> Options {
    let (flags, topics) = (input.byte(), input.byte());
    let chosen = (0..TOPICS).filter(|topic| topics & 1 << topic != 0);
    Options {
        topics: chosen.chain([usize::from(topics >> 6)]).collect(),
        oldest: flags & 1 != 0,
        skip: flags & 2 != 0,
        only_typed: flags & 4 != 0,
        only_label: if topics & 0x30 == 0 { Some(flags & 1) } else { None },
        lifetime: if flags & 0x18 == 0 { Some(u64::from(flags >> 5)) } else { None },
    }
}
