//! All that was ever published, in the order of each history, and what is held of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

pub type FactId = usize;

/// One entry of the log, or one event of a hub.
#[derive(Debug)]
pub struct Fact {
    /// The instance of a hub, or none for the log.
    pub instance: Option<usize>,
    pub number: u64,
    /// The one that it was appended after.
    pub before: Option<FactId>,
    pub what: What,
    /// Whether the log holds it.
    pub held: bool,
    /// When it was appended.
    pub at: u64,
    /// When it came back into the log.
    pub returned_at: u64,
    /// When the log last lost it, other than by being trimmed.
    pub lost_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Begin,
    Event { topic: usize, key: Option<u8>, removes: bool, label: u8, serial: u64 },
    Finish { topic: usize },
}

impl What {
    pub fn topic(self) -> Option<usize> {
        match self {
            Self::Begin => None,
            Self::Event { topic, .. } | Self::Finish { topic } => Some(topic),
        }
    }
}

#[derive(Debug, Default)]
pub struct Truth {
    pub facts: Vec<Fact>,
    by_number: BTreeMap<u64, FactId>,
    pub instances: Vec<Instance>,
    /// The events of each key of each topic of each history, oldest first.
    keyed: BTreeMap<(Option<usize>, usize, u8), Vec<FactId>>,
    pub log: LogState,
}

/// A hub, from its start to its end.
#[derive(Debug)]
pub struct Instance {
    pub node: usize,
    epoch: Option<String>,
    pub facts: Vec<FactId>,
    /// Of each topic, the newest fact when it was last removed.
    pub removed: [Option<FactId>; 6],
    /// Of each topic, when it was last unfinished.
    pub unfinished_at: [u64; 6],
    pub is_finished: [bool; 6],
}

#[derive(Debug, Default)]
pub struct LogState {
    pub entries: VecDeque<FactId>,
    pub fields: BTreeMap<FactId, Value>,
    pub newest: u64,
    pub keys: BTreeMap<String, FactId>,
    pub max: Option<usize>,
    pub has_removed: bool,
    /// When its content was last replaced.
    pub replaced_at: u64,
    pub copy: Option<Vec<FactId>>,
    pub is_stalled: bool,
    pub unacknowledged: usize,
    pub refused: usize,
}

impl Truth {
    pub fn append(&mut self, what: What, fields: Value, now: u64) -> FactId {
        self.log.newest += 1;
        let number = self.log.newest;
        let id = self.facts.len();
        let before = self.log.entries.back().copied();
        self.facts.push(Fact {
            instance: None,
            number,
            before,
            what,
            held: true,
            at: now,
            returned_at: now,
            lost_at: 0,
        });
        self.by_number.insert(number, id);
        self.note_key(id);
        self.log.entries.push_back(id);
        self.log.fields.insert(id, fields);
        if let Some(max) = self.log.max {
            self.trim(max);
        }
        id
    }

    fn note_key(&mut self, id: FactId) {
        if let Fact { instance, what: What::Event { topic, key: Some(key), .. }, .. } = self.facts[id] {
            self.keyed.entry((instance, topic, key)).or_default().push(id);
        }
    }

    pub fn trim(&mut self, keep: usize) {
        while self.log.entries.len() > keep {
            let gone = self.log.entries.pop_front().unwrap();
            self.facts[gone].held = false;
            self.log.has_removed = true;
        }
    }

    /// Replaces the entries of the log.
    pub fn replace(&mut self, entries: Vec<FactId>, now: u64) {
        let stays: BTreeSet<_> = entries.iter().copied().collect();
        for gone in std::mem::take(&mut self.log.entries).into_iter().filter(|id| !stays.contains(id)) {
            let fact = &mut self.facts[gone];
            (fact.held, fact.lost_at) = (false, now);
        }
        for id in stays {
            let fact = &mut self.facts[id];
            fact.returned_at = if fact.held { fact.returned_at } else { now };
            fact.held = true;
        }
        self.log.entries = entries.into();
        (self.log.has_removed, self.log.replaced_at) = (true, now);
        let facts = &self.facts;
        self.log.keys.retain(|_, id| facts[*id].held);
    }

