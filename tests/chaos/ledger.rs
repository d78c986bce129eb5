//! What was published, and whether what a client saw agrees with it.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use crate::record::{Id, Reason, Record, Seen};

/// All events, by the hub's epoch and the topic, in the order of their numbers.
#[derive(Default)]
pub(crate) struct Ledger {
    events: HashMap<(u64, u32), Vec<Entry>>,
    /// Where each event is, by its own number.
    places: HashMap<u32, (Id, u32)>,
    /// Events that nobody answered for, since the hub ended first. They may have been published or not.
    unanswered: HashSet<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    number: u64,
    sequence: u32,
}

impl Ledger {
    pub(crate) fn add(&mut self, id: Id, topic: u32, sequence: u32) {
        let before = self.places.insert(sequence, (id, topic));
        assert_eq!(before, None, "event {sequence} was published twice");
        self.events.entry((id.epoch, topic)).or_default().push(Entry { number: id.number, sequence });
    }

    pub(crate) fn add_unanswered(&mut self, sequence: u32) {
        self.unanswered.insert(sequence);
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Returns the number of the last event of some topics in an epoch, or zero.
    pub(crate) fn last(&self, epoch: u64, topics: &[u32]) -> u64 {
        let entries = topics.iter().filter_map(|topic| self.events.get(&(epoch, *topic))).flatten();
        entries.map(|entry| entry.number).max().unwrap_or(0)
    }

    /// Takes up events that were published, as clients show, though nobody answered for them.
    pub(crate) fn adopt(&mut self, records: &[Record]) {
        for seen in records.iter().flat_map(|record| &record.seen) {
            if let Seen::Event { id, topic, sequence } = *seen {
                if self.unanswered.remove(&sequence) {
                    self.add(id, topic, sequence);
                }
            }
        }
        self.events.values_mut().for_each(|entries| entries.sort_by_key(|entry| entry.number));
    }

    fn is_empty(&self, record: &Record) -> bool {
        !self.events.keys().any(|(_, topic)| record.topics.contains(topic))
    }

    /// Goes through all that a client saw.
    ///
    /// # Errors
    ///
    /// Says what was skipped without a word, came twice, came out of order, or was never published.
    pub(crate) fn check(&self, record: &Record) -> Result<(), String> {
        let mut cursor = None;
        for (at, seen) in record.seen.iter().enumerate() {
            let before = cursor.clone();
            self.step(record, &mut cursor, seen).map_err(|what| {
                let around = &record.seen[at.saturating_sub(5)..record.seen.len().min(at + 3)];
                format!("{what}: {seen:?}, number {at} in {around:?}, at {before:?}")
            })?;
        }
        Ok(())
    }

    /// Goes on from one thing that a client saw to the next.
    fn step<'a>(
        &'a self,
        record: &Record,
        cursor: &mut Option<Cursor<'a>>,
        seen: &Seen,
    ) -> Result<(), &'static str> {
        match (seen, cursor) {
            (Seen::Position(id), cursor @ None) => {
                let begun = cursor.insert(Cursor::new(self, record, *id));
                if record.from_oldest && begun.has_passed_any() {
                    return Err("it begins behind the oldest event");
                }
            }
            // What it was to follow was lost with the hub, or never came.
            (Seen::End { hub_was_replaced: true }, None) => {}
            (Seen::End { .. }, None) if self.is_empty(record) => {}
            (_, None) => return Err("a stream begins without its position"),

            (Seen::Position(id), Some(cursor)) => cursor.go_to(*id)?,
            (Seen::Event { id, topic, sequence }, Some(cursor)) => {
                let entry = Entry { number: id.number, sequence: *sequence };
                cursor.deliver(*id, *topic, entry)?;
            }
            (Seen::Gap(Reason::Evicted, id), Some(cursor)) => cursor.tell_evicted(*id)?,
            (Seen::Gap(Reason::Unknown, id), Some(cursor)) => {
                if id.epoch == cursor.id.epoch {
                    return Err("its own epoch is unknown to the hub");
                }
                *cursor = Cursor::new(self, record, *id);
                if record.from_oldest && cursor.has_passed_any() {
                    return Err("it begins anew behind the oldest event");
                }
            }
            (Seen::End { .. }, Some(cursor)) => {
                if cursor.lanes.iter().any(|lane| lane.next().is_some()) {
                    return Err("it is stopped before the last event");
                }
            }
        }
        Ok(())
    }
}

