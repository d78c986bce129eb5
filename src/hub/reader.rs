use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    mem,
    sync::atomic::Ordering,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};

use super::{
    EventInfo, Lag, Shared,
    state::{Closing, State},
    topics::{Name, Waiting},
};
use crate::{
    replay::{log::Position, scheme::Mark},
    slab::Key,
    sync::{Arc, lock},
};

/// The part of a subscription that reads: where it stands in each of its topics, and what it has told its client.
pub(super) struct Reader {
    key: Key,
    cursors: Box<[Cursor]>,
    /// Topics with events that are not delivered yet, by the position of the first of them.
    queue: BinaryHeap<Reverse<(Position, u32)>>,
    /// How many topics are not finished, or not yet read to their end.
    unfinished: usize,
    /// Everything up to here is delivered, or does not concern this subscription.
    pub(super) seen: Position,
    /// The last position that the client was told, by an event or a notice.
    pub(super) told: Position,
    pub(super) lag: Lag,
    pub(super) filter: Option<Filter>,
    pub(super) ends_at: Option<Instant>,
}

pub(crate) type Filter = Box<dyn FnMut(&EventInfo<'_>) -> bool + Send>;

/// Where a subscription stands in one of its topics.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) topic: Key,
    pub(super) name: Name,
    /// The index of the next event to deliver.
    pub(super) next: u64,
    state: CursorState,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum CursorState {
    /// In the reader's queue, or about to be.
    Queued,
    /// On the topic's list of those that have got everything.
    Waiting,
    /// The topic is finished, and has been read to its end. It is on that list, too, should the topic begin anew.
    Finished,
}

/// What one look at the hub brings.
pub(super) enum Step {
    Runs(Runs),
    /// Events were lost before they were delivered. The client is now at this position.
    Lagged(Mark),
    End(Option<Ending>),
    Parked,
}

/// What a client is told at the end.
pub(super) struct Ending {
    position: Option<Mark>,
    retry: Option<Duration>,
    closing: Option<Arc<Closing>>,
}

/// Consecutive pieces of the sequence.
pub(super) enum Runs {
    One(Bytes),
    Many(Vec<Bytes>),
    /// Single events with their topics' ordinals, for the filter, and the position of the last of them.
    Unfiltered(Vec<(u32, Bytes)>, Position),
}

/// Events went before they were delivered.
struct Lagged;

impl Cursor {
    pub(super) fn new(topic: Key, name: Name, next: u64) -> Self {
        Self { topic, name, next, state: CursorState::Queued }
    }
}

impl Reader {
    /// Creates a reader whose client has been told a position. All its topics are to be marked as ready.
    pub(super) fn new(key: Key, cursors: Box<[Cursor]>, position: Position) -> Self {
        Self {
            key,
            queue: BinaryHeap::new(),
            unfinished: cursors.len(),
            cursors,
            seen: position,
            told: position,
            lag: Lag::default(),
            filter: None,
            ends_at: None,
        }
    }

    pub(super) fn topics(&self) -> impl Iterator<Item = &str> {
        self.cursors.iter().map(|cursor| &*cursor.name)
    }

    /// Takes what comes next, or parks.
    pub(super) fn step(&mut self, shared: &Shared, cx: &Context<'_>) -> Step {
        let waker = cx.waker().clone();
        let mut over = self.ends_at.is_some_and(|end| shared.clock.now() >= end);
        let mut state = lock(&shared.state);
        if let Some(cut) = state.closing.as_ref().and_then(|closing| closing.ends_at) {
            drop(state);
            over |= shared.clock.now() >= cut;
            state = lock(&shared.state);
        }
        if over {
            return Step::End(Some(self.ending(&mut state)));
        }
        self.take_ready(&mut state);
        match self.read(shared, &mut state) {
            Ok(Some(runs)) => return Step::Runs(runs),
            Ok(None) => self.seen = state.ids.head(),
            Err(Lagged) => return self.lagged(&mut state),
        }
        if state.closing.is_some() || self.unfinished == 0 {
            return Step::End(Some(self.ending(&mut state)));
        }
        let older = state.subscriptions[self.key].waker.replace(waker);
        drop(state);
        drop(older);
        Step::Parked
    }

    /// Returns a block that tells the position, if it has moved since the client was last told.
    pub(super) fn moved(&mut self, shared: &Shared) -> Option<Bytes> {
        let mark = {
            let state = lock(&shared.state);
            if self.queue.is_empty() && state.subscriptions[self.key].ready.is_empty() {
                self.seen = state.ids.head();
            }
            self.unsaid(&state)?
        };
        shared.notices.position(shared.ids.id(mark), None)
    }

    /// Returns the position to be told, if it has moved since the client was last told.
    fn unsaid(&mut self, state: &State) -> Option<Mark> {
        let moved = self.seen > self.told;
        self.told = self.seen;
        moved.then(|| state.ids.mark(self.seen))
    }

    /// Passes single events through the filter, and joins those that remain.
    pub(super) fn filter(
        &mut self,
        shared: &Shared,
        events: Vec<(u32, Bytes)>,
        last: Position,
    ) -> Option<Bytes> {
        let filter = self.filter.as_mut()?;
        let mut kept = Vec::with_capacity(events.len());
        let mut last_is_kept = false;
        for (ordinal, bytes) in events {
            last_is_kept = filter(&EventInfo::new(&self.cursors[ordinal as usize].name, &bytes));
            if last_is_kept {
                kept.push(bytes);
            }
        }
        if last_is_kept {
            self.told = last;
        }
        shared.delivered.fetch_add(kept.len() as u64, Ordering::Relaxed);
        join(kept)
    }

    /// Leaves the hub, and returns the waker to be dropped without the lock.
    pub(super) fn leave(&mut self, state: &mut State) -> Option<Waker> {
        let subscriber = state.subscriptions.remove(self.key)?;
        for ordinal in subscriber.ready {
            self.cursors[ordinal as usize].state = CursorState::Queued;
        }
        let State { topics, subscriptions, .. } = state;
        for cursor in &self.cursors {
            let waiting = cursor.state != CursorState::Queued;
            topics.unsubscribe(cursor.topic, waiting, |key| subscriptions.get(key).is_some());
        }
        subscriber.waker
    }

    /// Queues the topics that have changed.
    fn take_ready(&mut self, state: &mut State) {
        let mut ready = mem::take(&mut state.subscriptions[self.key].ready);
        for ordinal in ready.drain(..) {
            self.enqueue(ordinal, state);
        }
        state.subscriptions[self.key].ready = ready;
    }

    /// Queues a topic if it has more events, else waits for some, unless it is finished.
    ///
    /// If what comes next is gone, it is queued ahead of all others: it is not known where the lost events stood,
    /// and nothing later may be delivered before they are told.
    fn enqueue(&mut self, ordinal: u32, state: &mut State) {
        let cursor = &mut self.cursors[ordinal as usize];
        let topic = state.topics.get_mut(cursor.topic);
        self.unfinished += usize::from(cursor.state == CursorState::Finished);
        if cursor.next < topic.log.first() {
            self.queue.push(Reverse((0, ordinal)));
            cursor.state = CursorState::Queued;
        } else if cursor.next < topic.log.next() {
            self.queue.push(Reverse((topic.log.position(cursor.next), ordinal)));
            cursor.state = CursorState::Queued;
        } else {
            let finished = topic.is_finished();
            self.unfinished -= usize::from(finished);
            topic.wait(Waiting { subscription: self.key, ordinal });
            cursor.state = if finished { CursorState::Finished } else { CursorState::Waiting };
        }
    }

    /// Reads what comes next: as much as lies in one piece, or a bounded number of pieces.
    fn read(&mut self, shared: &Shared, state: &mut State) -> Result<Option<Runs>, Lagged> {
        let single = self.cursors.len() == 1;
        let (mut pieces, mut events, mut len) = (Vec::new(), Vec::new(), 0);
        while let Some(Reverse((_, ordinal))) = self.queue.pop() {
            let before = self.queue.peek().map_or(Position::MAX, |Reverse((position, _))| *position);
            let cursor = &mut self.cursors[ordinal as usize];
            let log = &mut state.topics.get_mut(cursor.topic).log;
            if cursor.next < log.first() {
                self.enqueue(ordinal, state);
                if pieces.is_empty() && events.is_empty() {
                    return Err(Lagged);
                }
                break;
            }
            let run = log.read(cursor.next, before);
            cursor.next = run.indices.end;
            self.seen = run.last;
            len += run.bytes.len();
            if self.filter.is_some() {
                let mut bytes = run.bytes;
                events.extend(run.indices.map(|index| (ordinal, bytes.split_to(log.len_of(index)))));
            } else {
                shared.delivered.fetch_add(run.indices.end - run.indices.start, Ordering::Relaxed);
                if single {
                    self.told = self.seen;
                    self.enqueue(ordinal, state);
                    return Ok(Some(Runs::One(run.bytes)));
                }
                pieces.push(run.bytes);
            }
            self.enqueue(ordinal, state);
            if len >= MAX_PIECE || pieces.len() + events.len() >= MAX_PIECES {
                break;
            }
        }
        if self.filter.is_some() {
            return Ok((!events.is_empty()).then_some(Runs::Unfiltered(events, self.seen)));
        }
        if pieces.is_empty() {
            return Ok(None);
        }
        self.told = self.seen;
        Ok(Some(Runs::Many(pieces)))
    }

    /// Ends, or tells the gap and goes on from the oldest event held.
    fn lagged(&mut self, state: &mut State) -> Step {
        state.lagged += 1;
        if self.lag == Lag::Disconnect {
            return Step::End(None);
        }
        state.gaps += 1;
        self.queue.clear();
        for ordinal in 0..self.cursors.len() {
            let cursor = &mut self.cursors[ordinal];
            if cursor.state == CursorState::Queued {
                cursor.next = cursor.next.max(state.topics.get(cursor.topic).log.first());
                self.enqueue(ordinal as u32, state);
            }
        }
        let position = freshest(&self.cursors, state).max(self.seen);
        (self.seen, self.told) = (position, position);
        Step::Lagged(state.ids.mark(position))
    }

    fn ending(&mut self, state: &mut State) -> Ending {
        let closing = state.closing.clone();
        let retry = closing.as_ref().and_then(|closing| closing.retry(state));
        Ending { position: self.unsaid(state), retry, closing }
    }
}

impl Ending {
    /// Returns how a closed hub sends one away that it has not told anything yet.
    #[cfg(feature = "tokio")]
    pub(super) fn of_closed(state: &mut State) -> Self {
        let closing = state.closing.clone();
        let retry = closing.as_ref().and_then(|closing| closing.retry(state));
        Self { position: None, retry, closing }
    }

    /// Returns the last block: the position if it is to be told, and what the hub closes with.
    pub(super) fn block(self, shared: &Shared) -> Option<Bytes> {
        let id = self.position.and_then(|mark| shared.ids.id(mark));
        let last = self.closing.as_ref().and_then(|closing| closing.last.clone());
        join(shared.notices.position(id, self.retry).into_iter().chain(last).collect())
    }
}

/// Returns the newest position that claims nothing of what is still to be read, all of which must be held.
pub(super) fn freshest(cursors: &[Cursor], state: &State) -> Position {
    let log = |cursor: &Cursor| &state.topics.get(cursor.topic).log;
    let pending = cursors.iter().filter(|cursor| cursor.next < log(cursor).next());
    let Some(next) = pending.map(|cursor| log(cursor).position(cursor.next)).min() else {
        return state.ids.head();
    };
    // Not every position has an event, and so an ID, but those that were evicted had one.
    let evicted = cursors.iter().map(|cursor| log(cursor).evicted());
    evicted.filter(|evicted| *evicted < next).max().unwrap_or(0)
}

/// Joins pieces that follow each other, with one copy if there are several.
pub(super) fn join(mut pieces: Vec<Bytes>) -> Option<Bytes> {
    if pieces.len() < 2 {
        return pieces.pop();
    }
    let mut joined = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in &pieces {
        joined.extend_from_slice(piece);
    }
    Some(joined.freeze())
}

/// A piece that is assembled has at least this many bytes if there are more to come.
const MAX_PIECE: usize = 16 * 1024;
const MAX_PIECES: usize = 64;
