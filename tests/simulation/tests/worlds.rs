//! Worlds with fixed seeds, worlds with fresh seeds, and a world that is run twice.

// Without this flag a seed does not give the same world each time.
#![cfg(tokio_unstable)]

use std::{
    env, process,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use simulation::{
    plan::Plan,
    shrink::shrink,
    sim::{Outcome, run},
};

/// Shows a world that failed, made as small as it gets.
fn show(seed: u64, outcome: Outcome) -> ! {
    let first = outcome.violation.clone().unwrap_or_default();
    if env::var_os("SSEKIT_NO_SHRINK").is_some() {
        panic!("seed {seed}: {first}");
    }
    let (plan, outcome) = shrink(Plan::new(seed), outcome);
    println!("{}", outcome.trace);
    println!("{plan:#?}");
    panic!(
        "seed {seed}: {first}\nwith {} clients, {} faults and {} events: {}",
        plan.clients.len(),
        plan.faults.len(),
        plan.events(),
        outcome.violation.unwrap_or_default(),
    );
}

/// Runs a world, and ends the process if the world does not end: no step can be taken back from a loop in one poll.
fn watched(seed: u64) -> Outcome {
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                println!(
                    "failed after {} worlds\nseed {seed}: it does not end",
                    WORLDS.load(Ordering::Relaxed)
                );
                process::exit(1);
            }
        });
        WORLDS.fetch_add(1, Ordering::Relaxed);
        let outcome = run(&Plan::new(seed));
        drop(done);
        outcome
    })
}

/// A hundred times what the slowest world takes on a busy machine.
const LONGEST: Duration = Duration::from_secs(120);
static WORLDS: AtomicU64 = AtomicU64::new(0);

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn one_seed() {
    let seed = number("SSEKIT_SEED").unwrap_or(1);
    let start = Instant::now();
    let outcome = watched(seed);
    println!("seed {seed}: {:?} in {:?}", outcome.figures, start.elapsed());
    if env::var_os("SSEKIT_TRACE").is_some() {
        println!("{:#?}\n{}", Plan::new(seed), outcome.trace);
    }
    if outcome.violation.is_some() {
        show(seed, outcome);
    }
}

#[test]
fn a_seed_gives_the_same_trace_byte_for_byte() {
    for seed in 0..6 {
        let first = run(&Plan::new(seed)).trace;
        let again = thread::spawn(move || run(&Plan::new(seed)).trace).join().unwrap();
        let differs = first.lines().zip(again.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert!(first == again, "seed {seed}");
    }
}

/// Worlds that showed a fault of the crate or of the oracle. What they hold has changed since, with what is drawn.
const FOUND: [u64; 10] = [23, 613, 1000281, 1000299, 2000170, 3000056, 3000851, 4000132, 6000726, 6000774];

#[test]
fn seeds_that_once_failed() {
    for seed in FOUND {
        let outcome = watched(seed);
        if outcome.violation.is_some() {
            show(seed, outcome);
        }
    }
}

#[test]
fn fixed_and_fresh_seeds() {
    let seconds = Duration::from_secs(number("SSEKIT_SIMULATION_SECONDS").unwrap_or(20));
    let most = number("SSEKIT_SEEDS").unwrap_or(u64::MAX);
    let first = number("SSEKIT_FIRST_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        now.as_secs() << 16
    });
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let (times, failure) = (Mutex::new(Vec::new()), Mutex::new(None));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while start.elapsed() < seconds && !failed.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= most {
                        return;
                    }
                    // The first hundred are the same each time.
                    let seed = if number < FIXED { number } else { first + number };
                    let began = Instant::now();
                    let outcome = watched(seed);
                    times.lock().unwrap().push((began.elapsed(), outcome.figures));
                    if outcome.violation.is_some() {
                        failed.store(true, Ordering::Relaxed);
                        failure.lock().unwrap().get_or_insert((seed, number, outcome));
                    }
                }
            });
        }
    });
    let times = times.into_inner().unwrap();
    report(&times, start.elapsed());
    if let Some((seed, number, outcome)) = failure.into_inner().unwrap() {
        println!("failed after {} worlds", number + 1);
        show(seed, outcome);
    }
}

fn report(times: &[(Duration, simulation::world::Figures)], took: Duration) {
    if times.is_empty() {
        return;
    }
    let hourly = times.len() as f64 / took.as_secs_f64() * 3600.0;
    println!("{} worlds in {took:.1?}: {hourly:.0} an hour", times.len());
    let mut spans: Vec<_> = times.iter().map(|(time, _)| *time).collect();
    spans.sort();
    let at = |percent: usize| spans[(spans.len() - 1) * percent / 100];
    println!(
        "time of a world: median {:?}, 90 % {:?}, 99 % {:?}, most {:?}",
        at(50),
        at(90),
        at(99),
        at(100)
    );
    let median = |of: &dyn Fn(&simulation::world::Figures) -> u64| {
        let mut all: Vec<_> = times.iter().map(|(_, figures)| of(figures)).collect();
        all.sort_unstable();
        all[all.len() / 2]
    };
    println!(
        "median: {} nodes, {} clients, {} events, {} faults, {} ms; {} deliveries, {} connections, {} gaps, {} paged",
        median(&|of| of.nodes as u64),
        median(&|of| of.clients as u64),
        median(&|of| of.events as u64),
        median(&|of| of.faults as u64),
        median(&|of| of.lasted),
        median(&|of| of.delivered as u64),
        median(&|of| of.connections as u64),
        median(&|of| of.gaps as u64),
        median(&|of| of.paged),
    );
}

/// Seeds that are tried each time, before fresh ones.
const FIXED: u64 = 100;

/// Lists what is broken in a range of seeds, one line for each.
#[test]
#[ignore = "by hand"]
fn survey() {
    let (first, count) = (number("SSEKIT_FIRST_SEED").unwrap_or(0), number("SSEKIT_SEEDS").unwrap_or(100));
    let next = AtomicU64::new(first);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Some(violation) = watched(seed).violation {
                        println!("seed {seed}: {violation}");
                    }
                }
            });
        }
    });
}
