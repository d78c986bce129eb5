//! Publishing from several threads at once.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
};

use super::{
    Fanout, Message, TEXT, broadcast_bytes,
    crowd::{received, start},
    mpsc, ssekit,
};
use crate::{
    machine,
    measure::{Contender, Effort, interleave},
    report::{Report, Target},
};

pub(super) fn run(effort: Effort) -> usize {
    // Rounds are long, since threads are started in each.
    let effort = Effort { rounds: effort.rounds / 2 + 1, ..effort };
    machine::unpin();
    let mut report = Report::new();
    let mut one = None;
    for publishers in [1, 2, 4] {
        let measured = interleave(
            effort,
            &mut [
                publishing::<ssekit::Hub>(publishers),
                publishing::<mpsc::Mpsc>(publishers),
                publishing::<broadcast_bytes::Broadcast>(publishers),
            ],
        );
        let hub = measured.get(ssekit::Hub::NAME);
        let name = format!("{publishers} publishers");
        let rate = hub.wall.iter().map(|time| EVENTS as f64 / time).collect();
        report.ratio(&name, "events a second", crate::measure::Ratio::summary(rate), Target::Told);
        for beside in [mpsc::Mpsc::NAME, broadcast_bytes::Broadcast::NAME] {
            report.ratio(&name, beside, measured.get(beside).wall_over(hub), Target::AtLeast(1.0));
        }
        for samples in &measured.contenders {
            let wall = crate::measure::Ratio::summary(samples.wall.clone()).median;
            let of_one: &Vec<f64> = one.get_or_insert_with(|| {
                let walls = measured.contenders.iter();
                walls.map(|samples| crate::measure::Ratio::summary(samples.wall.clone()).median).collect()
            });
            let index = measured.contenders.iter().position(|other| other.name == samples.name).unwrap();
            report.figure(
                &format!("{name}, {}", samples.name),
                "time with one",
                wall / of_one[index],
                Target::Told,
            );
        }
    }
    machine::pin(1);
    report.print("Fan-out: several publishers, each a thread, to 100 subscribers on one thread")
}

/// Subscribers on this thread, and publishers on threads of their own.
struct Publishing<F: Fanout> {
    runtime: Runtime,
    fanout: F,
    publishers: usize,
    messages: Vec<Message>,
}

fn publishing<F: Fanout>(publishers: usize) -> Box<dyn Contender> {
    let runtime = Builder::new_current_thread().build().unwrap();
    let (fanout, streams) = F::new(SUBSCRIBERS, EVENTS * 2);
    start(&runtime, streams);
    Box::new(Publishing { runtime, fanout, publishers, messages: Message::sequence(EVENTS, TEXT) })
}

impl<F: Fanout> Contender for Publishing<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn run(&mut self) -> u64 {
        let before = received();
        let (published, running) = (AtomicUsize::new(0), AtomicUsize::new(self.publishers));
        thread::scope(|scope| {
            for messages in self.messages.chunks(self.messages.len() / self.publishers) {
                let (fanout, published, running) = (&self.fanout, &published, &running);
                scope.spawn(move || {
                    for message in messages {
                        published.fetch_add(fanout.publish(&[*message]), Ordering::Relaxed);
                    }
                    running.fetch_sub(1, Ordering::Release);
                });
            }
            self.runtime.block_on(async {
                while running.load(Ordering::Acquire) > 0
                    || received() - before < published.load(Ordering::Relaxed) * SUBSCRIBERS
                {
                    yield_now().await;
                }
            });
        });
        assert_eq!(received() - before, published.into_inner() * SUBSCRIBERS, "{}", F::NAME);
        (EVENTS * SUBSCRIBERS) as u64
    }
}

const SUBSCRIBERS: usize = 100;
const EVENTS: usize = 4_000;
