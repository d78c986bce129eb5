//! What happens in a world: all of it is drawn from the seed before it begins.
//!
//! A plan is data, so that a failing one can be shrunk: faults, clients and events are taken out of it, and what
//! is left stays as it is.

use std::fmt;

use crate::rng::Rng;

pub const TOPICS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// The milliseconds between two steps of the network and of the hosts.
pub const TICK: u64 = 5;

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// The greatest latency of a message.
    pub latency: u64,
    /// Segments that a connection holds in each direction.
    pub tcp_capacity: usize,
    pub nodes: Vec<NodePlan>,
    pub log: LogPlan,
    pub clients: Vec<ClientPlan>,
    pub client_hosts: usize,
    /// Sorted by time.
    pub publishes: Vec<(u64, Publish)>,
    pub faults: Vec<(u64, Fault)>,
    /// The time after which no more happens but that the world comes to rest.
    pub active: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A hub that is fed from the log.
    Relay,
    /// A hub of its own.
    Hub,
}

#[derive(Clone, Debug)]
pub struct NodePlan {
    pub kind: Kind,
    pub events: usize,
    /// The bytes of a topic.
    pub bytes: Option<usize>,
    pub max_bytes: Option<usize>,
    pub age: Option<u64>,
    pub max_topics: Option<usize>,
    pub remembered_ids: usize,
    pub keep_alive: u64,
    pub form: Form,
    pub lifetime: Option<(u64, u64)>,
    pub write_timeout: u64,
    /// How long a request to the log may take.
    pub log_timeout: u64,
    /// The bytes that a write to a client takes at most, if its buffers are small.
    pub narrow: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Event,
    IdOnly,
    Off,
}

#[derive(Clone, Debug)]
pub struct LogPlan {
    /// The entries held, if the log is trimmed with each one that is appended.
    pub max: Option<usize>,
    pub counts_bytes: bool,
    /// Entries of a page at most, whatever is asked for.
    pub page: usize,
    /// How long `follow` waits.
    pub poll: u64,
    /// Whether it reads on after an entry that it does not hold.
    pub reads_on: bool,
}

#[derive(Clone, Debug)]
pub struct ClientPlan {
    pub host: usize,
    pub kind: Kind,
    pub topics: Vec<usize>,
    /// The remainder of the labels that pass its filter, when divided by two.
    pub labels: Option<u8>,
    pub oldest: bool,
    pub skips: bool,
    /// Bytes that a read gives at most.
    pub read: usize,
    /// Whether it keeps its last event ID when its host crashes.
    pub persists: bool,
    pub idle_timeout: u64,
    pub seed: u64,
    /// Whether its streams have a handle. Without one they are read in another way.
    pub has_handle: bool,
    /// The node to which it connects, if it is always the same.
    pub node: Option<usize>,
}

#[derive(Clone, Debug)]
pub enum Publish {
    /// Events in a row, one after the other.
    Burst {
        node: usize,
        topic: usize,
        events: Vec<Item>,
    },
    Finish {
        node: usize,
        topic: usize,
    },
    Remove {
        node: usize,
        topic: usize,
    },
    Reopen {
        node: usize,
        topic: usize,
    },
    EndStream {
        client: usize,
        retry: bool,
    },
    AddTopic {
        client: usize,
        topic: usize,
    },
    DropTopic {
        client: usize,
        topic: usize,
    },
}

#[derive(Clone, Debug)]
pub struct Item {
    pub key: Option<u8>,
    pub removes: bool,
    pub label: u8,
    pub size: usize,
    /// Publishes it with a key of the log, and again if the log did not acknowledge it.
    pub once: bool,
}

