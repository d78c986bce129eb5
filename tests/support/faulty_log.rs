//! The log in memory, with one fault.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use ssekit::{
    EventId,
    relay::{AppendError, Entry, Limit, Log, Page, Record},
};

use super::memory_log::{MemoryLog, Numbers, Unreachable};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Some appends return the ID of the one before.
    IdUsedTwice,
    /// Some entries become visible after others with greater IDs.
    LateCommit,
    /// Every page says that nothing is missing before it.
    GapHidden,
    /// Some appends are acknowledged and not carried out.
    AcknowledgedLost,
    FinishForgotten,
    FinishForgottenAtRestart,
    KeyForgotten,
    AllIdsHeld,
    AlwaysAtEnd,
    /// Following leaves out the first entry of each page.
    FollowSkips,
}

#[derive(Clone, Debug)]
pub(crate) struct FaultyLog {
    log: MemoryLog,
    fault: Fault,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    appended: usize,
    last: Option<EventId>,
    hidden: HashSet<EventId>,
    is_reopened: bool,
}

impl FaultyLog {
    pub(crate) fn new(log: MemoryLog, fault: Fault) -> Self {
        Self { log, fault, state: Arc::default() }
    }

    pub(crate) fn reopened(self) -> Self {
        self.state.lock().unwrap().is_reopened = true;
        self
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn spoil(&self, mut page: Page) -> Page {
        page.held |= self.is(Fault::GapHidden);
        page.at_end |= self.is(Fault::AlwaysAtEnd);
        let state = self.state.lock().unwrap();
        page.entries.retain(|entry| !state.hidden.contains(&entry.id));
        page
    }
}

impl Log for FaultyLog {
    type Order = Numbers;
    type Error = Unreachable;

    fn order(&self) -> Numbers {
        Numbers
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<Unreachable>> {
        let is_finish = matches!(record, Record::Finish { .. });
        let forgets = self.is(Fault::FinishForgotten)
            || self.is(Fault::FinishForgottenAtRestart) && self.state.lock().unwrap().is_reopened;
        let key = key.filter(|_| !self.is(Fault::KeyForgotten));
        let mut appended = self.log.append(record.clone(), key).await;
        if forgets && matches!(appended, Err(AppendError::Finished)) {
            appended = Ok(self.log.append_entry(Ok(record)));
        }
        let id = appended?;
        let (nth, last) = {
            let mut state = self.state.lock().unwrap();
            state.appended += 1;
            (state.appended, state.last.replace(id.clone()))
        };
        match (self.fault, last) {
            (Fault::IdUsedTwice, Some(last)) if nth % 10 == 0 => return Ok(last),
            (Fault::AcknowledgedLost, _) if nth % 10 == 0 && !is_finish => {
                let kept: Vec<Entry> = self.log.copy().into_iter().filter(|entry| entry.id != id).collect();
                self.log.put_back(kept);
            }
            (Fault::LateCommit, _) if nth % 2 == 0 => {
                self.state.lock().unwrap().hidden.insert(id.clone());
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                self.state.lock().unwrap().hidden.remove(&id);
                // Whoever waits learns of it.
                self.log.set_deaf(false);
            }
            _ => {}
        }
        Ok(id)
    }

    async fn holds(&self, id: &EventId) -> Result<bool, Unreachable> {
        Ok(self.log.holds(id).await? || self.is(Fault::AllIdsHeld))
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, Unreachable> {
        Ok(self.spoil(self.log.read(after, limit).await?))
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, Unreachable> {
        loop {
            let page = self.log.follow(after, limit).await?;
            let is_over = !page.held || page.entries.is_empty();
            let mut page = self.spoil(page);
            if self.is(Fault::FollowSkips) && !page.entries.is_empty() {
                page.entries.remove(0);
            }
            if is_over || !page.entries.is_empty() || self.is(Fault::FollowSkips) {
                return Ok(page);
            }
            tokio::task::yield_now().await;
        }
    }
}