    /// Drops the newest entries, as a crash or a failover does.
    pub fn lose(&mut self, count: usize, now: u64) {
        if count > 0 {
            let keep = self.log.entries.len().saturating_sub(count);
            let entries = self.log.entries.iter().copied().take(keep).collect();
            self.replace(entries, now);
        }
    }

    /// Whether nothing was removed before the oldest entry.
    pub fn is_whole(&self) -> bool {
        self.log.entries.front().is_some_and(|first| self.facts[*first].before.is_none())
    }

    pub fn is_finished(&self, topic: usize) -> bool {
        let last = self.log.entries.iter().rev().map(|id| self.facts[*id].what);
        matches!(last.into_iter().find(|what| what.topic() == Some(topic)), Some(What::Finish { .. }))
    }

    pub fn entry(&self, number: u64) -> Option<FactId> {
        self.by_number.get(&number).copied()
    }

    pub fn begin_instance(&mut self, node: usize) -> usize {
        let id = self.facts.len();
        let instance = self.instances.len();
        let before = None;
        let what = What::Begin;
        self.facts.push(Fact {
            instance: Some(instance),
            number: 0,
            before,
            what,
            held: true,
            at: 0,
            returned_at: 0,
            lost_at: 0,
        });
        self.instances.push(Instance {
            node,
            epoch: None,
            facts: vec![id],
            removed: [None; 6],
            unfinished_at: [0; 6],
            is_finished: [false; 6],
        });
        instance
    }

    pub fn published(&mut self, instance: usize, text: &str, what: What, now: u64) -> FactId {
        let (epoch, number) = split(text).unwrap();
        let of = &mut self.instances[instance];
        of.epoch.get_or_insert_with(|| epoch.to_owned());
        let id = self.facts.len();
        let before = of.facts.last().copied();
        of.facts.push(id);
        self.facts.push(Fact {
            instance: Some(instance),
            number,
            before,
            what,
            held: true,
            at: now,
            returned_at: 0,
            lost_at: 0,
        });
        self.note_key(id);
        id
    }

    /// The instance of a hub that a node runs.
    pub fn current(&self, node: usize) -> Option<usize> {
        self.instances.iter().rposition(|instance| instance.node == node)
    }

    /// Finds what an ID stands for: the newest fact that is not after it.
    pub fn resolve(&mut self, text: &str, node: usize) -> Option<FactId> {
        if let Some(number) = text.strip_prefix('n') {
            return self.entry(number.parse().ok()?);
        }
        let (epoch, number) = split(text)?;
        let known = self.instances.iter().position(|instance| instance.epoch.as_deref() == Some(epoch));
        let instance = match known {
            Some(known) => known,
            // The first that is seen of a hub may be the position before its first event.
            None => {
                let current = self.current(node)?;
                if self.instances[current].epoch.is_some() {
                    return None;
                }
                self.instances[current].epoch = Some(epoch.to_owned());
                current
            }
        };
        let facts = &self.instances[instance].facts;
        let after = facts.partition_point(|id| self.facts[*id].number <= number);
        facts.get(after.checked_sub(1)?).copied()
    }

    /// The end of a client's history: the log's, or that of a node's hub.
    pub fn head(&self, node: Option<usize>) -> Option<FactId> {
        match node {
            None => self.log.entries.back().copied(),
            Some(node) => self.instances[self.current(node)?].facts.last().copied(),
        }
    }

    /// Whether a later event of the same history has the same key.
    pub fn is_superseded(&self, id: FactId) -> bool {
        let Fact { instance, what: What::Event { topic, key: Some(key), .. }, .. } = self.facts[id] else {
            return false;
        };
        self.keyed[&(instance, topic, key)].last().is_some_and(|last| *last > id)
    }

    /// What lies between two facts, newest first. `None` if the earlier one is not in the history of the later one.
    pub fn between(&self, earlier: Option<FactId>, later: FactId) -> Option<Vec<FactId>> {
        let (mut all, mut at) = (Vec::new(), self.facts[later].before);
        loop {
            if at == earlier {
                return Some(all);
            }
            let id = at?;
            all.push(id);
            at = self.facts[id].before;
        }
    }
}

/// Splits the ID of a hub into its epoch and its number.
fn split(id: &str) -> Option<(&str, u64)> {
    let (epoch, number) = id.rsplit_once('-')?;
    Some((epoch, number.parse().ok()?))
}
