use std::task::Waker;

use bytes::Bytes;

use crate::{
    base::sync::Arc,
    history::{position::Position, run::Run},
    hub::{
        core::{
            lane::{Lane, Snapshot},
            parking::ParkTicket,
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

/// The reading state of a subscription to one topic.
///
/// It parks on the topic itself or on one of its lanes, so that a publisher takes all wakers at once.
#[derive(Debug)]
pub(crate) struct SingleTopic {
    cursor: Cursor,
    ticket: ParkTicket,
    lane: Option<Arc<Lane>>,
}

/// The result of reading a lane.
pub(crate) struct LaneRead {
    pub(crate) read: Read<Bytes>,
    /// The newest position of the hub in the lane's snapshot.
    pub(crate) head: Position,
    pub(crate) is_parked: bool,
}

impl SingleTopic {
    pub(crate) fn new(cursor: Cursor, lane: Option<Arc<Lane>>) -> Self {
        Self { cursor, ticket: ParkTicket::default(), lane }
    }

    pub(crate) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Fast path: reads the next events on its lane, and parks there. Returns `None` if it has no lane, or if
    /// the hub must be asked.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn read_lane(&mut self, current: &Waker, brought: &mut Option<Waker>) -> Option<LaneRead> {
        let mut lane_state = self.lane.as_ref()?.lock();
        // Reading and parking are one critical section of the lane, as they are of the hub: a
        // change comes either before both or after both.
        let (read, head) = lane_state.read(&mut self.cursor.after)?;
        let is_parked = self.ticket.park(&mut lane_state.parking, current, brought);
        Some(LaneRead { read, head, is_parked })
    }

    /// Reads the next events, as many as lie in one piece.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn read(&mut self, state: &mut State) -> Result<Read<Bytes>, Lagged> {
        let lane = self.lane.as_deref();
        let mut delivered = 0;
        let read = read_run(&mut self.cursor, state, |topic, run| {
            let is_newest = run.last == topic.log.last();
            if let (Some(lane), Some(lanes)) = (lane, topic.lanes()) {
                // What reaches the end is what all others on the lane are about to ask for.
                if is_newest {
                    lanes.leave_run(lane, run.clone());
                }
            }
            delivered = run.events;
            run.bytes
        });
        state.delivered += delivered;
        read
    }

    /// Like [`read`](Self::read), for the filter.
    pub(crate) fn read_unfiltered(&mut self, state: &mut State) -> Result<Read<Vec<Unfiltered>>, Lagged> {
        read_run(&mut self.cursor, state, |topic, run| vec![Unfiltered::new(0, &topic.log, run)])
    }

    /// Continues from the oldest event held.
    pub(crate) fn skip(&mut self, state: &State) {
        self.cursor.skip(state);
    }

    /// Returns whether it must not move to the newest position: events are pending, or the topic was removed.
    pub(crate) fn has_more(&self, state: &State) -> bool {
        let topic = state.topics.get(self.cursor.topic);
        topic.is_removed() || self.cursor.is_behind(&topic.log)
    }

    /// Returns whether it needs a new waker to park.
    pub(crate) fn needs_waker(&self) -> bool {
        self.ticket.needs_waker()
    }

    /// Parks with the waker that is still there if that is current, otherwise with `brought`. Returns whether
    /// it parked.
    ///
    /// Leaves the previous waker in `brought`, to be dropped without the lock.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn park(&mut self, current: &Waker, brought: &mut Option<Waker>, state: &mut State) -> bool {
        let State { topics, ids, .. } = state;
        let topic = topics.get_mut(self.cursor.topic);
        let last = topic.log.last();
        let Some(followers) = &mut topic.followers else { return false };
        match (&self.lane, &mut followers.lanes) {
            (Some(lane), Some(lanes)) => {
                // The hub's lock is held, so that the snapshot is of this moment. A lane's lock is
                // only ever taken after the hub's or alone, never before it.
                let mut lane_state = lanes.show(lane, Snapshot { last, head: ids.head() });
                self.ticket.park(&mut lane_state.parking, current, brought)
            }
            _ => self.ticket.park(&mut followers.parking, current, brought),
        }
    }

    /// Leaves the hub. Returns the waker, to be dropped without the lock.
    pub(crate) fn leave(&mut self, state: &mut State) -> Option<Waker> {
        let waker = match self.lane.take() {
            Some(lane) => {
                state.delivered += state.topics.leave_lane(self.cursor.topic, &lane);
                self.ticket.leave(&mut lane.lock().parking)
            }
            None => {
                let followers = state.topics.get_mut(self.cursor.topic).followers.as_mut();
                followers.and_then(|followers| self.ticket.leave(&mut followers.parking))
            }
        };
        state.topics.unsubscribe(self.cursor.topic);
        waker
    }
}

#[inline(always)] // bench: one_at_a_time
fn read_run<T>(
    cursor: &mut Cursor,
    state: &mut State,
    found: impl FnOnce(&mut TopicState, Run) -> T,
) -> Result<Read<T>, Lagged> {
    let topic = state.topics.get(cursor.topic);
    if topic.is_removed() {
        return Ok(Read { found: None, last: 0, remaining: Remaining::Removed });
    }
    let none_left = if topic.is_finished() { Remaining::Finished } else { Remaining::Nothing };
    if cursor.has_lost(&topic.log) {
        return Err(Lagged);
    }
    let end = topic.log.last();
    if cursor.after >= end {
        return Ok(Read { found: None, last: 0, remaining: none_left });
    }
    let Some((run, topic)) = state.topics.read(cursor.topic, cursor.after, Position::MAX) else {
        debug_assert!(false, "the newest event is held unless it was evicted");
        return Ok(Read { found: None, last: 0, remaining: none_left });
    };
    cursor.after = run.last;
    let (last, remaining) = (run.last, if run.last == end { none_left } else { Remaining::More });
    Ok(Read { found: Some(found(topic, run)), last, remaining })
}
