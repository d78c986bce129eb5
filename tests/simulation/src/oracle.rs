//! The promises, as each client sees them kept or broken.

use ssekit::{
    ReceivedEvent,
    hub::{GapReason, Notice},
};

use crate::{
    client::{Connection, Seen},
    log::serial,
    plan::{ClientPlan, Form, Kind, NodePlan, Plan},
    truth::{Fact, FactId, Truth, What},
    world::State,
};

/// What a block of a stream is to its client.
#[derive(Clone, Copy, Debug)]
pub enum Block {
    Event(u64),
    Position,
    Reset(Option<GapReason>),
    /// A last event of the application's. It may carry the position.
    Last,
}

impl Block {
    pub fn of(event: &ReceivedEvent) -> Self {
        match Notice::of(event) {
            Some(Notice::Reset(reason)) => Self::Reset(reason),
            Some(_) => Self::Position,
            None => serial(event.data()).map_or(Self::Last, Self::Event),
        }
    }
}

/// Streams in a row that may bring nothing. A log that is replaced again and again ends some.
const MAX_FRUITLESS: u32 = 8;
/// An event reaches the clients that wait for it within this time, if no fault is in the way. A keep-alive may come
/// later, so that it does not hide a client that was not woken.
const PROMPT: u64 = 1_000;
/// A stream ends by its lifetime no sooner than this.
const LEAST_LIFETIME: u64 = 1_400;

impl Seen {
    /// Begins as a new client.
    fn forget(&mut self) {
        (self.last, self.fact, self.base) = (None, None, None);
        (self.told, self.has_base, self.excused) = (true, false, 0);
        self.received.clear();
    }
}

impl ClientPlan {
    fn wants(&self, what: What) -> bool {
        match what {
            What::Event { topic, label, .. } => self.topics.contains(&topic) && self.passes(label),
            _ => false,
        }
    }

    fn passes(&self, label: u8) -> bool {
        self.labels.is_none_or(|remainder| label % 2 == remainder)
    }
}

impl State {
    pub fn restarted(&mut self, plan: &Plan, client: usize) {
        let seen = &mut self.clients[client];
        seen.open = 0;
        (seen.is_open, seen.is_stopped, seen.connection) = (false, false, None);
        if !plan.clients[client].persists {
            seen.forget();
        }
    }

    pub fn connecting(&mut self, client: usize, node: usize, id: &str) {
        self.note(format_args!("client{client}: connects to node{node} after {id:?}"));
        let expected = self.clients[client].last.clone().unwrap_or_default();
        if expected != id {
            self.violated(format_args!("client{client} comes back after {id:?}, not {expected:?}"));
        }
        let began = self.now;
        let seen = &mut self.clients[client];
        if seen.last.is_none() {
            seen.forget();
            seen.begun = self.truth.facts.len();
        }
        let (served, has_advanced, blocks, added) = (false, false, 0, Vec::new());
        let since = 0;
        seen.connection = Some(Connection { node, began, since, served, has_advanced, blocks, added });
        seen.is_open = false;
    }

    pub fn served(&mut self, client: usize, node: usize, since: u64) {
        if let Some(connection) = self.clients[client].connection.as_mut().filter(|of| of.node == node) {
            (connection.served, connection.since) = (true, since);
        }
    }

    pub fn opened(&mut self, client: usize) {
        let seen = &mut self.clients[client];
        (seen.is_open, seen.is_stopped) = (true, false);
    }

    /// Notes that a connection is gone. `ended` says whether that was in order.
    pub fn ended(&mut self, client: usize, ended: bool) {
        let now = self.now;
        let seen = &mut self.clients[client];
        seen.is_open = false;
        let is_kept = seen.open > 0;
        let Some(connection) = seen.connection.take() else { return };
        if connection.has_advanced {
            seen.fruitless = 0;
        } else if ended && connection.served && seen.last.is_some() && now - connection.began < LEAST_LIFETIME
        {
            seen.fruitless += 1;
        }
        if is_kept {
            return self.violated(format_args!("client{client} keeps a connection that it gave up"));
        }
        if seen.fruitless > MAX_FRUITLESS {
            let last = seen.last.clone();
            self.violated(format_args!("client{client} comes back to {last:?} again and again"));
        }
    }

