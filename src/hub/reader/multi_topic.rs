use std::{cmp::Reverse, collections::BinaryHeap, mem, task::Waker};

use bytes::Bytes;

use crate::{
    base::slab::Key,
    history::{position::Position, run::Run},
    hub::{
        core::{
            state::State,
            subscriber::Subscriber,
            topic_state::{TopicState, Waiting},
        },
        reader::{
            cursor::Cursor,
            read::{Lagged, Read, Remaining},
            unfiltered::Unfiltered,
        },
    },
};

/// The reading state of a subscription to several topics.
///
/// It registers with each topic, and a topic that changes notifies it. So the cost of an event does not
/// depend on the number of topics, except for keeping their order in a heap.
#[derive(Debug)]
pub(crate) struct MultiTopic {
    key: Key,
    cursors: Vec<Cursor>,
    /// The state of each topic.
    doing: Vec<Doing>,
    /// Topics with events not delivered yet, ordered by the position of their first such event.
    queue: BinaryHeap<Reverse<(Position, u32)>>,
    /// The number of topics that are not finished, or not yet read to their end.
    unfinished: usize,
    /// A topic was removed, so the stream cannot continue.
    removed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Doing {
    /// In the queue, or about to be queued.
    Queued,
    /// Registered with the topic, because all its events are read.
    Waiting,
    /// The topic is finished and read to its end. Still registered, in case the topic begins again.
    Finished,
}

impl MultiTopic {
    /// Enters the hub. All topics are examined at the first read.
    pub(crate) fn new(cursors: Vec<Cursor>, state: &mut State) -> Self {
        let ready = (0..cursors.len() as u32).collect();
        Self {
            key: state.of_many.insert(Subscriber { waker: None, ready }),
            doing: vec![Doing::Queued; cursors.len()],
            queue: BinaryHeap::new(),
            unfinished: cursors.len(),
            removed: false,
            cursors,
        }
    }

    /// Adds topics, which are examined at the next read.
    pub(crate) fn add(&mut self, cursors: Vec<Cursor>, state: &mut State) {
        for cursor in cursors {
            let ordinal = self.cursors.len() as u32;
            self.cursors.push(cursor);
            self.doing.push(Doing::Queued);
            self.unfinished += 1;
            state.of_many[self.key].ready.push(ordinal);
        }
    }

    /// Removes topics. The others get new ordinals, so it enters the hub anew.
    pub(crate) fn remove(&mut self, is_removed: impl Fn(&str) -> bool, state: &mut State) {
        if !self.cursors.iter().any(|cursor| is_removed(&cursor.name)) {
            return;
        }
        let waker = self.stop_waiting(state);
        let (gone, kept) =
            mem::take(&mut self.cursors).into_iter().partition(|cursor| is_removed(&cursor.name));
        *self = Self::new(kept, state);
        // The waker of the task that polls stays registered: the handle that removes may belong to
        // another.
        state.of_many[self.key].waker = waker;
        Vec::into_iter(gone).for_each(|Cursor { topic, .. }| state.topics.unsubscribe(topic));
    }

    pub(crate) fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }

    /// Reads the next events, in a bounded number of pieces.
    pub(crate) fn read(&mut self, state: &mut State) -> Result<Read<Vec<Bytes>>, Lagged> {
        let mut delivered = 0;
        let read = self.read_runs(state, |_, run| {
            delivered += run.events;
            run.bytes
        });
        state.delivered += delivered;
        read
    }

    /// Like [`read`](Self::read), for the filter.
    pub(crate) fn read_unfiltered(&mut self, state: &mut State) -> Result<Read<Vec<Unfiltered>>, Lagged> {
        self.read_runs(state, Unfiltered::new)
    }

    fn read_runs<T>(
        &mut self,
        state: &mut State,
        mut found: impl FnMut(&TopicState, Run) -> T,
    ) -> Result<Read<Vec<T>>, Lagged> {
        self.take_ready(state);
        let (mut pieces, mut len, mut last) = (Vec::new(), 0, 0);
        while let Some(Reverse((_, ordinal))) = self.queue.pop() {
            // No event may come before one of another topic with a lower position.
            // The queue has the topics by their next event, so that the smallest one that is left
            // bounds this run.
            let next = self.queue.peek().map(|Reverse((position, _))| *position);
            let up_to = next.map_or(Position::MAX, |next| next.saturating_sub(1));
            let cursor = &mut self.cursors[ordinal as usize];
            let topic = state.topics.get(cursor.topic);
            self.removed |= topic.is_removed();
            if self.removed || cursor.has_lost(&topic.log) {
                self.enqueue(ordinal, state);
                // What was found before is delivered first; the next read reports the loss.
                if pieces.is_empty() && !self.removed {
                    return Err(Lagged);
                }
                break;
            }
            // There may be none: the event that the topic was queued at may be superseded, and its next one come later.
            if let Some((run, topic)) = state.topics.read(cursor.topic, cursor.after, up_to) {
                cursor.after = run.last;
                last = run.last;
                len += run.bytes.len();
                let next = topic.log.position_after_run(&run);
                pieces.push(found(topic, run));
                self.enqueue_at(ordinal, next, state);
            } else {
                self.enqueue(ordinal, state);
            }
            if len >= MAX_PIECE || pieces.len() >= MAX_PIECES {
                break;
            }
        }
        let remaining = match self.queue.is_empty() {
            // Deliver what was found first; the next read ends the stream.
            _ if self.removed && pieces.is_empty() => Remaining::Removed,
            _ if self.removed => Remaining::More,
            true if self.unfinished == 0 && !self.cursors.is_empty() => Remaining::Finished,
            true => Remaining::Nothing,
            false => Remaining::More,
        };
        Ok(Read { found: (!pieces.is_empty()).then_some(pieces), last, remaining })
    }

