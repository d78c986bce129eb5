//! What one publish takes while millions of events are too old: each removes a few of them, so none takes long.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ssekit::{Bounds, Event, Hub};

use crate::{
    machine,
    report::{Report, Target},
};

/// What expires: so many events in each of so many topics.
struct Expiring {
    name: &'static str,
    topics: usize,
    events: usize,
}

/// How long each publish took, in microseconds, shortest first.
struct Taken(Vec<f64>);

pub(crate) fn run(quick: bool) -> usize {
    let mut report = Report::new();
    let cases = [
        Expiring { name: "3,000,000 events of one topic", topics: 1, events: 3_000_000 },
        Expiring { name: "3,000,000 events of 100,000 topics", topics: 100_000, events: 30 },
    ];
    for case in cases {
        let Expiring { name, topics, events } = if quick { case.shortened() } else { case };
        let (wall, cpu) = publish_while_they_expire(topics, events);
        // Nobody can do anything about what else the machine does, so what the thread has used is told as well.
        report.figure(name, "us, median", wall.at(0.5), Target::Told);
        report.figure(name, "us, 99.99 %", wall.at(0.9999), Target::AtMost(1000.0));
        report.figure(name, "us, worst", wall.at(1.0), Target::Told);
        report.figure(name, "us of CPU, 99.99 %", cpu.at(0.9999), Target::AtMost(1000.0));
        report.figure(name, "us of CPU, worst", cpu.at(1.0), Target::Told);
    }
    report.print("Expiry: publishing one event while others are too old")
}

fn publish_while_they_expire(topics: usize, events: usize) -> (Taken, Taken) {
    let (begin, passed) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let clock = {
        let passed = Arc::clone(&passed);
        move || begin + Duration::from_secs(passed.load(Ordering::Relaxed))
    };
    let bounds = Bounds::events(usize::MAX).with_age(AGE);
    let hub = Hub::builder(bounds).max_bytes(usize::MAX).clock(clock).build();
    let event = Event::new("x".repeat(20));
    for n in 0..topics * events {
        hub.publish(&format!("topic-{}", n % topics), &event).unwrap();
    }
    assert_eq!((hub.stats().events, hub.stats().topics), (topics * events, topics));

    passed.fetch_add(AGE.as_secs(), Ordering::Relaxed);
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    let mut left = topics * events;
    while left > 0 {
        let (started, used) = (Instant::now(), machine::thread_cpu());
        hub.publish("new", &event).unwrap();
        cpu.push((machine::thread_cpu() - used).as_secs_f64() * 1e6);
        wall.push(started.elapsed().as_secs_f64() * 1e6);
        let now_left = hub.stats().events - wall.len();
        assert!(
            left - now_left <= MOST_AT_ONCE && now_left < left,
            "{left} were left, and now {now_left} are"
        );
        left = now_left;
    }
    // All that was too old has gone, and all that was published since is held.
    assert_eq!((hub.stats().events, hub.stats().topics), (wall.len(), 1));
    (Taken::new(wall), Taken::new(cpu))
}

impl Expiring {
    fn shortened(self) -> Self {
        match self.topics {
            1 => Self { name: "30,000 events of one topic", topics: 1, events: 30_000 },
            _ => Self { name: "30,000 events of 1,000 topics", topics: 1_000, events: 30 },
        }
    }
}

impl Taken {
    fn new(mut taken: Vec<f64>) -> Self {
        taken.sort_by(f64::total_cmp);
        Self(taken)
    }

    /// Returns what a share of all publishes took at most.
    fn at(&self, share: f64) -> f64 {
        let last = self.0.len() - 1;
        self.0[((last as f64 * share).ceil() as usize).min(last)]
    }
}

const AGE: Duration = Duration::from_secs(60);
/// What one operation evicts at most.
const MOST_AT_ONCE: usize = 64;
