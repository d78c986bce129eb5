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
    measure::{Contender, Effort, Ratio, Samples, interleave},
    report::{Report, Target},
};

pub(super) fn run(effort: Effort) -> usize {
    // Rounds are long, since threads are started in each.
    let effort = Effort { rounds: effort.rounds / 2 + 1, ..effort };
    machine::unpin();
    let mut report = Report::new();
    let mut contenders: Vec<_> = THREADS.into_iter().flat_map(all).collect();
    let measured = interleave(effort, &mut contenders);
    // Round by round, so that what else the machine does hits all numbers of threads alike.
    let rounds: Vec<&[Samples]> =
        measured.contenders.chunks(measured.contenders.len() / THREADS.len()).collect();
    for (threads, samples) in THREADS.into_iter().zip(&rounds) {
        let hub = &samples[0];
        let name = format!("{threads} publishers");
        let rate = hub.wall.iter().map(|time| EVENTS as f64 / time).collect();
        report.ratio(&name, "events a second", Ratio::summary(rate), Target::Told);
        for other in &samples[1..] {
            report.ratio(&name, other.name, other.wall_over(hub), Target::AtLeast(1.0));
        }
        for (one, now) in rounds[0].iter().zip(*samples).filter(|_| threads > 1) {
            let target = if one.name == hub.name { Target::AtLeast(0.95) } else { Target::Told };
            report.ratio(&format!("{name}, {}", one.name), "rate of one", one.wall_over(now), target);
        }
    }
    machine::pin(1);
    report.print("Fan-out: several publishers, each a thread, to 100 subscribers on one thread")
}

fn all(publishers: usize) -> [Box<dyn Contender>; 3] {
    [
        publishing::<ssekit::Hub>(publishers),
        publishing::<mpsc::Mpsc>(publishers),
        publishing::<broadcast_bytes::Broadcast>(publishers),
    ]
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

const THREADS: [usize; 3] = [1, 2, 4];
const SUBSCRIBERS: usize = 100;
const EVENTS: usize = 4_000;