/// A host of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    Log,
    Node(usize),
    Clients(usize),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log => f.write_str("log"),
            Self::Node(index) => write!(f, "node{index}"),
            Self::Clients(index) => write!(f, "clients{index}"),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Fault {
    Partition {
        between: (Host, Host),
        one_way: bool,
        lasts: u64,
    },
    Delay {
        between: (Host, Host),
        latency: u64,
        lasts: u64,
    },
    Hold {
        between: (Host, Host),
        lasts: u64,
    },
    Cut {
        client: usize,
        after: usize,
    },
    CutLog {
        node: usize,
        after: usize,
    },
    Crash {
        node: usize,
        lasts: u64,
    },
    Close {
        node: usize,
        lasts: u64,
        deadline: u64,
    },
    CrashClients {
        host: usize,
        lasts: u64,
    },
    CrashLog {
        loses: usize,
        lasts: u64,
    },
    /// A log that is behind takes over.
    Failover {
        loses: usize,
    },
    Trim {
        keep: usize,
    },
    Erase,
    Copy,
    /// The log is put back to the last copy.
    Restore,
    StallLog {
        lasts: u64,
    },
    LoseAcknowledgements {
        times: usize,
    },
    RefuseAppends {
        times: usize,
    },
    Slow {
        client: usize,
        pause: u64,
        lasts: u64,
    },
    /// The clock of a node's hub goes forward.
    Clock {
        node: usize,
        by: u64,
    },
    /// The numbers of the log go forward.
    Numbers {
        by: u64,
    },
}

impl Plan {
    /// Draws a plan.
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x5353_455F_574F_524C);
        let active = rng.between(25_000, 30_000);
        let relays = rng.between(2, 3) as usize;
        let mut nodes: Vec<_> = (0..relays).map(|_| node(&mut rng, Kind::Relay)).collect();
        for _ in relays..rng.between(3, 4) as usize {
            nodes.push(node(&mut rng, Kind::Hub));
        }
        let client_hosts = rng.between(1, 3) as usize;
        let has_hub = nodes.iter().any(|node| node.kind == Kind::Hub);
        let count = rng.between(8, 12) as usize;
        let clients: Vec<_> = (0..count)
            .map(|index| client(&mut rng, index % client_hosts, has_hub && index % 3 == 2))
            .collect();
        let log = LogPlan {
            max: rng.percent(40).then(|| rng.pick(&[1, 6, 25, 60, 100])),
            counts_bytes: rng.percent(50),
            page: rng.pick(&[1, 3, 7, 64, 1000]),
            poll: rng.pick(&[300, 1000, 2000]),
            reads_on: false,
        };
        let latency = rng.pick(&[2, 10, 40]);
        let tcp_capacity = rng.pick(&[128, 256]);
        let publishes = publishes(&mut rng, &nodes, clients.len(), active);
        let faults = faults(&mut rng, &nodes, clients.len(), client_hosts, active);
        let mut plan = Self {
            seed,
            latency,
            tcp_capacity,
            nodes,
            log,
            clients,
            client_hosts,
            publishes,
            faults,
            active,
        };
        plan.vary(&mut Rng::new(seed ^ 0x4D4F_5245));
        plan
    }

    /// Draws what some worlds have in addition.
    fn vary(&mut self, rng: &mut Rng) {
        self.log.reads_on = rng.percent(50);
        for node in &mut self.nodes {
            node.narrow = rng.percent(40).then(|| rng.pick(&[20, 200]));
        }
        let is_steered = |index| {
            self.publishes.iter().any(|(_, publish)| match publish {
                Publish::EndStream { client, .. }
                | Publish::AddTopic { client, .. }
                | Publish::DropTopic { client, .. } => *client == index,
                _ => false,
            })
        };
        let steered: Vec<_> = (0..self.clients.len()).map(is_steered).collect();
        for (client, is_steered) in self.clients.iter_mut().zip(steered) {
            client.has_handle = is_steered || rng.percent(40);
        }
        // Streams of slow readers that are ended while events are pending.
        if rng.percent(40) {
            let client = rng.index(self.clients.len());
            let at = rng.between(3_000, self.active - 8_000);
            self.faults.push((at, Fault::Slow { client, pause: rng.pick(&[400, 2000]), lasts: 6_000 }));
            self.faults.sort_by_key(|(at, _)| *at);
            for _ in 0..3 {
                let retry = rng.percent(50);
                self.publishes.push((at + rng.between(500, 6_000), Publish::EndStream { client, retry }));
            }
            self.publishes.sort_by_key(|(at, _)| *at);
            self.clients[client].has_handle = true;
        }
        // A crowd, as a hub treats many subscriptions to one topic in another way.
        if rng.percent(6) {
            let topic = rng.index(2);
            for number in 0..14 {
                let host = number % self.client_hosts;
                self.clients.push(ClientPlan {
                    topics: vec![topic],
                    has_handle: false,
                    node: Some(0),
                    ..client(rng, host, false)
                });
            }
        }
    }

    pub fn events(&self) -> usize {
        let events = |(_, publish): &(u64, Publish)| match publish {
            Publish::Burst { events, .. } => events.len(),
            _ => 0,
        };
        self.publishes.iter().map(events).sum()
    }

    pub fn hosts(&self) -> Vec<Host> {
        let nodes = (0..self.nodes.len()).map(Host::Node);
        let clients = (0..self.client_hosts).map(Host::Clients);
        [Host::Log].into_iter().chain(nodes).chain(clients).collect()
    }
}

