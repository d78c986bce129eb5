//! Running contenders side by side, round by round, so that what else the machine does hits all of them alike.

use std::time::{Duration, Instant};

use crate::{allocations, machine};

/// One way to do a piece of work.
pub(crate) trait Contender {
    fn name(&self) -> &'static str;

    /// Gets ready for one more round. Not timed.
    fn prepare(&mut self) {}

    /// Does the whole work once, and returns what all contenders must agree on, such as a number of events.
    fn run(&mut self) -> u64;
}

/// One piece of work, and all that do it.
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) events: u64,
    pub(crate) contenders: Vec<Box<dyn Contender>>,
}

/// What was measured of all contenders, in their order.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) contenders: Vec<Samples>,
}

#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) name: &'static str,
    /// What each round took, in seconds of the clock.
    pub(crate) wall: Vec<f64>,
    /// What each round took, in seconds of this thread's CPU.
    pub(crate) cpu: Vec<f64>,
    /// Heap calls of one round.
    pub(crate) heap_calls: u64,
}

/// A median of ratios, with the quartiles around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// The least time that a round of a contender takes; short work is repeated until then.
    pub(crate) round: Duration,
}

impl Effort {
    pub(crate) fn new(quick: bool) -> Self {
        if quick {
            Self { rounds: 7, round: Duration::from_millis(2) }
        } else {
            Self { rounds: 41, round: Duration::from_millis(5) }
        }
    }
}

/// Runs all contenders in turn, round by round, and checks that they agree.
///
/// # Panics
///
/// Panics if they do not: a benchmark of something that does less is worth nothing.
pub(crate) fn interleave(effort: Effort, contenders: &mut [Box<dyn Contender>]) -> Measured {
    let mut expected = None;
    let mut measured = Vec::new();
    let mut repeats = Vec::new();
    for contender in contenders.iter_mut() {
        contender.prepare();
        let outcome = contender.run();
        let first = *expected.get_or_insert(outcome);
        assert_eq!(first, outcome, "{} does something else", contender.name());

        contender.prepare();
        let calls = allocations::calls();
        let start = Instant::now();
        contender.run();
        let took = start.elapsed();
        let heap_calls = allocations::calls() - calls;
        repeats.push((effort.round.as_secs_f64() / took.as_secs_f64().max(1e-7)).ceil() as u32);
        measured.push(Samples {
            name: contender.name(),
            wall: Vec::with_capacity(effort.rounds),
            cpu: Vec::with_capacity(effort.rounds),
            heap_calls,
        });
    }
    for _ in 0..effort.rounds {
        for ((contender, repeats), samples) in contenders.iter_mut().zip(&repeats).zip(&mut measured) {
            let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..*repeats {
                contender.prepare();
                let (cpu_before, before) = (machine::thread_cpu(), Instant::now());
                let outcome = contender.run();
                wall += before.elapsed();
                cpu += machine::thread_cpu() - cpu_before;
                assert_eq!(expected, Some(outcome), "{} does something else", contender.name());
            }
            samples.wall.push(wall.as_secs_f64() / f64::from(*repeats));
            samples.cpu.push(cpu.as_secs_f64() / f64::from(*repeats));
        }
    }
    Measured { contenders: measured }
}

impl Measured {
    pub(crate) fn get(&self, name: &str) -> &Samples {
        self.contenders.iter().find(|samples| samples.name == name).unwrap_or_else(|| panic!("no {name}"))
    }
}

impl Samples {
    /// Returns how many times as long as the other this one took, by the clock.
    pub(crate) fn wall_over(&self, other: &Self) -> Ratio {
        Ratio::of(&self.wall, &other.wall)
    }

    /// Returns how many times as much CPU as the other this one took.
    pub(crate) fn cpu_over(&self, other: &Self) -> Ratio {
        Ratio::of(&self.cpu, &other.cpu)
    }
}

impl Ratio {
    /// Pairs the rounds, since neighbours in time saw the same machine.
    pub(crate) fn of(these: &[f64], those: &[f64]) -> Self {
        Self::summary(these.iter().zip(those).map(|(this, that)| this / that).collect())
    }

    pub(crate) fn summary(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
        Self { median: at(0.5), low: at(0.25), high: at(0.75) }
    }
}