    /// Notes that a client was stopped with 204.
    pub fn has_stopped(&mut self, plan: &Plan, client: usize) {
        self.note(format_args!("client{client}: stopped"));
        self.figures.stopped += 1;
        let (of, seen) = (&plan.clients[client], &self.clients[client]);
        let Some(node) = seen.connection.as_ref().map(|connection| connection.node) else { return };
        let began = seen.connection.as_ref().map_or(0, |connection| connection.began);
        let truth = &self.truth;
        let wrong = of.topics.iter().find(|topic| !was_finished(truth, of, node, **topic, began)).copied();
        let missing = required(truth, plan, client, seen, node).unwrap_or_default();
        let missing: Vec<_> = missing.into_iter().filter(|id| precedes_finish(truth, *id)).collect();
        self.clients[client].is_stopped = true;
        self.clients[client].connection = None;
        if let Some(topic) = wrong {
            self.violated(format_args!("client{client} was stopped, but topic {topic} is not finished"));
        }
        if !missing.is_empty() {
            let missing = self.truth.describe(&missing);
            self.violated(format_args!("client{client} was stopped before it had {missing}"));
        }
    }

    /// Checks a block, and notes what the client knows by it.
    pub fn block(&mut self, plan: &Plan, client: usize, block: Block, id: &str) {
        self.note(format_args!("client{client}: {block:?} {id}"));
        let Some(node) = self.clients[client].connection.as_ref().map(|of| of.node) else {
            return self.violated(format_args!("client{client} gets a block without a connection"));
        };
        let fact = self.truth.resolve(id, node);
        let published = self.truth.facts.len();
        let seen = &mut self.clients[client];
        if seen.last.is_none() {
            // The stream of a new client began at some time before its first block. It need not have removals from before.
            seen.begun = published;
        }
        let result = match block {
            Block::Reset(reason) => self.reset(plan, client, node, reason, fact),
            Block::Event(serial) => self.event(plan, client, serial, fact, id),
            Block::Position | Block::Last => self.position(plan, client, fact, id),
        };
        let seen = &mut self.clients[client];
        let moved = seen.last.as_deref().unwrap_or_default() != id;
        if let Some(connection) = &mut seen.connection {
            connection.blocks += 1;
            connection.has_advanced |= moved || matches!(block, Block::Reset(_) | Block::Event(_));
        }
        (seen.last, seen.fact) = (Some(id.to_owned()).filter(|id| !id.is_empty()), fact);
        if let Err(broken) = result {
            self.violated(format_args!("client{client}: {broken}"));
        }
    }

    fn reset(
        &mut self,
        plan: &Plan,
        client: usize,
        node: usize,
        reason: Option<GapReason>,
        fact: Option<FactId>,
    ) -> Result<(), String> {
        self.figures.gaps += 1;
        let (seen, of) = (&self.clients[client], &plan.clients[client]);
        let result = match is_justified(&self.truth, plan, seen, of, node, self.reading[node].newest) {
            true => Ok(()),
            false => Err(format!(
                "a gap, {reason:?}, though nothing is gone after {:?}",
                self.clients[client].last
            )),
        };
        let now = self.truth.facts.len();
        let seen = &mut self.clients[client];
        (seen.told, seen.excused, seen.begun) = (true, now, now);
        seen.begins_now = reason == Some(GapReason::Unknown) && !plan.clients[client].oldest;
        (seen.base, seen.has_base) = (fact, fact.is_some());
        seen.received.clear();
        result
    }

    fn event(
        &mut self,
        plan: &Plan,
        client: usize,
        serial: u64,
        fact: Option<FactId>,
        id: &str,
    ) -> Result<(), String> {
        let of = &plan.clients[client];
        self.figures.delivered += 1;
        let fact = fact.ok_or_else(|| format!("{id} was never published"))?;
        let What::Event { topic, label, serial: expected, .. } = self.truth.facts[fact].what else {
            return Err(format!("{id} is no event"));
        };
        if serial != expected {
            return Err(format!("{id} is {expected}, but came as {serial}"));
        }
        let added = self.clients[client].connection.as_ref().is_some_and(|of| of.added.contains(&topic));
        if !of.topics.contains(&topic) && !added {
            return Err(format!("{id} is of another topic"));
        }
        if !of.passes(label) {
            return Err(format!("{id} does not pass the filter"));
        }
        if !self.clients[client].told && self.clients[client].last.as_deref() == Some(id) {
            return Err(format!("{id} came twice"));
        }
        self.advance(plan, client, fact, id, false)?;
        self.clients[client].received.insert(fact);
        Ok(())
    }

