//! One publisher, many subscribers, each a task that takes what comes.
//!
//! Everything that a service would have on is on in the hub: bounds by count, bytes and age, replay, lag detection.

mod axum;
mod broadcast_bytes;
mod crowd;
mod mpsc;
mod publishers;
pub(crate) mod ssekit;
mod wake;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};

use self::crowd::Crowd;
use crate::{
    allocations, machine,
    measure::{Contender, Effort, Measured, Ratio, Workload, interleave},
    poll,
    report::{Report, Target},
};

/// A way to hand each event to many subscribers.
pub(crate) trait Fanout: Send + Sync + Sized + 'static {
    const NAME: &'static str;

    type Subscriber: Stream<Item = Bytes> + Send + Unpin + 'static;

    /// Creates it with this many subscribers, each of which may be this many events behind.
    fn new(subscribers: usize, capacity: usize) -> (Self, Vec<Self::Subscriber>);

    /// Publishes events, one by one, and returns how many bytes of an event stream each subscriber is to get.
    fn publish(&self, events: &[Message]) -> usize;
}

/// An event before any library has seen it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) data: &'static str,
}

impl Message {
    pub(crate) fn sequence(count: usize, data: &'static str) -> Vec<Self> {
        (0..count).map(|number| Self { id: 1_000_000 + number as u64, data }).collect()
    }
}

pub(crate) fn run(effort: Effort) -> usize {
    one_thread(effort) + memory() + growth(effort) + several_threads(effort) + publishers::run(effort)
}

fn one_thread(effort: Effort) -> usize {
    let mut report = Report::new();
    for subscribers in [1, 100, 1_000, 10_000] {
        for burst in [1, 64] {
            let measured = interleave(effort, &mut crowds(subscribers, bursts(subscribers), burst));
            let name = match burst {
                1 => format!("N = {subscribers}, one at a time"),
                _ => format!("N = {subscribers}, bursts of {burst}"),
            };
            let [mpsc, bytes, axum, wake] = targets(subscribers, burst);
            let hub = measured.get(ssekit::Hub::NAME);
            report.ratio(&name, "ns a delivery", per_delivery(&measured, subscribers, burst), Target::Told);
            for (beside, target) in [
                (mpsc::Mpsc::NAME, mpsc),
                (broadcast_bytes::Broadcast::NAME, bytes),
                (axum::Axum::NAME, axum),
            ] {
                report.ratio(&name, beside, measured.get(beside).cpu_over(hub), target);
            }
            let limit = measured.get(wake::Wake::NAME);
            report.ratio(&name, wake::Wake::NAME, hub.cpu_over(limit), wake);
            let deliveries = (bursts(subscribers) * burst * subscribers) as f64;
            for samples in &measured.contenders {
                let calls = samples.heap_calls as f64 / deliveries;
                report.figure(&format!("{name}, heap calls a delivery"), samples.name, calls, Target::Told);
            }
        }
    }
    report.print("Fan-out: how many times as fast as others, and CPU beside waking and polling")
}

/// Returns what is to be reached beside an `mpsc`, a `broadcast` of bytes and of events, and waking and polling.
fn targets(subscribers: usize, burst: usize) -> [Target; 4] {
    let [mpsc, bytes, axum, wake] = match (subscribers, burst) {
        // A topic for each user. Publishing weighs as much as a delivery, and is no part of the last one.
        (1, 1) => return [Target::AtLeast(1.1), Target::AtLeast(1.1), Target::Told, Target::Told],
        (1, _) => return [Target::Told; 4],
        (_, 1) => [1.0, 2.1, 3.3, 1.6],
        _ => [13.0, 15.0, 80.0, 3.0],
    };
    [Target::AtLeast(mpsc), Target::AtLeast(bytes), Target::AtLeast(axum), Target::AtMost(wake)]
}

/// Returns the workloads whose instructions are counted, with a delivery for an event.
///
/// They are small: counting makes all slower by far, and the counts hardly depend on how long they go on.
pub(crate) fn workloads() -> impl Iterator<Item = Workload> {
    [1, 64].into_iter().map(|burst| {
        let name = if burst == 1 { "one at a time".to_owned() } else { format!("bursts of {burst}") };
        let (subscribers, bursts) = (100, 20);
        let deliveries = bursts * burst * subscribers;
        Workload { name, events: deliveries as u64, contenders: crowds(subscribers, bursts, burst) }
    })
}

