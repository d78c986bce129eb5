//! A log in memory that several relays share, and that can be trimmed, erased, put back and cut off.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use ssekit::{
    EventId,
    relay::{AppendError, Entry, Limit, Log, Page, Record},
    replay::IdOrder,
};
use tokio::{sync::Notify, time::Instant};

#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryLog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    /// The number of the newest entry ever. Like a clock, it does not go back unless somebody puts it back.
    newest: u64,
    /// Of each entry ever, by its number: the one that it was appended after, and the topic of its event.
    born: HashMap<u64, (Option<u64>, Option<String>)>,
    /// The topic and the key of each event that has one, by its number.
    keyed: HashMap<u64, (String, String)>,
    /// Whether an entry was ever removed.
    has_removed: bool,
    keys: HashMap<String, EventId>,
    /// How many entries are held at most.
    max: Option<usize>,
    unreachable: bool,
    deaf: bool,
    /// Appends that are carried out but not acknowledged.
    unacknowledged: usize,
    reads: usize,
    /// How many entries were given to those reads.
    read_entries: usize,
    /// Whether what is asked of the log, but by the tails, gets no answer.
    stalled: bool,
    lookups_stalled: bool,
    pages_stalled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unreachable")]
pub(crate) struct Unreachable;

/// Numbers that begin with a letter, so that not any number will do.
#[derive(Debug)]
pub(crate) struct Numbers;

impl IdOrder for Numbers {
    fn position(&self, id: &str) -> Option<u128> {
        id.strip_prefix('n')?.parse::<u64>().ok().map(u128::from)
    }

    fn id(&self, position: u128) -> EventId {
        EventId::try_from(format!("n{position}")).unwrap()
    }
}

impl MemoryLog {
    /// Removes all but the newest entries.
    pub(crate) fn trim(&self, keep: usize) {
        let mut state = self.lock();
        let surplus = state.entries.len().saturating_sub(keep);
        state.has_removed |= surplus > 0;
        state.entries.drain(..surplus);
    }

    /// Bounds the log to its newest entries, whenever something is appended.
    pub(crate) fn set_max(&self, max: Option<usize>) {
        self.lock().max = max;
    }

    /// Returns whether nothing was removed since it began, which an empty log does not show.
    pub(crate) fn is_whole(&self) -> bool {
        self.lock().is_whole()
    }

    /// Returns all entries, to be put back later.
    pub(crate) fn copy(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// Replaces all entries.
    pub(crate) fn put_back(&self, entries: Vec<Entry>) {
        let mut state = self.lock();
        (state.entries, state.has_removed) = (entries, true);
        drop(state);
        self.0.changed.notify_waiters();
    }

    pub(crate) fn erase(&self) {
        self.put_back(Vec::new());
    }

    /// Cuts the log off, also from those that wait for it, or makes it reachable again.
    pub(crate) fn set_unreachable(&self, unreachable: bool) {
        self.lock().unreachable = unreachable;
        self.0.changed.notify_waiters();
    }

    /// Lets the tails hear of nothing that happens to the log, or again of all.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.lock().deaf = deaf;
        self.0.changed.notify_waiters();
    }

    /// Sets the number after which the next entry gets its own, like a clock that somebody puts forward or back.
    pub(crate) fn set_newest(&self, number: u64) {
        self.lock().newest = number;
    }

    /// Lets the next append be carried out without an acknowledgement.
    pub(crate) fn lose_acknowledgement(&self) {
        self.lock().unacknowledged += 1;
    }

    /// Appends what is no record, or what a relay would not.
    pub(crate) fn append_entry(&self, record: Result<Record, ssekit::relay::InvalidRecord>) -> EventId {
        let id = self.lock().push(record);
        self.0.changed.notify_waiters();
        id
    }