    fn position(&mut self, plan: &Plan, client: usize, fact: Option<FactId>, id: &str) -> Result<(), String> {
        if id.is_empty() || self.clients[client].last.as_deref() == Some(id) {
            return Ok(());
        }
        let fact = fact.ok_or_else(|| format!("the position {id} was never published"))?;
        self.advance(plan, client, fact, id, true)
    }

    /// Moves a client to a fact, and checks that nothing is missing before it.
    fn advance(
        &mut self,
        plan: &Plan,
        client: usize,
        fact: FactId,
        id: &str,
        is_position: bool,
    ) -> Result<(), String> {
        let (of, truth, seen) = (&plan.clients[client], &self.truth, &self.clients[client]);
        let missing = |between: Vec<FactId>| -> Result<(), String> {
            let is_missing = |id: &FactId| {
                of.wants(truth.facts[*id].what) && !truth.is_superseded(*id) && is_due(truth, plan, seen, *id)
            };
            let missing: Vec<FactId> = between.into_iter().filter(is_missing).collect();
            if missing.is_empty() {
                return Ok(());
            }
            Err(format!("{} missing before {id}", truth.describe(&missing)))
        };
        let begins = of.oldest && seen.excused == 0;
        let result = if !seen.told {
            match truth.between(seen.fact, fact) {
                // A position acknowledges what is at it, too.
                Some(between) if is_position => missing([vec![fact], between].concat()),
                Some(between) => missing(between),
                None => Err(format!("{id} does not follow {:?}", seen.last)),
            }
        } else if seen.has_base {
            // What is held after the cursor comes, unless the history is another one.
            truth.between(seen.base, fact).map_or(Ok(()), missing)
        } else if begins {
            missing(truth.between(None, fact).unwrap_or_default())
        } else {
            Ok(())
        };
        let seen = &mut self.clients[client];
        if seen.told {
            seen.told = false;
            (seen.base, seen.has_base) = if begins { (None, false) } else { (Some(fact), true) };
        }
        result
    }

    /// Returns why a client is not at rest.
    pub fn unrest(&self, plan: &Plan, client: usize) -> Option<String> {
        let seen = &self.clients[client];
        if seen.is_stopped {
            return None;
        }
        // Between two connections it may have everything as well: with short lifetimes, some client always is.
        let node = seen.connection.as_ref().map_or_else(|| home(plan, client), |connection| connection.node);
        let has_added = seen.connection.as_ref().is_some_and(|connection| !connection.added.is_empty());
        if !has_added && has_ended(&self.truth, plan, client, node) {
            return Some(format!("client{client} waits for topics that are finished"));
        }
        match required(&self.truth, plan, client, seen, node) {
            None => Some(format!("client{client} is in another history at {:?}", seen.last)),
            Some(missing) if missing.is_empty() => None,
            Some(missing) => {
                Some(format!("client{client} waits at {:?} for {}", seen.last, self.truth.describe(&missing)))
            }
        }
    }
}

impl State {
    /// Returns why a client has an old position, while nothing happens.
    pub fn staleness(&self, plan: &Plan, client: usize) -> Option<String> {
        let seen = &self.clients[client];
        if seen.is_stopped {
            return None;
        }
        let node = seen.connection.as_ref().map_or_else(|| home(plan, client), |connection| connection.node);
        let head = self.truth.head((plan.clients[client].kind == Kind::Hub).then_some(node));
        if plan.nodes[node].form == Form::Off || seen.last.is_none() || seen.fact == head {
            return None;
        }
        let head = head.map(|head| self.truth.facts[head].number);
        Some(format!("client{client} stays at {:?}, though all is read up to {head:?}", seen.last))
    }

