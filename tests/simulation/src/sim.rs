//! Runs a world: carries out its plan, lets it come to rest, and tells which promise was broken.

use std::{panic::AssertUnwindSafe, time::Duration};

use turmoil::{Builder, Sim};

use crate::{
    client, log, node,
    plan::{Fault, Host, Item, Kind, Plan, Publish, TICK, TOPICS},
    world::{Command, Figures, State, World},
};

/// What became of a world.
#[derive(Debug)]
pub struct Outcome {
    /// The first promise that was broken.
    pub violation: Option<String>,
    pub trace: String,
    pub figures: Figures,
}

/// A world comes to rest within this time once nothing happens to it any more.
const REST: u64 = 45_000;
/// A node that crashes ends its connections within this time. tokio drops the tasks that are left in an order that
/// depends on all tasks that the process ever had.
const HALT: u64 = 2 * TICK;
/// All that was broken off by a fault notices it within this time.
const SETTLE: u64 = 3_000;

struct Run<'a> {
    sim: Sim<'a>,
    world: World,
    /// What ends the faults that last.
    ends: Vec<(u64, End)>,
}

enum End {
    Repair(Host, Host),
    Release(Host, Host),
    Latency(Host, Host),
    Crash(Host),
    /// Starts a node after it has closed.
    Restart(usize),
    Start(Host),
    Unstall,
    Quicken(usize),
}

/// Runs a world from its plan.
pub fn run(plan: &Plan) -> Outcome {
    ssekit::testing::seed_randomness(plan.seed);
    let world = World::new(plan.clone());
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| Run::new(world.clone()).run()));
    ssekit::testing::seed_randomness(None);
    if let Err(panic) = done {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        world.violated(format_args!("a panic: {}", text.unwrap_or_default()));
    }
    let mut state = world.lock();
    let figures = Figures {
        nodes: plan.nodes.len(),
        clients: plan.clients.len(),
        faults: plan.faults.len(),
        events: plan.events(),
        lasted: state.now,
        ..state.figures
    };
    Outcome { violation: state.violation.take(), trace: std::mem::take(&mut state.trace), figures }
}

