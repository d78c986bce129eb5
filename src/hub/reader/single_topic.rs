use std::task::Waker;

use bytes::Bytes;

use crate::{
    base::{slab::Key, sync::Arc},
    history::{position::Position, run::Run},
    hub::{
        core::{
            lane::{Lane, Snapshot},
            name::Name,
            parking::SlotId,
            state::State,
            topic_state::TopicState,
        },
        reader::{
            cursor::Cursor,
            read::{Lagged, Read, Remaining},
            unfiltered::Unfiltered,
        },
    },
};

/// The topic of a subscription to one topic. The subscription's position is its position there.
///
/// It parks on the topic itself or on one of its lanes, so that a publisher takes all wakers at once.
#[derive(Debug)]
pub(crate) struct SingleTopic {
    /// Its index. It exists as long as the subscription is in the hub.
    topic: u32,
    pub(super) lane: Option<Arc<Lane>>,
    /// Its slot in the parking of the lane, or else of the topic.
    slot: SlotId,
}

/// The result of reading a lane, on which the subscription is parked now.
pub(crate) struct LaneRead {
    pub(crate) found: Option<Bytes>,
    /// The position of the topic's newest event.
    pub(crate) last: Position,
    /// The newest position of the hub in the lane's snapshot.
    pub(crate) head: Position,
}

impl SingleTopic {
    /// Enters a topic that it follows.
    pub(crate) fn new(cursor: Cursor, state: &mut State) -> Self {
        let (lane, slot) = state.topics.join(cursor.topic);
        Self { topic: cursor.topic.index(), lane, slot }
    }

    /// Returns its cursor, for a subscription at a position.
    pub(crate) fn cursor(&self, after: Position, state: &State) -> Cursor {
        Cursor { topic: self.key(state), name: self.name(state), after }
    }

    /// Returns the name of its topic, which it does not keep.
    pub(crate) fn name(&self, state: &State) -> Name {
        Name::clone(&state.topics.get(self.key(state)).name)
    }

    #[inline]
    fn key(&self, state: &State) -> Key {
        state.topics.key_at(self.topic)
    }

    /// Fast path: reads the next events on its lane, and parks there. Returns `None` if it has no lane, or if
    /// the hub must be asked.
    ///
    /// Takes the waker if it parks, and leaves the previous one, to be dropped without the lock.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn read_lane(&self, after: Position, waker: &mut Option<Waker>) -> Option<LaneRead> {
        let mut lane_state = self.lane.as_ref()?.lock();
        // Reading and parking are one critical section of the lane, as they are of the hub: a
        // change comes either before both or after both.
        let (found, head, last) = lane_state.read(after)?;
        *waker = waker.take().and_then(|waker| lane_state.parking.park(self.slot, waker));
        Some(LaneRead { found, last, head })
    }

    /// Reads the next events after a position, as many as lie in one piece.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn read(&self, after: Position, state: &mut State) -> Result<Read<Run>, Lagged> {
        let read = self.read_run(after, state, |_, run| run);
        if let Ok(Read { found: Some(run), .. }) = &read {
            state.delivered += run.events;
        }
        read
    }

    /// Like [`read`](Self::read), for the filter.
    pub(crate) fn read_unfiltered(
        &self,
        after: Position,
        state: &mut State,
    ) -> Result<Read<Vec<Unfiltered>>, Lagged> {
        self.read_run(after, state, |topic, run| vec![Unfiltered::new(topic, run)])
    }

    #[inline(always)] // bench: one_at_a_time
    fn read_run<T>(
        &self,
        after: Position,
        state: &mut State,
        found: impl FnOnce(&mut TopicState, Run) -> T,
    ) -> Result<Read<T>, Lagged> {
        let key = self.key(state);
        let topic = state.topics.get(key);
        if topic.is_removed() {
            return Ok(Read { found: None, last: 0, remaining: Remaining::Removed });
        }
        let none_left = if topic.is_finished() { Remaining::Finished } else { Remaining::Nothing };
        if topic.log.has_evicted_after(after) {
            return Err(Lagged);
        }
        let end = topic.log.last();
        if after >= end {
            return Ok(Read { found: None, last: 0, remaining: none_left });
        }
        let Some((run, topic)) = state.topics.read(key, after, Position::MAX) else {
            debug_assert!(false, "the newest event is held unless it was evicted");
            return Ok(Read { found: None, last: 0, remaining: none_left });
        };
        let (last, remaining) = (run.last, if run.last == end { none_left } else { Remaining::More });
        Ok(Read { found: Some(found(topic, run)), last, remaining })
    }

    pub(crate) fn is_removed(&self, state: &State) -> bool {
        state.topics.get(self.key(state)).is_removed()
    }

    /// Returns whether a subscription at a position must not move to the newest one: events are pending, or
    /// the topic was removed.
    pub(crate) fn has_more(&self, after: Position, state: &State) -> bool {
        let topic = state.topics.get(self.key(state));
        topic.is_removed() || after < topic.log.last()
    }

    /// Returns a run that was read up to the newest event for the others on its lane, if it has one.
    pub(crate) fn for_lane(&self, read: &Result<Read<Run>, Lagged>) -> Option<Run> {
        // What reaches the end is what all others on the lane are about to ask for.
        match (&self.lane, read) {
            (Some(_), Ok(Read { found, remaining: Remaining::Nothing, .. })) => found.clone(),
            _ => None,
        }
    }

    /// Parks with a waker, and leaves the previous one, to be dropped without the lock.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn park(&self, run: Option<Run>, waker: &mut Option<Waker>, state: &mut State) {
        let key = self.key(state);
        let State { topics, ids, .. } = state;
        let topic = topics.get_mut(key);
        let last = topic.log.last();
        let (Some(followers), Some(current)) = (&mut topic.followers, waker.take()) else { return };
        *waker = match (&self.lane, &mut followers.lanes) {
            (Some(lane), Some(lanes)) => {
                // The hub's lock is held, so that the snapshot is of this moment. A lane's lock is
                // only ever taken after the hub's or alone, never before it.
                let snapshot = Snapshot { last, head: ids.head(), run };
                lanes.show(lane, snapshot).parking.park(self.slot, current)
            }
            _ => followers.parking.park(self.slot, current),
        };
    }

    /// Leaves the hub. Returns the waker, to be dropped without the lock.
    pub(crate) fn leave(&mut self, state: &mut State) -> Option<Waker> {
        let key = self.key(state);
        let waker = match self.lane.take() {
            Some(lane) => {
                state.delivered += state.topics.leave_lane(key, &lane);
                lane.lock().parking.vacate(self.slot)
            }
            None => {
                let followers = state.topics.get_mut(key).followers.as_mut();
                followers.and_then(|followers| followers.parking.vacate(self.slot))
            }
        };
        state.topics.unsubscribe(key);
        waker
    }
}
