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
    http::{Idle, Server, axum, server::Stack, ssekit},
    machine,
};

pub(crate) fn run(connections: usize, quick: bool) -> io::Result<()> {
    machine::pin(1);
    let alone = idle(Hub::Ours(Server::start(Idle::NAME)?), connections)?;
    let ours = measure(Hub::Ours(Server::start(ssekit::Hub::NAME)?), true, connections, quick)?;
    let axum = measure(Hub::Ours(Server::start(axum::Axum::NAME)?), false, connections, quick)?;
    let nchan = match Nchan::start()? {
        Some(nchan) => Some(measure(Hub::Nchan(nchan), true, connections, quick)?),
        None => None,
    };
    print(connections, alone, &ours, &axum, nchan.as_ref());
    Ok(())
}

/// What was measured of one hub.
struct Figures {
    idle: f64,
    calm: Latency,
    with_stalled: Latency,
    /// Seconds of the hub's CPU for a million deliveries.
    cpu: f64,
    storm: Storm,
}

/// Milliseconds from publishing to receiving.
struct Latency([f64; 3]);

struct Storm {
    seconds: f64,
    /// Bytes that the hub had in memory at most, beyond what it had with all clients idle.
    peak: f64,
    resumed: usize,
}

/// Connects clients that get nothing, and returns the bytes that each costs.
fn idle(hub: Hub, connections: usize) -> io::Result<f64> {
    let before = hub.usage()?.memory;
    let mut crowd = Crowd::new(hub.address())?;
    crowd.connect(connections, AT_ONCE, "", 0)?;
    crowd.linger();
    Ok((hub.usage()?.memory - before) / connections as f64)
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
    deliver(&mut crowd, 600, 0)?;
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
    hub.forget_peak()?;
    let start = Instant::now();
    crowd.connect(connections, usize::MAX >> 4, last, back + 1)?;
    let resumed = if resumes { MISSED * connections } else { 0 };
    crowd.receive(resumed)?;
    let seconds = start.elapsed().as_secs_f64();
    crowd.linger();
    let wrong = wrong + crowd.wrong();
    if wrong > 0 || received != published * connections || crowd.received() != resumed {
        let all = (received, published * connections, crowd.received(), resumed);
        return Err(io::Error::other(format!("{wrong} events or connections were wrong: {all:?}")));
    }
    let peak = hub.usage()?.peak - memory;
    Ok(Figures { idle, calm, with_stalled, cpu, storm: Storm { seconds, peak, resumed } })
}

impl Latency {
    fn of(latencies: &[Duration]) -> Self {
        Self([0.5, 0.99, 0.999].map(|part| {
            let at = (latencies.len().saturating_sub(1) as f64 * part).round() as usize;
            latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
        }))
    }
}

fn print(connections: usize, alone: f64, ours: &Figures, axum: &Figures, nchan: Option<&Figures>) {
    println!(
        "\n## {connections} connections, 200 bytes of data an event, {RATE} events a second where timed\n"
    );
    println!("| what | {} | {} | nginx with nchan |", ssekit::Hub::NAME, axum::Axum::NAME);
    println!("| --- | --- | --- | --- |");
    let row = |what: &str, figure: &dyn Fn(&Figures) -> String| {
        let nchan = nchan.map_or_else(|| "not installed".to_owned(), figure);
        println!("| {what} | {} | {} | {nchan} |", figure(ours), figure(axum));
    };
    let latency = |latency: &Latency| latency.0.map(|value| format!("{value:.1}")).join(" / ");
    row("memory of an idle connection, KiB", &|run| format!("{:.2}", run.idle / 1024.0));
    println!("| of which hyper alone, KiB | {0:.2} | {0:.2} | |", alone / 1024.0);
    row("delivery p50 / p99 / p99.9, ms", &|run| latency(&run.calm));
    row(&format!("the same with {STALLED} stalled readers, ms"), &|run| latency(&run.with_stalled));
    row("CPU for a million deliveries, s", &|run| format!("{:.2}", run.cpu));
    row("all reconnect at once: until all are served, s", &|run| format!("{:.2}", run.storm.seconds));
    row("events resumed, none lost or double", &|run| match run.storm.resumed {
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