impl Run<'_> {
    fn new(world: World) -> Self {
        let plan = world.plan();
        let mut builder = Builder::new();
        builder
            .rng_seed(plan.seed)
            .tick_duration(Duration::from_millis(TICK))
            .simulation_duration(Duration::from_secs(600))
            .min_message_latency(Duration::ZERO)
            .max_message_latency(Duration::from_millis(plan.latency))
            .tcp_capacity(plan.tcp_capacity)
            .enable_random_order();
        let mut sim = builder.build();
        for host in plan.hosts() {
            let world = world.clone();
            sim.host(host.to_string(), move || {
                let world = world.clone();
                async move {
                    match host {
                        Host::Log => log::serve(world).await,
                        Host::Node(index) => node::serve(world, index).await,
                        Host::Clients(index) => client::run(world, index).await,
                    }
                }
            });
        }
        Self { sim, world, ends: Vec::new() }
    }

    fn run(&mut self) {
        let world = self.world.clone();
        let plan = world.plan();
        let (mut publishes, mut faults) = (plan.publishes.iter().peekable(), plan.faults.iter().peekable());
        loop {
            let now = world.lock().now;
            while let Some((_, publish)) = publishes.next_if(|(at, _)| *at <= now) {
                self.publish(publish);
            }
            while let Some((_, fault)) = faults.next_if(|(at, _)| *at <= now) {
                self.fault(fault, now);
            }
            self.end_faults(now);
            if now >= plan.active && self.ends.is_empty() {
                break;
            }
            if !self.step() {
                return;
            }
        }
        self.come_to_rest();
    }

    /// Returns whether all is well.
    fn step(&mut self) -> bool {
        let result = self.sim.step();
        let mut state = self.world.lock();
        if let Err(error) = result {
            state.violated(format_args!("a host failed: {error}"));
        }
        state.now += TICK;
        state.violation.is_none()
    }

    fn come_to_rest(&mut self) {
        let world = self.world.clone();
        let plan = world.plan();
        {
            let mut state = world.lock();
            state.truth.log.max = None;
            (state.truth.log.unacknowledged, state.truth.log.refused) = (0, 0);
            state.cuts.fill(None);
            state.log_cuts.fill(None);
            state.note(format_args!("nothing happens any more"));
        }
        for _ in 0..SETTLE / TICK {
            if !self.step() {
                return;
            }
        }
        let rest_at = world.lock().now;
        // Each client learns the newest position, before anything else is published.
        if !self.wait_until(rest_at + REST, |state| {
            (0..plan.clients.len()).find_map(|client| state.staleness(plan, client))
        }) {
            return;
        }
        let rest_at = world.lock().now;
        let relay = plan.nodes.iter().position(|node| node.kind == Kind::Relay);
        let hubs = (0..plan.nodes.len()).filter(|node| plan.nodes[*node].kind == Kind::Hub);
        for node in relay.into_iter().chain(hubs) {
            for topic in 0..TOPICS.len() {
                let item = |label| Item { key: None, removes: false, label, size: 0, once: false };
                world.lock().pending += 1;
                world.command(node, Command::Publish { topic, events: vec![item(0), item(1)], last: true });
            }
        }
        self.wait_until(rest_at + REST, |state| {
            let late = (0..plan.clients.len()).find_map(|client| state.lateness(plan, client, rest_at));
            if let Some(late) = late {
                state.violated(format_args!("{late}"));
            }
            match state.pending {
                0 => (0..plan.clients.len()).find_map(|client| state.unrest(plan, client)),
                pending => Some(format!("{pending} topics without their last events")),
            }
        });
    }

    /// Steps until nothing is in the way of rest. Returns whether all is well.
    fn wait_until(&mut self, deadline: u64, unrest: impl Fn(&mut State) -> Option<String>) -> bool {
        let world = self.world.clone();
        loop {
            for _ in 0..20 {
                if !self.step() {
                    return false;
                }
            }
            let mut state = world.lock();
            match unrest(&mut state) {
                None => return state.violation.is_none(),
                Some(unrest) if state.now > deadline => {
                    state.violated(format_args!("no rest: {unrest}"));
                    return false;
                }
                Some(_) => {}
            }
        }
    }

    fn publish(&mut self, publish: &Publish) {
        let world = &self.world;
        let plan = world.plan();
        match *publish {
            Publish::Burst { node, topic, ref events } => {
                world.command(node, Command::Publish { topic, events: events.clone(), last: false });
            }
            Publish::Finish { node, topic } => {
                world.note(format_args!("node{node} finishes topic {topic}"));
                world.command(node, Command::Finish { topic });
            }
            Publish::Remove { node, topic } => {
                world.note(format_args!("node{node} removes topic {topic}"));
                world.command(node, Command::Remove { topic });
            }
            Publish::Reopen { node, topic } => {
                world.note(format_args!("node{node} reopens topic {topic}"));
                world.command(node, Command::Reopen { topic });
            }
            Publish::EndStream { client, retry } => {
                let handle = world.lock().handles.get(client).cloned().flatten();
                if let Some(handle) = handle {
                    handle.end_with(node::end(retry));
                }
            }
            Publish::AddTopic { client, topic } | Publish::DropTopic { client, topic } => {
                let mut state = world.lock();
                let Some(of) = plan.clients.get(client) else { return };
                let Some(handle) = state.handles[client].clone() else { return };
                let Some(connection) = &mut state.clients[client].connection else { return };
                if of.topics.contains(&topic) {
                    return;
                }
                connection.added.push(topic);
                drop(state);
                if matches!(publish, Publish::AddTopic { .. }) {
                    handle.add(TOPICS[topic]);
                } else {
                    handle.remove(TOPICS[topic]);
                }
            }
        }
    }

    fn fault(&mut self, fault: &Fault, now: u64) {
        self.world.note(format_args!("fault: {fault:?}"));
        let latency = self.world.plan().latency;
        match *fault {
            Fault::Partition { between: (a, b), one_way, lasts } => {
                match one_way {
                    true => self.sim.partition_oneway(a.to_string(), b.to_string()),
                    false => self.sim.partition(a.to_string(), b.to_string()),
                }
                self.ends.push((now + lasts, End::Repair(a, b)));
            }
            Fault::Delay { between: (a, b), latency: slow, lasts } => {
                let slow = Duration::from_millis(slow.max(latency));
                self.sim.set_link_max_message_latency(a.to_string(), b.to_string(), slow);
                self.ends.push((now + lasts, End::Latency(a, b)));
            }
            Fault::Hold { between: (a, b), lasts } => {
                self.sim.hold(a.to_string(), b.to_string());
                self.ends.push((now + lasts, End::Release(a, b)));
            }
            Fault::Crash { node, lasts } => {
                self.halt(node);
                self.ends.push((now + HALT, End::Crash(Host::Node(node))));
                self.ends.push((now + HALT + lasts, End::Start(Host::Node(node))));
            }
            Fault::CrashClients { host, lasts } => self.crash(Host::Clients(host), now + lasts),
            Fault::CrashLog { loses, lasts } => {
                self.crash(Host::Log, now + lasts);
                self.world.lock().truth.lose(loses, now);
            }
            Fault::Failover { loses } => {
                self.sim.crash("log");
                self.world.lock().truth.lose(loses, now);
                self.sim.bounce("log");
            }
            Fault::Close { node, lasts, deadline } => {
                self.world.command(node, Command::Close { deadline });
                self.ends.push((now + lasts, End::Restart(node)));
            }
            Fault::StallLog { lasts } => {
                self.world.lock().truth.log.is_stalled = true;
                self.ends.push((now + lasts, End::Unstall));
            }
            Fault::Slow { client, pause, lasts } => {
                if let Some(of) = self.world.lock().pauses.get_mut(client) {
                    *of = pause;
                }
                self.ends.push((now + lasts, End::Quicken(client)));
            }
            ref other => self.alter(other, now),
        }
    }

    /// Carries out a fault that changes only what the world holds.
    fn alter(&mut self, fault: &Fault, now: u64) {
        let mut state = self.world.lock();
        match *fault {
            Fault::Cut { client, after } => {
                if let Some(cut) = state.cuts.get_mut(client) {
                    *cut = Some(after);
                }
            }
            Fault::CutLog { node, after } => state.log_cuts[node] = Some(after),
            Fault::Trim { keep } => state.truth.trim(keep),
            Fault::Erase => state.truth.replace(Vec::new(), now),
            Fault::Copy => state.truth.log.copy = Some(state.truth.log.entries.iter().copied().collect()),
            Fault::Restore => {
                if let Some(copy) = state.truth.log.copy.take() {
                    state.truth.replace(copy, now);
                }
            }
            Fault::LoseAcknowledgements { times } => state.truth.log.unacknowledged += times,
            Fault::RefuseAppends { times } => state.truth.log.refused += times,
            Fault::Clock { node, by } => state.jumps[node] += by,
            Fault::Numbers { by } => state.truth.log.newest += by,
            _ => {}
        }
        drop(state);
        self.world.appended().notify_waiters();
    }

    fn crash(&mut self, host: Host, until: u64) {
        self.sim.crash(host.to_string());
        self.ends.push((until, End::Start(host)));
    }

    fn halt(&mut self, node: usize) {
        self.world.lock().commands[node].clear();
        self.world.command(node, Command::Halt);
    }

    fn end_faults(&mut self, now: u64) {
        let latency = Duration::from_millis(self.world.plan().latency);
        let (over, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.ends).into_iter().partition(|(at, _)| *at <= now);
        self.ends = left;
        for (_, end) in over {
            match end {
                End::Repair(a, b) => self.sim.repair(a.to_string(), b.to_string()),
                End::Release(a, b) => self.sim.release(a.to_string(), b.to_string()),
                End::Latency(a, b) => {
                    self.sim.set_link_max_message_latency(a.to_string(), b.to_string(), latency);
                }
                End::Crash(host) => {
                    self.sim.crash(host.to_string());
                    if let Host::Node(node) = host {
                        self.world.lock().commands[node].clear();
                    }
                }
                End::Restart(node) => {
                    self.halt(node);
                    self.ends.push((now + HALT, End::Start(Host::Node(node))));
                }
                End::Start(host) => {
                    self.world.note(format_args!("{host} starts"));
                    if let Host::Node(node) = host {
                        self.world.lock().commands[node].clear();
                    }
                    self.sim.bounce(host.to_string());
                }
                End::Unstall => self.world.lock().truth.log.is_stalled = false,
                End::Quicken(client) => {
                    if let Some(pause) = self.world.lock().pauses.get_mut(client) {
                        *pause = 0;
                    }
                }
            }
        }
    }
}
