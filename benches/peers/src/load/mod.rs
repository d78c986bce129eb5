//! Many connections: what each costs when it is idle, how long events are under way, and all of them coming back at
//! once. Nothing may be lost.
//!
//! Each hub is a process of its own on the first core; all its clients are tasks in this process on the second. Memory
//! is what is resident in the hub's process; what the kernel holds for a socket is not in it.

mod crowd;
mod hubs;

use std::{
    io, thread,
    time::{Duration, Instant},
};

use self::{
    crowd::Crowd,
    hubs::{Hub, Nchan},
};
use crate::{
    http::{
        Idle, Server, axum,
        served::{AxumServe, HandedOver, Kept},
        server::Stack,
        ssekit,
    },
    machine,
};

/// Prints what an idle connection costs, by who serves it.
pub(crate) fn run_idle(connections: usize) -> io::Result<()> {
    machine::pin(1);
    println!("\n## Memory of the server's process for each of {connections} idle connections, KiB\n");
    println!("| server | resident | proportional |");
    println!("| --- | --- | --- |");
    for name in [Idle::NAME, ssekit::Hub::NAME, AxumServe::NAME, Kept::NAME, HandedOver::NAME] {
        let hub = Hub::Ours(Server::start(name)?);
        let [resident, proportional] = idle(&hub, connections)?.map(|bytes| bytes / 1024.0);
        println!("| {name} | {resident:.2} | {proportional:.2} |");
    }
    Ok(())
}

pub(crate) fn run(connections: usize, quick: bool) -> io::Result<()> {
    machine::pin(1);
    let [alone, _] = idle(&Hub::Ours(Server::start(Idle::NAME)?), connections)?;
    eprintln!("idle: {alone:.0} bytes for hyper alone");
    let ours = measure(Hub::Ours(Server::start(ssekit::Hub::NAME)?), true, connections, quick)?;
    let served = measure(Hub::Ours(Server::start(HandedOver::NAME)?), true, connections, quick)?;
    let axum = measure(Hub::Ours(Server::start(axum::Axum::NAME)?), false, connections, quick)?;
    let nchan = match Nchan::start()? {
        Some(nchan) => measure(Hub::Nchan(nchan), true, connections, quick)
            .inspect_err(|error| eprintln!("nchan: {error}"))
            .ok(),
        None => None,
    };
    print(connections, alone, [&ours, &served, &axum], nchan.as_ref());
    let wrong = ours.wrong + served.wrong;
    if wrong > 0 {
        return Err(io::Error::other(format!("{wrong} events or connections of ours were wrong")));
    }
    Ok(())
}

/// What was measured of one hub.
#[derive(Debug)]
struct Figures {
    idle: f64,
    calm: Latency,
    with_stalled: Latency,
    /// Seconds of the hub's CPU for a million deliveries.
    cpu: f64,
    /// Events that were lost, came twice or out of order, and connections that broke.
    wrong: usize,
    storm: Storm,
}

/// Milliseconds from publishing to receiving.
#[derive(Debug)]
struct Latency([f64; 3]);

#[derive(Debug)]
struct Storm {
    seconds: f64,
    /// Bytes that the hub had in memory at most, beyond what it had with all clients idle.
    peak: f64,
    resumed: usize,
}

/// Connects clients that get nothing, and returns the bytes that each costs: resident ones, and the process's own.
fn idle(hub: &Hub, connections: usize) -> io::Result<[f64; 2]> {
    let memory = || io::Result::Ok([hub.usage()?.memory, hub.proportional()?]);
    let before = memory()?;
    let mut crowd = Crowd::new(hub.address())?;
    crowd.connect(connections, AT_ONCE, "", 0)?;
    crowd.linger();
    let after = memory()?;
    Ok([0, 1].map(|at| (after[at] - before[at]) / connections as f64))
}

