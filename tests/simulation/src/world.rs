//! What all hosts of a world share: the truth, the trace, the present faults and the first promise that was broken.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard},
};

use ssekit::hub::StreamHandle;
use tokio::sync::Notify;

use crate::{
    client::Seen,
    plan::{Item, Plan},
    truth::Truth,
};

#[derive(Clone)]
pub struct World(Arc<Inner>);

struct Inner {
    plan: Plan,
    state: Mutex<State>,
    /// Wakes the log's readers.
    pub appended: Notify,
    /// Wakes each node.
    commands: Vec<Notify>,
}

pub struct State {
    /// Milliseconds since the world began.
    pub now: u64,
    pub truth: Truth,
    pub clients: Vec<Seen>,
    pub handles: Vec<Option<StreamHandle>>,
    pub commands: Vec<VecDeque<Command>>,
    /// The bytes after which the connection of a client, or of a node to the log, breaks.
    pub cuts: Vec<Option<usize>>,
    pub log_cuts: Vec<Option<usize>>,
    /// The pause after each update of a slow client.
    pub pauses: Vec<u64>,
    /// What each node has read of the log.
    pub reading: Vec<Reading>,
    /// How far the clock of each node's hub has gone forward, in milliseconds.
    pub jumps: Vec<u64>,
    pub serials: u64,
    /// Commands of the end that are not carried out yet.
    pub pending: usize,
    pub trace: String,
    pub violation: Option<String>,
    pub figures: Figures,
}

/// What a node has read of the log.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The greatest number that it has read.
    pub newest: u64,
    /// The hub that it has now holds nothing that was read before.
    pub since: u64,
    /// When it noticed that the log was replaced, if it has not built another hub since.
    pub noticed: Option<u64>,
    /// When the log last told it what is new.
    pub followed_at: u64,
    /// Since when it has been able to follow the log.
    pub follows_since: Option<u64>,
}

/// What happened in a world.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub nodes: usize,
    pub clients: usize,
    pub faults: usize,
    pub events: usize,
    pub delivered: usize,
    pub connections: usize,
    pub gaps: usize,
    pub resets: u64,
    pub paged: u64,
    pub refusals: usize,
    pub stopped: usize,
    /// Virtual milliseconds.
    pub lasted: u64,
}

#[derive(Clone, Debug)]
pub enum Command {
    Publish {
        topic: usize,
        events: Vec<Item>,
        last: bool,
    },
    Finish {
        topic: usize,
    },
    Remove {
        topic: usize,
    },
    Reopen {
        topic: usize,
    },
    Close {
        deadline: u64,
    },
    /// Ends all connections, since the node is about to crash.
    Halt,
}

impl World {
    pub fn new(plan: Plan) -> Self {
        let (nodes, clients) = (plan.nodes.len(), plan.clients.len());
        let mut truth = Truth::default();
        truth.log.max = plan.log.max;
        let state = State {
            now: 0,
            truth,
            clients: plan.clients.iter().map(|_| Seen::default()).collect(),
            handles: vec![None; clients],
            commands: vec![VecDeque::new(); nodes],
            cuts: vec![None; clients],
            log_cuts: vec![None; nodes],
            pauses: vec![0; clients],
            reading: vec![Reading::default(); nodes],
            jumps: vec![0; nodes],
            serials: 0,
            pending: 0,
            trace: String::new(),
            violation: None,
            figures: Figures::default(),
        };
        let commands = (0..nodes).map(|_| Notify::new()).collect();
        Self(Arc::new(Inner { plan, state: Mutex::new(state), appended: Notify::new(), commands }))
    }

    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn appended(&self) -> &Notify {
        &self.0.appended
    }

    pub fn command(&self, node: usize, command: Command) {
        self.lock().commands[node].push_back(command);
        self.0.commands[node].notify_one();
    }

    pub async fn next_command(&self, node: usize) -> Command {
        loop {
            let command = self.lock().commands[node].pop_front();
            match command {
                Some(command) => return command,
                None => self.0.commands[node].notified().await,
            }
        }
    }

    pub fn note(&self, line: std::fmt::Arguments<'_>) {
        self.lock().note(line);
    }

    pub fn violated(&self, line: std::fmt::Arguments<'_>) {
        self.lock().violated(line);
    }
}

impl State {
    pub fn note(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.trace, "{:>7} {line}", self.now);
    }

    /// Notes a promise that was broken.
    pub fn violated(&mut self, line: std::fmt::Arguments<'_>) {
        self.note(format_args!("BROKEN: {line}"));
        self.violation.get_or_insert_with(|| format!("{} ms: {line}", self.now));
    }
}