fn node(rng: &mut Rng, kind: Kind) -> NodePlan {
    NodePlan {
        kind,
        events: rng.pick(&[1, 4, 20, 60, 1000]),
        bytes: rng.percent(25).then(|| rng.pick(&[600, 3000, 20_000])),
        max_bytes: rng.percent(25).then(|| rng.pick(&[5_000, 20_000, 100_000])),
        age: rng.percent(20).then(|| rng.pick(&[1_000, 4_000, 15_000])),
        max_topics: rng.percent(20).then(|| rng.pick(&[1, 3])),
        remembered_ids: rng.pick(&[1, 5, 50, 65_536]),
        keep_alive: rng.pick(&[300, 700, 1500]),
        form: rng.pick(&[Form::Event, Form::Event, Form::Event, Form::IdOnly, Form::Off]),
        lifetime: rng.percent(30).then(|| (1500, rng.pick(&[1500, 3000, 6000]))),
        write_timeout: rng.pick(&[1000, 3000]),
        log_timeout: rng.pick(&[600, 1500, 4000]),
        narrow: None,
    }
}

fn client(rng: &mut Rng, host: usize, of_hub: bool) -> ClientPlan {
    let mut topics: Vec<usize> = (0..TOPICS.len()).filter(|_| rng.percent(35)).collect();
    if topics.is_empty() {
        topics.push(rng.index(TOPICS.len()));
    }
    if rng.percent(30) {
        topics.truncate(1);
    }
    ClientPlan {
        host,
        kind: if of_hub { Kind::Hub } else { Kind::Relay },
        topics,
        labels: rng.percent(30).then(|| rng.below(2) as u8),
        oldest: rng.percent(50),
        skips: rng.percent(40),
        read: rng.pick(&[1, 7, 100, 100_000, 100_000]),
        persists: rng.percent(70),
        idle_timeout: rng.pick(&[2500, 4000]),
        seed: rng.draw(),
        has_handle: true,
        node: None,
    }
}