/// Where a client is in the events of its topics.
#[derive(Clone)]
struct Cursor<'a> {
    id: Id,
    lanes: Vec<Lane<'a>>,
    /// After a gap was told, how many events it explains, until each topic has gone on.
    explained: Option<usize>,
}

/// One topic of a client.
#[derive(Clone)]
struct Lane<'a> {
    topic: u32,
    events: &'a [Entry],
    passed: usize,
    /// Whether a gap was told that may be one of this topic. Its next event shows how wide it is.
    may_skip: bool,
}

impl<'a> Cursor<'a> {
    fn new(ledger: &'a Ledger, record: &Record, id: Id) -> Self {
        let lanes = record.topics.iter().map(|topic| {
            let events = ledger.events.get(&(id.epoch, *topic)).map_or(&[][..], Vec::as_slice);
            let passed = events.partition_point(|entry| entry.number <= id.number);
            Lane { topic: *topic, events, passed, may_skip: false }
        });
        Self { id, lanes: lanes.collect(), explained: None }
    }

    fn has_passed_any(&self) -> bool {
        self.lanes.iter().any(|lane| lane.passed > 0)
    }

    /// Goes to a position, which claims all that is before it.
    fn go_to(&mut self, id: Id) -> Result<(), &'static str> {
        if id.epoch != self.id.epoch || id.number < self.id.number {
            return Err("the position goes back");
        }
        // The newest event of a topic is always held, so not even a gap explains this.
        if self.lanes.iter().any(|lane| lane.next().is_some_and(|next| next.number <= id.number)) {
            return Err("an event is skipped by a position");
        }
        self.id = id;
        Ok(())
    }

    fn deliver(&mut self, id: Id, topic: u32, came: Entry) -> Result<(), &'static str> {
        if id.epoch != self.id.epoch || id.number <= self.id.number {
            return Err("an event is double or out of order");
        }
        self.id = id;
        let mut lanes = self.lanes.iter_mut();
        let lane = lanes.find(|lane| lane.topic == topic).ok_or("an event of another topic")?;
        let pending = &lane.events[lane.passed..];
        let skipped =
            pending.iter().position(|entry| *entry == came).ok_or("an event that was not published")?;
        if skipped > 0 && !lane.may_skip {
            return Err("an event is missing");
        }
        lane.passed += skipped + 1;
        lane.may_skip = false;
        let is_early = |lane: &Lane<'_>| lane.next().is_some_and(|next| next.number < id.number);
        if self.lanes.iter().any(|lane| !lane.may_skip && is_early(lane)) {
            return Err("an event of another topic is missing");
        }
        self.explained = self.explained.map(|explained| explained + skipped);
        if self.explained.is_some() && self.lanes.iter().all(|lane| !lane.may_skip) {
            return if self.explained.take() == Some(0) {
                Err("a gap was told where there is none")
            } else {
                Ok(())
            };
        }
        Ok(())
    }

    fn tell_evicted(&mut self, id: Id) -> Result<(), &'static str> {
        if id.epoch != self.id.epoch || id.number < self.id.number {
            return Err("a gap leads elsewhere");
        }
        self.id = id;
        let mut explained = 0;
        for lane in &mut self.lanes {
            let passed = lane.events.partition_point(|entry| entry.number <= id.number);
            explained += passed - lane.passed;
            lane.passed = passed;
            lane.may_skip = lane.next().is_some();
        }
        self.explained = Some(explained);
        Ok(())
    }
}

impl Lane<'_> {
    fn next(&self) -> Option<Entry> {
        self.events.get(self.passed).copied()
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("id", &self.id).field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

impl fmt::Debug for Lane<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next = &self.events[self.passed..self.events.len().min(self.passed + 3)];
        f.debug_struct("Lane").field("topic", &self.topic).field("next", &next).finish_non_exhaustive()
    }
}