fn crowds(subscribers: usize, bursts: usize, burst: usize) -> Vec<Box<dyn Contender>> {
    fn crowd<F: Fanout>(subscribers: usize, bursts: usize, burst: usize) -> Box<dyn Contender> {
        Box::new(Crowd::<F>::new(1, subscribers, bursts, Message::sequence(burst, TEXT)))
    }
    vec![
        crowd::<ssekit::Hub>(subscribers, bursts, burst),
        crowd::<mpsc::Mpsc>(subscribers, bursts, burst),
        crowd::<broadcast_bytes::Broadcast>(subscribers, bursts, burst),
        crowd::<axum::Axum>(subscribers, bursts, burst),
        crowd::<wake::Wake>(subscribers, bursts, burst),
    ]
}

fn crowd<F: Fanout>(subscribers: usize, burst: usize, text: &'static str) -> Box<dyn Contender> {
    Box::new(Crowd::<F>::new(1, subscribers, bursts(subscribers), Message::sequence(burst, text)))
}

/// Returns how many bursts one round has.
fn bursts(subscribers: usize) -> usize {
    (20_000 / subscribers).clamp(4, 200)
}

fn per_delivery(measured: &Measured, subscribers: usize, burst: usize) -> Ratio {
    let deliveries = (bursts(subscribers) * burst * subscribers) as f64;
    let hub = measured.get(ssekit::Hub::NAME);
    Ratio::summary(hub.cpu.iter().map(|time| time * 1e9 / deliveries).collect())
}

fn memory() -> usize {
    let mut report = Report::new();
    let hub = memory_of::<ssekit::Hub>(SUBSCRIBERS);
    let mpsc = memory_of::<mpsc::Mpsc>(SUBSCRIBERS);
    report.figure(ssekit::Hub::NAME, "bytes a subscriber", hub, Target::AtMost(110.0));
    for (name, bytes) in [
        (mpsc::Mpsc::NAME, mpsc),
        (broadcast_bytes::Broadcast::NAME, memory_of::<broadcast_bytes::Broadcast>(SUBSCRIBERS)),
        (axum::Axum::NAME, memory_of::<axum::Axum>(SUBSCRIBERS)),
    ] {
        report.figure(name, "bytes a subscriber", bytes, Target::Told);
    }
    report.figure(ssekit::Hub::NAME, "mpsc", hub / mpsc, Target::AtMost(0.25));
    report.figure("ssekit, the first one with its topic", "bytes", memory_of_the_first(), Target::Told);
    report.print("Fan-out: memory of a subscriber that waits, beside its task")
}

/// Returns the bytes that each of many subscribers holds once it waits for events.
fn memory_of<F: Fanout>(subscribers: usize) -> f64 {
    let (one, fixed) = allocations::held_by(|| waiting::<F>(1));
    let (all, bytes) = allocations::held_by(|| waiting::<F>(subscribers));
    drop((one, all));
    // The collection of subscribers stands for the tasks that would hold them.
    (bytes - fixed) as f64 / (subscribers - 1) as f64
}

/// Returns the bytes that a topic's first subscriber adds to a hub without topics.
fn memory_of_the_first() -> f64 {
    let (hub, _streams) = ssekit::Hub::new(0, CAPACITY);
    let (_, bytes) = allocations::held_by(|| wait_for_all(hub.subscribe(1)));
    bytes as f64
}

/// Creates subscribers that have taken what their streams begin with.
fn waiting<F: Fanout>(subscribers: usize) -> (F, Vec<F::Subscriber>) {
    let (fanout, streams) = F::new(subscribers, CAPACITY);
    (fanout, wait_for_all(streams))
}

fn wait_for_all<S: Stream<Item = Bytes> + Unpin>(mut streams: Vec<S>) -> Vec<S> {
    for stream in &mut streams {
        while poll::now(stream.next()).flatten().is_some() {}
    }
    streams
}