fn publishes(rng: &mut Rng, nodes: &[NodePlan], clients: usize, active: u64) -> Vec<(u64, Publish)> {
    let mut all = Vec::new();
    let mut events = 0;
    let wanted = rng.between(520, 900);
    let busy = 1 + rng.index(TOPICS.len());
    while events < wanted {
        let at = rng.below(active - 1000);
        let topic = if rng.percent(60) { rng.index(busy) } else { rng.index(TOPICS.len()) };
        let node = rng.index(nodes.len());
        let count = rng.pick(&[1, 2, 5, 9, 16, 30]);
        let keys = rng.percent(45).then(|| rng.between(1, 6) as u8);
        let large = rng.percent(10);
        let once = rng.percent(20);
        let items = (0..count).map(|_| Item {
            key: keys.map(|keys| rng.below(keys.into()) as u8),
            removes: keys.is_some() && rng.percent(15),
            label: rng.below(4) as u8,
            size: if large { rng.between(500, 4000) } else { rng.below(60) } as usize,
            once,
        });
        all.push((at, Publish::Burst { node, topic, events: items.collect() }));
        events += count;
    }
    let steering = rng.between(2, 10);
    for _ in 0..steering {
        let at = rng.below(active - 2000);
        let (node, topic, client) = (rng.index(nodes.len()), rng.index(TOPICS.len()), rng.index(clients));
        all.push((
            at,
            match rng.below(10) {
                0..=1 => Publish::Finish { node, topic },
                2..=3 => Publish::Remove { node, topic },
                4 => Publish::Reopen { node, topic },
                5..=6 => Publish::EndStream { client, retry: rng.percent(50) },
                7..=8 => Publish::AddTopic { client, topic },
                _ => Publish::DropTopic { client, topic },
            },
        ));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

fn faults(
    rng: &mut Rng,
    nodes: &[NodePlan],
    clients: usize,
    client_hosts: usize,
    active: u64,
) -> Vec<(u64, Fault)> {
    let count = rng.between(4, 9);
    let mut all: Vec<_> = (0..count)
        .map(|_| (rng.between(1000, active - 3000), fault(rng, nodes.len(), clients, client_hosts)))
        .collect();
    // Who is away comes back to a log that has let go of what it missed.
    let away: Vec<u64> = all
        .iter()
        .filter_map(|(at, fault)| match fault {
            Fault::Partition { lasts, .. }
            | Fault::CrashClients { lasts, .. }
            | Fault::Slow { lasts, .. } => Some(at + lasts * 9 / 10),
            _ => None,
        })
        .collect();
    for at in away {
        if rng.percent(40) {
            all.push((at, Fault::Trim { keep: rng.pick(&[1, 3, 10]) }));
        }
    }
    // A copy is of use only if it is put back.
    let copies: Vec<u64> =
        all.iter().filter(|(_, fault)| matches!(fault, Fault::Copy)).map(|(at, _)| *at).collect();
    for at in copies {
        all.push((at + rng.between(300, 6000), Fault::Restore));
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

fn fault(rng: &mut Rng, nodes: usize, clients: usize, client_hosts: usize) -> Fault {
    let node = rng.index(nodes);
    let other = if rng.percent(50) { Host::Log } else { Host::Clients(rng.index(client_hosts)) };
    let between = if rng.percent(50) { (Host::Node(node), other) } else { (other, Host::Node(node)) };
    let client = rng.index(clients);
    let lasts = rng.pick(&[100, 500, 1500, 4000, 7000]);
    match rng.below(22) {
        0 => Fault::Partition { between, one_way: false, lasts },
        1..=2 => Fault::Partition { between, one_way: true, lasts },
        3 => Fault::Delay { between, latency: rng.pick(&[100, 400, 1000]), lasts },
        4 => Fault::Hold { between, lasts },
        5..=6 => Fault::Cut { client, after: rng.below(600) as usize },
        7 => Fault::CutLog { node, after: rng.below(900) as usize },
        8 => Fault::Crash { node, lasts },
        9 => Fault::Close { node, lasts, deadline: rng.pick(&[0, 200, 1000]) },
        10 => Fault::CrashClients { host: rng.index(client_hosts), lasts: lasts.min(1500) },
        11 => Fault::CrashLog { loses: rng.pick(&[0, 0, 1, 5, 30]), lasts: lasts.min(4000) },
        12 => Fault::Failover { loses: rng.pick(&[0, 1, 3, 10, 40]) },
        13..=14 => Fault::Trim { keep: rng.pick(&[0, 1, 5, 20, 60]) },
        15 => {
            if rng.percent(30) {
                Fault::Erase
            } else {
                Fault::Trim { keep: rng.pick(&[2, 10, 100]) }
            }
        }
        16 => Fault::Copy,
        17 => Fault::StallLog { lasts: lasts.min(4000) },
        18 => {
            if rng.percent(50) {
                Fault::LoseAcknowledgements { times: rng.between(1, 6) as usize }
            } else {
                Fault::RefuseAppends { times: rng.between(1, 6) as usize }
            }
        }
        19..=20 => Fault::Slow { client, pause: rng.pick(&[50, 400, 2000]), lasts },
        _ => {
            if rng.percent(50) {
                Fault::Clock { node, by: rng.pick(&[500, 5_000, 100_000]) }
            } else {
                Fault::Numbers { by: rng.pick(&[10, 1_000_000]) }
            }
        }
    }
}