fn measure(hub: Hub, resumes: bool, connections: usize, quick: bool) -> io::Result<Figures> {
    let before = hub.usage()?.memory;
    let mut crowd = Crowd::new(hub.address())?;
    crowd.connect(connections, AT_ONCE, "", 0)?;
    crowd.linger();
    let idle = (hub.usage()?.memory - before) / connections as f64;

    let mut published = 0;
    let mut deliver = |crowd: &mut Crowd, events, rate| {
        published += events;
        let due = published * connections;
        thread::scope(|scope| {
            let publishing = scope.spawn(|| hub.publish(events, rate));
            crowd.receive(due)?;
            publishing.join().map_err(|_| io::Error::other("publishing failed"))?
        })
    };
    let timed = if quick { 5 } else { 40 };
    crowd.time_events();
    deliver(&mut crowd, timed, RATE)?;
    let calm = Latency::of(&crowd.take_latencies());

    let flat_out = (1_000_000 / connections).max(1);
    let cpu = hub.usage()?.cpu;
    deliver(&mut crowd, flat_out, 0)?;
    let cpu = (hub.usage()?.cpu - cpu) / (flat_out * connections) as f64 * 1e6;

    // More than what all buffers between the hub and a reader hold, so that it has really stalled.
    crowd.stall(STALLED)?;
    deliver(&mut crowd, 250, 0)?;
    crowd.time_events();
    deliver(&mut crowd, timed, RATE)?;
    let with_stalled = Latency::of(&crowd.take_latencies());
    crowd.linger();
    let (wrong, received) = (crowd.wrong(), crowd.received());
    let ids = crowd.ids();

    let back = ids.len().saturating_sub(MISSED + 1);
    let last = if resumes { ids.get(back).map_or("", String::as_str) } else { "" };
    let memory = hub.usage()?.memory;
    crowd.leave();
    // With both sides of the old connections and the new ones there would be more open files than there may be.
    hub.wait_until_left(connections / 10)?;
    hub.forget_peak()?;
    let start = Instant::now();
    crowd.connect(connections, usize::MAX >> 4, last, back + 1)?;
    let resumed = if resumes { MISSED * connections } else { 0 };
    crowd.receive(resumed)?;
    let seconds = start.elapsed().as_secs_f64();
    crowd.linger();
    // More than what was published is wrong, too, though each client would have said so by now.
    let surplus = received.abs_diff(published * connections) + crowd.received().abs_diff(resumed);
    let wrong = wrong + crowd.wrong() + surplus;
    let peak = hub.usage()?.peak - memory;
    let figures = Figures { idle, calm, with_stalled, cpu, wrong, storm: Storm { seconds, peak, resumed } };
    eprintln!("{figures:?}");
    Ok(figures)
}

impl Latency {
    fn of(latencies: &[Duration]) -> Self {
        Self([0.5, 0.99, 0.999].map(|part| {
            let at = (latencies.len().saturating_sub(1) as f64 * part).round() as usize;
            latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
        }))
    }
}

fn print(connections: usize, alone: f64, [ours, served, axum]: [&Figures; 3], nchan: Option<&Figures>) {
    println!(
        "\n## {connections} connections, 200 bytes of data an event, {RATE} events a second where timed\n"
    );
    println!(
        "| what | {} | {} | {} | nginx with nchan |",
        ssekit::Hub::NAME,
        HandedOver::NAME,
        axum::Axum::NAME
    );
    println!("| --- | --- | --- | --- | --- |");
    let row = |what: &str, figure: &dyn Fn(&Figures) -> String| {
        let nchan = nchan.map_or_else(|| "not measured".to_owned(), figure);
        println!("| {what} | {} | {} | {} | {nchan} |", figure(ours), figure(served), figure(axum));
    };
    let latency = |latency: &Latency| latency.0.map(|value| format!("{value:.1}")).join(" / ");
    row("memory of an idle connection, KiB", &|run| format!("{:.2}", run.idle / 1024.0));
    println!("| of which hyper alone, KiB | {0:.2} | | {0:.2} | |", alone / 1024.0);
    row("delivery p50 / p99 / p99.9, ms", &|run| latency(&run.calm));
    row(&format!("the same with {STALLED} stalled readers, ms"), &|run| latency(&run.with_stalled));
    row("CPU for a million deliveries, s", &|run| format!("{:.2}", run.cpu));
    row("all reconnect at once: until all are served, s", &|run| format!("{:.2}", run.storm.seconds));
    row("events lost or double, connections broken", &|run| run.wrong.to_string());
    row("events resumed", &|run| match run.storm.resumed {
        0 => "cannot resume".to_owned(),
        resumed => resumed.to_string(),
    });
    row("memory at most, beyond that before, MiB", &|run| format!("{:.1}", run.storm.peak / 1024.0 / 1024.0));
}

/// Connections that are made at once, but for the storm.
const AT_ONCE: usize = 256;
/// Events a second at which latency is measured.
const RATE: usize = 2;
const STALLED: usize = 100;
/// How many events each client is behind when it comes back.
const MISSED: usize = 100;
