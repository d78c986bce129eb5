use std::task::Waker;

use bytes::Bytes;

use super::{
    parking::Spot,
    reader::{Cursor, Lagged, Left, Read, Unfiltered},
    state::State,
};
use crate::replay::log::{Log, Position, Run};

/// Where a subscription to one topic stands.
///
/// It parks on the topic itself, so that whoever publishes takes all wakers at once.
#[derive(Debug)]
pub(super) struct One {
    cursor: Cursor,
    spot: Option<Spot>,
    /// Whether its waker was still at its spot when it last parked.
    is_kept: bool,
}

impl One {
    pub(super) fn new(cursor: Cursor) -> Self {
        Self { cursor, spot: None, is_kept: false }
    }

    pub(super) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Reads what comes next, as much as lies in one piece.
    #[inline(always)]
    pub(super) fn read(&mut self, state: &mut State) -> Result<Read<Bytes>, Lagged> {
        let before = self.cursor.next;
        let read = self.read_run(state, |_, run| run.bytes);
        state.delivered += self.cursor.next - before;
        read
    }

    /// As [`read`](Self::read), for the filter.
    pub(super) fn read_unfiltered(&mut self, state: &mut State) -> Result<Read<Vec<Unfiltered>>, Lagged> {
        self.read_run(state, |log, Run { bytes, indices, last }| {
            vec![Unfiltered { ordinal: 0, bytes, ends: log.ends(indices).collect(), last }]
        })
    }

    #[inline(always)]
    fn read_run<T>(
        &mut self,
        state: &mut State,
        found: impl FnOnce(&Log, Run) -> T,
    ) -> Result<Read<T>, Lagged> {
        let topic = state.topics.get_mut(self.cursor.topic);
        let none_left = if topic.is_finished() { Left::Finished } else { Left::Nothing };
        let log = &mut topic.log;
        let (next, end) = (self.cursor.next, log.next());
        if next < log.first() {
            return Err(Lagged);
        }
        if next == end {
            return Ok(Read { found: None, last: 0, left: none_left });
        }
        let run = log.read(next, Position::MAX);
        self.cursor.next = run.indices.end;
        let (last, left) = (run.last, if run.indices.end == end { none_left } else { Left::More });
        Ok(Read { found: Some(found(log, run)), last, left })
    }

    /// Goes on from the oldest event held.
    pub(super) fn skip(&mut self, state: &State) {
        let first = state.topics.get(self.cursor.topic).log.first();
        self.cursor.next = self.cursor.next.max(first);
    }

    pub(super) fn has_more(&self, state: &State) -> bool {
        self.cursor.next < state.topics.get(self.cursor.topic).log.next()
    }

    /// Returns whether it has to bring a waker to park.
    pub(super) fn needs_waker(&self) -> bool {
        !self.is_kept
    }

    /// Parks if the current waker is kept, or else with the one that was brought. Returns whether there was one.
    ///
    /// What is in the waker's place afterwards is to be dropped without the lock.
    #[inline]
    pub(super) fn park(&mut self, current: &Waker, brought: &mut Option<Waker>, state: &mut State) -> bool {
        let parking = &mut state.topics.get_mut(self.cursor.topic).parking;
        self.is_kept = parking.park_again(self.spot, current);
        if !self.is_kept && brought.is_some() {
            parking.park(&mut self.spot, brought);
            return true;
        }
        self.is_kept
    }

    /// Leaves the hub, and returns the waker to be dropped without the lock.
    pub(super) fn leave(&mut self, state: &mut State) -> Option<Waker> {
        let waker = state.topics.get_mut(self.cursor.topic).parking.leave(self.spot);
        state.topics.unsubscribe(self.cursor.topic);
        waker
    }
}