    /// Returns what comes late to a client, of what was published since the world came to rest.
    pub fn lateness(&self, plan: &Plan, client: usize, rest_at: u64) -> Option<String> {
        let seen = &self.clients[client];
        let connection = seen.connection.as_ref().filter(|_| seen.is_open)?;
        let node = connection.node;
        // A client that gets no positions may still be reading what the log had before.
        if plan.nodes[node].form == Form::Off {
            return None;
        }
        let since = match plan.nodes[node].kind {
            Kind::Hub => 0,
            Kind::Relay => {
                self.reading[node].follows_since.filter(|_| self.reading[node].followed_at >= rest_at)?
            }
        };
        let due = |id: &FactId| {
            let at = self.truth.facts[*id].at;
            at >= rest_at && at > connection.began + PROMPT && at.max(since) + PROMPT < self.now
        };
        let late: Vec<_> = required(&self.truth, plan, client, seen, node)?.into_iter().filter(due).collect();
        (!late.is_empty()).then(|| format!("client{client} was not sent {}", self.truth.describe(&late)))
    }
}

/// The node of a client that has no connection; of a client of the log, one that tells no positions if there is one.
fn home(plan: &Plan, client: usize) -> usize {
    let of = &plan.clients[client];
    let mut nodes = (0..plan.nodes.len()).filter(|node| plan.nodes[*node].kind == of.kind);
    match of.kind {
        Kind::Hub => {
            let hubs: Vec<_> = nodes.collect();
            hubs[client % hubs.len()]
        }
        Kind::Relay => {
            let first = nodes.clone().next().unwrap_or(0);
            nodes.find(|node| plan.nodes[*node].form == Form::Off).unwrap_or(first)
        }
    }
}

/// Whether all topics of a client are finished, at a node that does not forget it.
fn has_ended(truth: &Truth, plan: &Plan, client: usize, node: usize) -> bool {
    let (of, hub) = (&plan.clients[client], &plan.nodes[node]);
    let is_finished = |topic: &usize| match of.kind {
        Kind::Relay => truth.is_finished(*topic),
        Kind::Hub => truth.current(node).is_some_and(|current| truth.instances[current].is_finished[*topic]),
    };
    hub.max_topics.is_none() && hub.max_bytes.is_none() && of.topics.iter().all(is_finished)
}

/// Whether what was published before a gap was told is still to come. The rest always is.
fn is_due(truth: &Truth, plan: &Plan, seen: &Seen, id: FactId) -> bool {
    let fact = &truth.facts[id];
    if id < seen.begun && matches!(fact.what, What::Event { removes: true, .. }) {
        return false;
    }
    if id >= seen.excused || seen.begins_now {
        return id >= seen.excused;
    }
    let (Some(instance), Some(topic)) = (fact.instance, fact.what.topic()) else {
        // The hub of the node may be older than what came back.
        let since = seen.connection.as_ref().map_or(0, |connection| connection.since);
        return fact.held && (fact.returned_at == fact.at || fact.returned_at < since);
    };
    let instance = &truth.instances[instance];
    let hub = &plan.nodes[instance.node];
    let later = instance.facts.iter().filter(|of| **of > id && truth.facts[**of].what.topic() == Some(topic));
    is_exact(hub) && later.count() < hub.events && instance.removed[topic].is_none_or(|removed| removed < id)
}

/// Whether only the number of events bounds the history of a node.
fn is_exact(node: &NodePlan) -> bool {
    node.bytes.is_none() && node.max_bytes.is_none() && node.age.is_none() && node.max_topics.is_none()
}

/// What a client is still to see, newest first. `None` if it is in another history and was not told.
fn required(truth: &Truth, plan: &Plan, client: usize, seen: &Seen, node: usize) -> Option<Vec<FactId>> {
    let of = &plan.clients[client];
    if seen.last.is_none() && seen.told && seen.excused == 0 && !of.oldest {
        // It has just begun.
        return Some(Vec::new());
    }
    let mut at = truth.head((of.kind == Kind::Hub).then_some(node));
    let (mut all, mut keys) = (Vec::new(), Vec::new());
    while at != seen.base {
        let Some(id) = at else { break };
        let fact = &truth.facts[id];
        at = fact.before;
        if let What::Event { topic, key: Some(key), .. } = fact.what {
            if keys.contains(&(topic, key)) {
                continue;
            }
            keys.push((topic, key));
        }
        if of.wants(fact.what) && !seen.received.contains(&id) && is_due(truth, plan, seen, id) {
            all.push(id);
        }
    }
    let is_found = at == seen.base || seen.told;
    is_found.then_some(all)
}