    /// Returns the IDs of the entries.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.lock().entries.iter().map(|entry| entry.id.to_string()).collect()
    }

    /// Returns the events between two entries in the history that led to the later one, as numbers and topics, newest
    /// first. `None` if the earlier one is no part of that history.
    pub(crate) fn between(&self, earlier: &str, later: &str) -> Option<Vec<(u64, String)>> {
        let number = |id: &str| Numbers.position(id).map(|position| position as u64);
        let (earlier, mut at) = (number(earlier)?, number(later)?);
        let state = self.lock();
        let mut events = Vec::new();
        loop {
            let (before, _) = &state.born[&at];
            at = (*before)?;
            if at == earlier {
                return Some(events);
            }
            events.extend(state.born[&at].1.clone().map(|topic| (at, topic)));
        }
    }

    /// Returns the events that led to an entry, as numbers and topics, newest first.
    pub(crate) fn before(&self, later: &str) -> Vec<(u64, String)> {
        let state = self.lock();
        let mut at = Numbers.position(later).map(|position| position as u64);
        let mut events = Vec::new();
        while let Some(before) = at.and_then(|at| state.born[&at].0) {
            events.extend(state.born[&before].1.clone().map(|topic| (before, topic)));
            at = Some(before);
        }
        events
    }

    /// Returns the topic of an entry that is an event.
    pub(crate) fn topic_of(&self, number: u64) -> Option<String> {
        self.lock().born[&number].1.clone()
    }

    /// Returns whether an event has a key that a later one has, too.
    pub(crate) fn is_superseded(&self, number: u64) -> bool {
        let state = self.lock();
        let key = state.keyed.get(&number);
        key.is_some() && state.keyed.iter().any(|(later, other)| *later > number && Some(other) == key)
    }

    /// Returns whether an entry was ever removed.
    pub(crate) fn has_removed(&self) -> bool {
        self.lock().has_removed
    }

    /// Returns how many pages were read since this was last asked, beside those of the tails.
    pub(crate) fn take_reads(&self) -> usize {
        mem::take(&mut self.lock().reads)
    }

    /// As [`take_reads`](Self::take_reads), but counts the entries in those pages.
    pub(crate) fn take_read_entries(&self) -> usize {
        mem::take(&mut self.lock().read_entries)
    }

    /// Lets nothing be answered but to the tails, or again all.
    pub(crate) fn set_stalled(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.0.changed.notify_waiters();
    }

    /// Lets no ID be looked up, or again all.
    pub(crate) fn set_lookups_stalled(&self, stalled: bool) {
        self.lock().lookups_stalled = stalled;
        self.0.changed.notify_waiters();
    }

    /// Lets IDs be looked up, but nothing be read except by the tails, or again all.
    pub(crate) fn set_pages_stalled(&self, stalled: bool) {
        self.lock().pages_stalled = stalled;
        self.0.changed.notify_waiters();
    }

    async fn wait_while(&self, stalled: impl Fn(&State) -> bool) {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if !stalled(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    fn page(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, Unreachable> {
        let state = self.lock();
        if state.unreachable {
            return Err(Unreachable);
        }
        let (held, from) = match after {
            None => (state.is_whole(), 0),
            Some(after) => match state.entries.iter().position(|entry| entry.id == *after) {
                Some(at) => (true, at + 1),
                None => (false, usize::MAX),
            },
        };
        let entries = state.entries.get(from..).unwrap_or_default();
        // Like Redis, it does not count bytes.
        let page = entries[..limit.entries.min(entries.len())].to_vec();
        Ok(Page { held, at_end: page.len() == entries.len(), entries: page })
    }
}

impl State {
    fn push(&mut self, record: Result<Record, ssekit::relay::InvalidRecord>) -> EventId {
        self.newest += 1;
        let id = Numbers.id(self.newest.into());
        let before = self.entries.last().and_then(|entry| Numbers.position(entry.id.as_str()));
        let topic = match &record {
            Ok(Record::Event { topic, .. }) => Some(topic.clone()),
            _ => None,
        };
        if let (Some(topic), Ok(Record::Event { event, .. })) = (&topic, &record) {
            let key = event.key().map(|key| (topic.clone(), key.to_owned()));
            self.keyed.extend(key.map(|key| (self.newest, key)));
        }
        self.born.insert(self.newest, (before.map(|position| position as u64), topic));
        self.entries.push(Entry { id: id.clone(), record });
        let surplus = self.max.map_or(0, |max| self.entries.len().saturating_sub(max));
        self.has_removed |= surplus > 0;
        self.entries.drain(..surplus);
        id
    }

    /// Returns whether the oldest entry was appended to an empty log.
    fn is_whole(&self) -> bool {
        let first = self.entries.first().and_then(|entry| Numbers.position(entry.id.as_str()));
        first.is_some_and(|first| self.born[&(first as u64)].0.is_none())
    }

    fn is_finished(&self, topic: &str) -> bool {
        let last = self.entries.iter().rev().filter_map(|entry| entry.record.as_ref().ok());
        let last = last.into_iter().find(|record| record.topic() == Some(topic));
        matches!(last, Some(Record::Finish { .. }))
    }
}

impl Log for MemoryLog {
    type Order = Numbers;
    type Error = Unreachable;

    fn order(&self) -> Numbers {
        Numbers
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<Unreachable>> {
        let (id, acknowledged) = {
            let mut state = self.lock();
            if state.unreachable {
                return Err(AppendError::Refused(Unreachable));
            }
            if let Some(id) = key.and_then(|key| state.keys.get(key)) {
                return Ok(id.clone());
            }
            if record.topic().is_some_and(|topic| state.is_finished(topic)) {
                return Err(AppendError::Finished);
            }
            let id = state.push(Ok(record));
            if let Some(key) = key {
                state.keys.insert(key.to_owned(), id.clone());
            }
            let lost = state.unacknowledged > 0;
            state.unacknowledged -= usize::from(lost);
            (id, !lost)
        };
        self.0.changed.notify_waiters();
        if acknowledged { Ok(id) } else { Err(AppendError::Unacknowledged(Unreachable)) }
    }

    async fn holds(&self, id: &EventId) -> Result<bool, Unreachable> {
        self.lock().reads += 1;
        self.wait_while(|state| state.stalled || state.lookups_stalled).await;
        let page = self.page(Some(id), Limit::entries(1))?;
        self.lock().read_entries += usize::from(page.held);
        Ok(page.held)
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, Unreachable> {
        self.lock().reads += 1;
        self.wait_while(|state| state.stalled || state.pages_stalled).await;
        let page = self.page(after, limit)?;
        self.lock().read_entries += page.entries.len();
        Ok(page)
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, Unreachable> {
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let deaf = self.lock().deaf;
            if !deaf {
                let page = self.page(Some(after), limit)?;
                if !page.held || !page.entries.is_empty() || Instant::now() >= deadline {
                    return Ok(page);
                }
            }
            if deaf {
                changed.await;
            } else {
                let _ = tokio::time::timeout_at(deadline, changed).await;
            }
        }
    }
}