    /// Continues from the oldest event held of each topic.
    pub(crate) fn skip(&mut self, state: &mut State) {
        self.queue.clear();
        for ordinal in 0..self.cursors.len() {
            // A topic that waits has no events left, so that it has lost none.
            if self.doing[ordinal] == Doing::Queued {
                self.cursors[ordinal].skip(state);
                self.enqueue(ordinal as u32, state);
            }
        }
    }

    pub(crate) fn has_more(&self, state: &State) -> bool {
        !self.queue.is_empty() || !state.of_many[self.key].ready.is_empty()
    }

    /// Parks with a waker, and leaves the previous one, to be dropped without the lock.
    pub(crate) fn park(&mut self, waker: &mut Option<Waker>, state: &mut State) {
        mem::swap(&mut state.of_many[self.key].waker, waker);
    }

    /// Leaves the hub. Returns the waker, to be dropped without the lock.
    pub(crate) fn leave(&mut self, state: &mut State) -> Option<Waker> {
        let waker = self.stop_waiting(state);
        self.cursors.iter().for_each(|cursor| state.topics.unsubscribe(cursor.topic));
        waker
    }

    /// Takes itself off all lists of those that wait. Returns the waker, to be dropped without the lock.
    fn stop_waiting(&mut self, state: &mut State) -> Option<Waker> {
        let subscriber = state.of_many.remove(self.key)?;
        // These have been taken off their topics' lists by the change that made them ready.
        for ordinal in subscriber.ready {
            self.doing[ordinal as usize] = Doing::Queued;
        }
        let State { topics, of_many, .. } = state;
        for (cursor, doing) in self.cursors.iter().zip(&self.doing) {
            if *doing != Doing::Queued {
                topics.get_mut(cursor.topic).stop_waiting(|key| of_many.get(key).is_some());
            }
        }
        subscriber.waker
    }

    /// Examines the topics that have changed.
    fn take_ready(&mut self, state: &mut State) {
        let mut ready = mem::take(&mut state.of_many[self.key].ready);
        for ordinal in ready.drain(..) {
            self.enqueue(ordinal, state);
        }
        state.of_many[self.key].ready = ready;
    }

    /// Queues a topic if it has more events; otherwise registers with it, even if it is finished.
    ///
    /// If the next event was evicted, the topic is queued before all others. The positions of the lost events
    /// are not known, so no later event may be delivered before the gap is reported.
    fn enqueue(&mut self, ordinal: u32, state: &mut State) {
        let cursor = &self.cursors[ordinal as usize];
        let topic = state.topics.get(cursor.topic);
        self.removed |= topic.is_removed();
        // At zero, so that the loss is found before events of other topics are delivered past it.
        let next = if cursor.has_lost(&topic.log) { Some(0) } else { cursor.next(&topic.log) };
        self.enqueue_at(ordinal, next, state);
    }

    /// Queues a topic at the position of its next event, or registers with it if there is none.
    fn enqueue_at(&mut self, ordinal: u32, next: Option<Position>, state: &mut State) {
        let doing = &mut self.doing[ordinal as usize];
        self.unfinished += usize::from(*doing == Doing::Finished);
        if let Some(next) = next {
            self.queue.push(Reverse((next, ordinal)));
            *doing = Doing::Queued;
            return;
        }
        let topic = state.topics.get_mut(self.cursors[ordinal as usize].topic);
        let finished = topic.is_finished();
        self.unfinished -= usize::from(finished);
        // Under the hub's lock, together with having found nothing, so that no event falls between.
        topic.wait(Waiting { subscription: self.key, ordinal });
        *doing = if finished { Doing::Finished } else { Doing::Waiting };
    }
}

/// Reading stops once the pieces have this many bytes.
const MAX_PIECE: usize = 16 * 1024;
const MAX_PIECES: usize = 64;
