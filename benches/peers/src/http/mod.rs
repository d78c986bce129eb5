//! The same program served three ways through hyper, over loopback sockets.
//!
//! Each server is a process of its own on the first core; its clients are tasks in this process on the second.

pub(crate) mod axum;
mod broadcast_bytes;
mod client;
mod idle;
pub(crate) mod served;
pub(crate) mod server;
pub(crate) mod ssekit;

use std::{
    env,
    io::{self, BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use self::{
    client::Clients,
    server::{Stack, serve},
};
pub(crate) use self::{client::get, idle::Idle};
use crate::{
    machine,
    measure::{Effort, Ratio},
    report::{Report, Target},
};

/// Serves in this process until it is killed.
pub(crate) fn serve_named(name: &str) -> io::Result<()> {
    match name {
        ssekit::Hub::NAME => serve::<ssekit::Hub>(),
        broadcast_bytes::Broadcast::NAME => serve::<broadcast_bytes::Broadcast>(),
        axum::Axum::NAME => serve::<axum::Axum>(),
        idle::Idle::NAME => serve::<idle::Idle>(),
        served::HandedOver::NAME => serve::<served::HandedOver>(),
        served::Kept::NAME => serve::<served::Kept>(),
        served::AxumServe::NAME => serve::<served::AxumServe>(),
        _ => Err(io::Error::other("no such server")),
    }
}

pub(crate) fn run(effort: Effort) -> usize {
    machine::raise_open_files();
    machine::pin(1);
    let mut report = Report::new();
    for connections in [100, 1_000, 5_000] {
        let runs = measure(connections, effort).unwrap();
        tell(&mut report, connections, &runs);
    }
    report.print("End to end: through hyper on one core, clients on another, 200 bytes of data an event")
}

/// What was measured of one server.
#[derive(Default)]
struct Run {
    /// Deliveries a second at full rate.
    rate: Vec<f64>,
    /// Seconds of the server's CPU for a million deliveries at full rate.
    cpu: Vec<f64>,
    idle_bytes: f64,
    /// The same at a moderate rate.
    moderate_cpu: f64,
    /// Microseconds from publishing to receiving, at a moderate rate.
    p50: f64,
    p99: f64,
}

/// Measures all servers, round by round. Each has its clients connected all the time.
fn measure(connections: usize, effort: Effort) -> io::Result<Vec<Run>> {
    let mut servers = Vec::new();
    for name in NAMES {
        let server = Server::start(name)?;
        let before = server.usage()?;
        let clients = Clients::connect(&server.address, connections)?;
        let idle_bytes = (server.usage()?.bytes - before.bytes) / connections as f64;
        servers.push((server, clients, Run { idle_bytes, ..Run::default() }));
    }
    let events = (400_000 / connections).clamp(80, server::CAPACITY / 2);
    for round in 0..effort.rounds.min(9) + 1 {
        for (server, clients, run) in &mut servers {
            let before = server.usage()?;
            let took = clients.run(&server.address, events, None)?;
            let cpu = server.usage()?.cpu - before.cpu;
            let deliveries = (events * connections) as f64;
            // The first round warms up.
            if round > 0 {
                run.rate.push(deliveries / took.as_secs_f64());
                run.cpu.push(cpu / deliveries * 1e6);
            }
        }
    }
    let rate = (MODERATE / connections).max(2);
    for (server, clients, run) in &mut servers {
        let before = server.usage()?;
        clients.run(&server.address, rate * 3, Some(rate))?;
        let deliveries = (rate * 3 * connections) as f64;
        run.moderate_cpu = (server.usage()?.cpu - before.cpu) / deliveries * 1e6;
        (run.p50, run.p99) = clients.take_latencies();
    }
    Ok(servers.into_iter().map(|(_, _, run)| run).collect())
}

fn tell(report: &mut Report, connections: usize, runs: &[Run]) {
    let [hub, bytes, axum, ..] = runs else { return };
    let name = format!("N = {connections}");
    let (rate, cpu) = if connections == 100 { (1.5, 0.4) } else { (2.5, 0.25) };
    for (what, run) in NAMES.iter().zip(runs) {
        let summary = |values: &[f64]| Ratio::summary(values.to_vec());
        report.ratio(&format!("{name}, {what}"), "deliveries a second", summary(&run.rate), Target::Told);
        report.ratio(&format!("{name}, {what}"), "CPU s for a million", summary(&run.cpu), Target::Told);
        report.figure(&format!("{name}, {what}"), "bytes an idle connection", run.idle_bytes, Target::Told);
        let at = format!("CPU s for a million at {MODERATE} a second");
        report.figure(&format!("{name}, {what}"), &at, run.moderate_cpu, Target::Told);
        let at = format!("us at {MODERATE} deliveries a second");
        report.figure(&format!("{name}, {what}, p50"), &at, run.p50, Target::Told);
        report.figure(&format!("{name}, {what}, p99"), &at, run.p99, Target::Told);
    }
    let ratio = Ratio::of(&hub.rate, &bytes.rate);
    report.ratio(&format!("{name}, full rate"), NAMES[1], ratio, Target::AtLeast(rate));
    let ratio = Ratio::of(&hub.cpu, &axum.cpu);
    report.ratio(&format!("{name}, server CPU"), NAMES[2], ratio, Target::AtMost(cpu));
}

/// A server in a process of its own.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: String,
}

struct Usage {
    /// In seconds.
    cpu: f64,
    bytes: f64,
}

impl Server {
    pub(crate) fn start(name: &str) -> io::Result<Self> {
        let mut process =
            Command::new(env::current_exe()?).args(["serve", name]).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        let output = process.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        BufReader::new(output).read_line(&mut address)?;
        Ok(Self { process, address: address.trim_end().to_owned() })
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    fn usage(&self) -> io::Result<Usage> {
        let answer = get(&self.address, "/usage")?;
        let mut numbers = answer.split_whitespace().map(|number| number.parse().map_err(io::Error::other));
        let mut next = || numbers.next().unwrap_or(Err(io::Error::other("no number")));
        Ok(Usage { cpu: next()?, bytes: next()? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const NAMES: [&str; 4] =
    [ssekit::Hub::NAME, broadcast_bytes::Broadcast::NAME, axum::Axum::NAME, served::HandedOver::NAME];
/// Deliveries a second at which latency is measured.
const MODERATE: usize = 20_000;