/// Whether a gap is told for a reason: something that the client did not have may be gone.
///
/// `newest` is the greatest number that the node has read from the log.
fn is_justified(truth: &Truth, plan: &Plan, seen: &Seen, of: &ClientPlan, node: usize, newest: u64) -> bool {
    let began = seen.connection.as_ref().map_or(0, |connection| connection.began);
    let added = seen.connection.as_ref().map_or(&[][..], |connection| &connection.added);
    if of.kind == Kind::Relay {
        let Some(fact) = seen.fact else { return seen.last.is_some() || truth.log.has_removed };
        let fact = &truth.facts[fact];
        if !fact.held || fact.returned_at > began {
            return true;
        }
        // A node that has read what the log then lost knows no better than that this client may have, too. It is
        // so until it has read the log anew.
        let since = seen.connection.as_ref().map_or(0, |connection| connection.since);
        return truth.facts.iter().any(|lost| {
            lost.instance.is_none()
                && (fact.number + 1..=newest).contains(&lost.number)
                && lost.lost_at >= since.max(1)
                && (!lost.held || lost.returned_at > began)
        });
    }
    let hub = &plan.nodes[node];
    let Some(current) = truth.current(node) else { return true };
    let instance = &truth.instances[current];
    let cursor = seen.fact;
    if !is_exact(hub) || cursor.is_some_and(|fact| truth.facts[fact].instance != Some(current)) {
        return true;
    }
    let cursor = cursor.unwrap_or(0);
    of.topics.iter().chain(added).any(|topic| {
        let is_of_topic = |id: &&FactId| truth.facts[**id].what.topic() == Some(*topic);
        let mut later = instance.facts.iter().filter(|id| **id > cursor).filter(is_of_topic);
        let all = instance.facts.iter().filter(is_of_topic).count();
        match later.next() {
            None => seen.last.is_none() && all > hub.events,
            Some(first) => {
                later.count() >= hub.events
                    || instance.removed[*topic].is_some_and(|removed| removed >= *first)
            }
        }
    })
}

/// Whether a topic was finished, in some state of the history that a node may have read.
fn was_finished(truth: &Truth, of: &ClientPlan, node: usize, topic: usize, began: u64) -> bool {
    if of.kind == Kind::Relay {
        return truth.facts.iter().any(|fact| fact.what == What::Finish { topic });
    }
    let Some(current) = truth.current(node) else { return true };
    let instance = &truth.instances[current];
    instance.is_finished[topic] || instance.unfinished_at[topic] >= began
}

/// Whether the topic of an event was finished after it.
fn precedes_finish(truth: &Truth, id: FactId) -> bool {
    let Fact { instance, what, .. } = truth.facts[id];
    let Some(topic) = what.topic() else { return false };
    instance.is_some()
        || truth.facts[id..]
            .iter()
            .any(|later| later.instance.is_none() && later.what == What::Finish { topic })
}

impl Truth {
    /// Names facts by their numbers.
    pub fn describe(&self, ids: &[FactId]) -> String {
        let names = ids.iter().take(5).map(|id| {
            let fact = &self.facts[*id];
            format!("{} ({:?})", fact.number, fact.what)
        });
        format!("{} events: {}", ids.len(), names.collect::<Vec<_>>().join(", "))
    }

    /// How often an event is in the log's history.
    pub fn times(&self, serial: u64) -> usize {
        let is_it = |fact: &&Fact| {
            fact.instance.is_none() && matches!(fact.what, What::Event { serial: of, .. } if of == serial)
        };
        self.facts.iter().filter(is_it).count()
    }

    /// The entry of the log with an ID.
    pub fn entry_of(&self, id: &str) -> Option<FactId> {
        self.entry(id.strip_prefix('n')?.parse().ok()?)
    }
}