/// How the cost of a delivery grows, in the hub alone.
fn growth(effort: Effort) -> usize {
    let mut report = Report::new();
    for subscribers in [1, 10, 100, 1_000, 10_000] {
        let mut crowds = [crowd::<ssekit::Hub>(subscribers, 1, TEXT)];
        let measured = interleave(effort, &mut crowds);
        let cost = per_delivery(&measured, subscribers, 1);
        report.ratio(&format!("{subscribers} subscribers"), "ns a delivery", cost, Target::Told);
    }
    for bytes in [20, 200, 2_000, 20_000, 200_000] {
        let mut crowds = [crowd::<ssekit::Hub>(1_000, 1, "x".repeat(bytes).leak())];
        let measured = interleave(effort, &mut crowds);
        let cost = per_delivery(&measured, 1_000, 1);
        report.ratio(&format!("1000 subscribers, {bytes} B"), "ns a delivery", cost, Target::Told);
    }
    for burst in [1, 4, 16, 64, 256] {
        let mut crowds = [crowd::<ssekit::Hub>(1_000, burst, TEXT)];
        let measured = interleave(effort, &mut crowds);
        let cost = per_delivery(&measured, 1_000, burst);
        report.ratio(&format!("1000 subscribers, {burst} behind"), "ns a delivery", cost, Target::Told);
    }
    let plain = crowd::<ssekit::Hub>(1_000, 64, TEXT);
    let filtered = crowd::<ssekit::FilteredHub>(1_000, 64, TEXT);
    let measured = interleave(effort, &mut [plain, filtered]);
    let ratio = measured.get(ssekit::FilteredHub::NAME).cpu_over(measured.get(ssekit::Hub::NAME));
    report.ratio("filter that lets 1 in 10 through", "no filter, bursts of 64", ratio, Target::Told);
    let plain = crowd::<ssekit::Hub>(1_000, 1, TEXT);
    let filtered = crowd::<ssekit::FilteredHub>(1_000, 1, TEXT);
    let measured = interleave(effort, &mut [plain, filtered]);
    let ratio = measured.get(ssekit::FilteredHub::NAME).cpu_over(measured.get(ssekit::Hub::NAME));
    report.ratio("filter that lets 1 in 10 through", "no filter, one at a time", ratio, Target::Told);
    report.print("Fan-out: how the hub's cost grows")
}

/// Subscribers on two threads, which meet at the hub's lock.
fn several_threads(effort: Effort) -> usize {
    fn crowd<F: Fanout>(burst: usize) -> Box<dyn Contender> {
        Box::new(Crowd::<F>::new(2, 1_000, bursts(1_000), Message::sequence(burst, TEXT)))
    }
    machine::unpin();
    let mut report = Report::new();
    for burst in [1, 64] {
        let mut crowds = [
            crowd::<ssekit::Hub>(burst),
            crowd::<mpsc::Mpsc>(burst),
            crowd::<broadcast_bytes::Broadcast>(burst),
            crowd::<wake::Wake>(burst),
        ];
        let measured = interleave(effort, &mut crowds);
        let hub = measured.get(ssekit::Hub::NAME);
        let name = if burst == 1 { "one at a time" } else { "bursts of 64" };
        for beside in [mpsc::Mpsc::NAME, broadcast_bytes::Broadcast::NAME] {
            report.ratio(name, beside, measured.get(beside).wall_over(hub), Target::Told);
        }
        let ratio = hub.wall_over(measured.get(wake::Wake::NAME));
        report.ratio(name, wake::Wake::NAME, ratio, Target::Told);
    }
    machine::pin(1);
    report.print("Fan-out: 1,000 subscribers on two threads, by the clock")
}

/// 200 bytes.
const TEXT: &str = "{\"order\":4711,\"customer\":\"9d0cf2a0-8f0e-4f7e-9f0a-3a0c1b9a2d11\",\"state\":\"shipped\",\
     \"items\":[{\"sku\":\"A-1\",\"count\":2},{\"sku\":\"B-7\",\"count\":1}],\"total\":129.95,\"currency\":\"EUR\",\"note\":\"ring\"}";
const TYPE: &str = "update";
const CAPACITY: usize = 1_024;
/// Of whom memory is measured.
const SUBSCRIBERS: usize = 10_000;
