//! A million topics under a bound of memory, as the operating system sees it.

#![cfg(target_os = "linux")]

use std::fs;

use ssekit::{Bounds, Event, EventId, Hub, Subscribe, hub::GapReason};

const TOPICS: usize = 1_000_000;
const BOUND: usize = 256 << 20;

/// Returns how many bytes of this process are in memory.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn a_million_topics_stay_within_their_bound_and_what_did_not_fit_is_told() {
    let hub = Hub::new(Bounds::events(10_000));
    let before = resident();
    let event = Event::new("x".repeat(20));
    let mut first: Option<EventId> = None;
    for n in 0..TOPICS {
        let id = hub.publish(&format!("topic {n}"), &event).unwrap();
        first.get_or_insert(id);
    }
    let (used, stats) = (resident() - before, hub.stats());
    println!("{used} bytes resident, {} counted, {} of {TOPICS} topics held", stats.memory, stats.topics);
    assert!(stats.memory <= BOUND && stats.memory > BOUND - (1 << 20));
    assert!(used <= BOUND / 10 * 13, "{used} bytes are resident");
    assert!(stats.topics > TOPICS / 2);

    // A client that saw the first event of all comes back to some topics.
    let gap = |n: usize| {
        let topic = format!("topic {n}");
        let events = hub.subscribe(Subscribe::to([topic]).after(first.clone().map(Into::into))).unwrap();
        events.gap().map(|gap| gap.reason())
    };
    for n in [1, 2, TOPICS / 10, TOPICS / 5] {
        assert_eq!(gap(n), Some(GapReason::Evicted), "the event of topic {n} has gone");
    }
    for n in [TOPICS / 2, TOPICS / 10 * 6] {
        assert_eq!(gap(n), None, "the event of topic {n} is held");
    }
}
