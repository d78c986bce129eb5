use std::{
    mem,
    num::NonZeroU64,
    sync::atomic::Ordering,
    task::{Poll, Waker},
};

use bytes::Bytes;

use crate::{
    base::sync::lock,
    event::id::EventId,
    history::{
        position::{Position, SmallPosition},
        run::Run,
        scheme::Mark,
    },
    hub::{
        core::{name::Name, shared::Shared, state::State},
        notice::GapReason,
        policies::Lag,
        reader::{
            cursor::Cursor,
            ending::Ending,
            join::join,
            multi_topic::MultiTopic,
            options::Options,
            progress::Progress,
            read::{Lagged, Read, Remaining},
            single_topic::{LaneRead, SingleTopic},
            unfiltered::Unfiltered,
        },
    },
};

/// The reading part of a subscription: its cursor in each topic, and the position last sent to its client.
pub(crate) struct Reader {
    pub(super) cursors: Cursors,
    parked: Option<Parked>,
    /// Everything up to this position was delivered, or does not concern this subscription.
    seen: SmallPosition,
    /// The client was sent this position, with an event or a notice.
    pub(crate) is_told: bool,
    pub(in crate::hub) progress: Progress,
    pub(crate) options: Options,
}

/// The cursors of a subscription. Most have one topic, which needs less work.
pub(super) enum Cursors {
    SingleTopic(SingleTopic),
    MultiTopic(Box<MultiTopic>),
}

/// Tells whether a subscription is still parked, without the lock.
#[derive(Debug)]
struct Parked {
    /// The hub's change counter when it parked. If it is unchanged, the hub still holds the waker.
    changes: NonZeroU64,
    /// Two addresses that identify the waker.
    waker: (usize, usize),
}

/// The waker with which a reader parks, and what it parks after.
struct Park<'a> {
    current: &'a Waker,
    /// A clone of it. Holds the previous waker afterwards.
    waker: &'a mut Option<Waker>,
    /// The hub's change counter before reading.
    changes: u64,
    /// The run that was read, for others on the lane.
    run: Option<Run>,
}

/// The result of reading the hub once.
pub(crate) enum Step {
    Piece(Bytes),
    /// Consecutive pieces, in the hub's order.
    Pieces(Vec<Bytes>),
    /// Pieces for the filter.
    Unfiltered(Vec<Unfiltered>),
    /// Events were evicted before delivery, for this reason. The client is now at this position.
    Gap(GapReason, Mark),
    End(Option<Ending>),
    Parked,
}

impl Reader {
    /// Enters a hub. `position` is the one that the client is sent.
    pub(crate) fn enter(mut cursors: Vec<Cursor>, position: Position, state: &mut State) -> Self {
        state.subscribers += 1;
        for cursor in &cursors {
            state.topics.follow(cursor.topic);
        }
        let cursors = match (cursors.pop(), cursors.is_empty()) {
            (Some(cursor), true) => {
                debug_assert!(cursor.is_at(position, state), "the client is sent its place in the topic");
                Cursors::SingleTopic(SingleTopic::new(cursor, state))
            }
            (last, _) => {
                cursors.extend(last);
                Cursors::MultiTopic(Box::new(MultiTopic::new(cursors, state)))
            }
        };
        Self {
            cursors,
            parked: None,
            seen: SmallPosition::new(position),
            is_told: true,
            progress: Progress::default(),
            options: Options::default(),
        }
    }

    /// Returns the names of its topics. It must not have left the hub.
    pub(crate) fn topics(&self, shared: &Shared) -> Vec<Name> {
        match &self.cursors {
            Cursors::SingleTopic(single) => vec![single.name(&lock(&shared.state))],
            Cursors::MultiTopic(multi) => multi.cursors().iter().map(|cursor| cursor.name.clone()).collect(),
        }
    }

    /// Fast path of a reader without options: it is parked, or finds the next events on its lane and parks
    /// there. Returns `None` if the hub must be asked.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn poll_lane(&mut self, shared: &Shared, current: &Waker) -> Option<Poll<Bytes>> {
        if !self.options.is_none() {
            return None;
        }
        if self.is_parked(shared, current) {
            return Some(Poll::Pending);
        }
        let Cursors::SingleTopic(SingleTopic { lane: Some(_), .. }) = &self.cursors else { return None };
        let changes = shared.changes.load(Ordering::Acquire);
        let found = self.read_lane(changes, current, &mut Some(current.clone()))?;
        Some(found.map_or(Poll::Pending, Poll::Ready))
    }

    /// Reads the next events, or parks. If nothing is left after the events, it also parks, because the next
    /// poll would do so.
    #[inline]
    pub(crate) fn step(&mut self, shared: &Shared, current: &Waker) -> Step {
        if !self.options.is_none() && self.is_parked(shared, current) {
            return Step::Parked;
        }
        let mut over = self.options.is_over(shared);
        // Loaded before reading, so the stored count is never ahead of what is read: a change in between is seen
        // later.
        let changes = shared.changes.load(Ordering::Acquire);
        // Cloned here, and what it replaces is dropped here, without the lock: wakers are application code.
        let mut waker = Some(current.clone());
        // A reader without options has read its lane by now.
        if !self.options.is_none() && !self.options.has_filter() && !over {
            if let Some(found) = self.read_lane(changes, current, &mut waker) {
                return found.map_or(Step::Parked, Step::Piece);
            }
        }
        let mut state = lock(&shared.state);
        if let Some(cut) = state.closing.as_ref().and_then(|closing| closing.ends_at) {
            // The deadline is seldom set. The clock is application code, which does not run under
            // the lock.
            drop(state);
            over |= shared.clock.now() >= cut;
            state = lock(&shared.state);
        }
        if over {
            return Step::End(Some(self.ending(false, &mut state)));
        }
        if self.options.steering().is_some() {
            if let Some(step) = self.apply_changes(&mut state) {
                return step;
            }
        }
        let (has_filter, seen) = (self.options.has_filter(), self.seen());
        let mut parking = Park { current, waker: &mut waker, changes, run: None };
        // Settling each kind separately avoids copying a result into one type that fits all of them.
        let step = match (&mut self.cursors, has_filter) {
            (Cursors::SingleTopic(single), false) => {
                let read = single.read(seen, &mut state);
                parking.run = single.for_lane(&read);
                self.settle(read, |run| Step::Piece(run.bytes), parking, &mut state)
            }
            (Cursors::SingleTopic(single), true) => {
                let read = single.read_unfiltered(seen, &mut state);
                self.settle(read, Step::Unfiltered, parking, &mut state)
            }
            (Cursors::MultiTopic(multi), false) => {
                let read = multi.read(&mut state);
                self.settle(read, Step::Pieces, parking, &mut state)
            }
            (Cursors::MultiTopic(multi), true) => {
                let read = multi.read_unfiltered(&mut state);
                self.settle(read, Step::Unfiltered, parking, &mut state)
            }
        };
        state.give_back();
        step
    }

    /// Reads its lane once, and returns the events found there. Returns `None` if the hub must be asked.
    #[inline(always)] // bench: one_at_a_time
    fn read_lane(
        &mut self,
        changes: u64,
        current: &Waker,
        waker: &mut Option<Waker>,
    ) -> Option<Option<Bytes>> {
        let Cursors::SingleTopic(single) = &self.cursors else { return None };
        let LaneRead { found, last, head } = single.read_lane(self.seen(), waker)?;
        // The lane's snapshot may have an older head than was already seen.
        self.advance(self.seen().max(head), found.is_some().then_some(last));
        self.parked = Parked::new(changes, current);
        Some(found)
    }

    /// Returns its position.
    #[inline]
    pub(crate) fn seen(&self) -> Position {
        self.seen.get()
    }

    /// Moves to a position. With events that are delivered, the client learns the position of the last one.
    #[inline]
    pub(super) fn advance(&mut self, seen: Position, last: Option<Position>) {
        self.is_told = last.map_or(self.is_told && seen == self.seen(), |last| last == seen);
        self.seen = SmallPosition::new(seen);
    }

    /// Records the result of reading, and parks if nothing is left.
    #[inline]
    fn settle<T>(
        &mut self,
        read: Result<Read<T>, Lagged>,
        step: impl FnOnce(T) -> Step,
        Park { current, waker, changes, run }: Park<'_>,
        state: &mut State,
    ) -> Step {
        let Ok(Read { found, last, remaining }) = read else { return self.lagged(state) };
        // The client's position must not move, or it would acknowledge events of a topic that is no
        // more.
        if remaining == Remaining::Removed {
            return Step::End(Some(Ending::SILENT));
        }
        // With nothing left, events of other topics up to the newest do not concern the client.
        let seen = if remaining == Remaining::More { last } else { state.ids.head() };
        // With a filter it is not known yet whether the last event reaches the client.
        self.advance(seen, (found.is_some() && !self.options.has_filter()).then_some(last));
        // A closed hub still delivers what is pending: only with nothing found the stream ends.
        let ends = remaining == Remaining::Finished || state.closing.is_some();
        self.parked = None;
        // Parked under the same lock under which nothing was left, so that no change falls between.
        if remaining != Remaining::More && !ends {
            match &mut self.cursors {
                Cursors::SingleTopic(single) => single.park(run, waker, state),
                Cursors::MultiTopic(multi) => multi.park(waker, state),
            }
            self.parked = Parked::new(changes, current);
        }
        match found {
            Some(found) => step(found),
            None if ends => Step::End(Some(self.ending(remaining == Remaining::Finished, state))),
            None => Step::Parked,
        }
    }

    /// Returns whether there is nothing to do: the same waker is parked, and nothing has changed since.
    ///
    /// A change increments the counter before it wakes, so either this sees the change, or the wake-up is
    /// still to come.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn is_parked(&self, shared: &Shared, waker: &Waker) -> bool {
        let Some(parked) = &self.parked else { return false };
        // The count may be older than what was read, never newer. So an equal count means that nothing has changed,
        // and an old one costs a poll with the lock. Two addresses identify the waker: the hub still holds
        // it then, so that no other waker has them.
        parked.changes.get() == shared.changes.load(Ordering::Acquire)
            && parked.waker == addresses(waker)
            && (self.options.is_none() || !(self.has_changes() || self.options.is_over(shared)))
    }

    /// Returns the ID of the position, if it has moved since it was last sent.
    pub(crate) fn moved(&mut self, shared: &Shared) -> Option<EventId> {
        let mark = {
            let state = lock(&shared.state);
            // Only if nothing is pending: a position past pending events would acknowledge them.
            if !self.cursors.has_more(self.seen(), &state) && !self.has_changes() {
                self.advance(state.ids.head(), None);
            }
            self.unsaid(&state)?
        };
        shared.ids.id(mark)
    }

    /// Returns the position, if it has moved since it was last sent, and records it as sent.
    fn unsaid(&mut self, state: &State) -> Option<Mark> {
        let is_told = mem::replace(&mut self.is_told, true);
        (!is_told).then(|| state.ids.mark(self.seen()))
    }

    /// Passes the events through the filter one by one, and joins those that pass.
    pub(crate) fn filter(&mut self, shared: &Shared, pieces: Vec<Unfiltered>) -> Option<Bytes> {
        let filter = self.options.filter()?;
        let (mut kept, mut count, mut last_kept) = (Vec::new(), 0, None);
        for piece in pieces {
            let (bytes, mut from) = (&piece.bytes, 0);
            piece.each(|event, at, end| {
                let is_kept = filter(event);
                count += u64::from(is_kept);
                // Only if the very last event is kept has the client its position, as it is the ID
                // of that event.
                last_kept = is_kept.then_some(piece.last);
                if !is_kept {
                    // Events in a row that are kept stay one slice, so that nothing is copied if
                    // all are.
                    kept.extend((from < at).then(|| bytes.slice(from..at)));
                    from = end;
                }
            });
            kept.extend((from < bytes.len()).then(|| bytes.slice(from..)));
        }
        self.is_told |= last_kept == Some(self.seen());
        self.options.choose().has_dropped = last_kept.is_none();
        shared.filtered.fetch_add(count, Ordering::Relaxed);
        join(kept)
    }

    pub(super) fn unpark(&mut self) {
        self.parked = None;
    }

    /// Leaves the hub. Returns the waker, to be dropped without the lock.
    pub(crate) fn leave(&mut self, state: &mut State) -> Option<Waker> {
        state.subscribers -= 1;
        self.parked = None;
        let waker = match &mut self.cursors {
            Cursors::SingleTopic(single) => single.leave(state),
            Cursors::MultiTopic(multi) => multi.leave(state),
        };
        state.give_back();
        waker
    }

    /// Ends, or reports the gap and continues from the oldest event held.
    fn lagged(&mut self, state: &mut State) -> Step {
        if self.cursors.has_removed(state) {
            // Its position must not move: later events under that name belong to a new topic.
            return Step::End(Some(Ending::SILENT));
        }
        // Counted however the client asked to be treated.
        state.lagged += 1;
        if self.options.lag() == Lag::Disconnect {
            return Step::End(None);
        }
        state.gaps += 1;
        // It goes on from the oldest event held.
        let seen = self.seen();
        let position = match &mut self.cursors {
            Cursors::SingleTopic(single) => {
                let mut cursor = single.cursor(seen, state);
                cursor.skip(state);
                freshest(&[cursor], seen, state)
            }
            Cursors::MultiTopic(multi) => {
                multi.skip(state);
                freshest(multi.cursors(), seen, state)
            }
        };
        self.advance(position, Some(position));
        Step::Gap(GapReason::Lagged, state.ids.mark(position))
    }

    fn ending(&mut self, is_finished: bool, state: &mut State) -> Ending {
        // The client has no ID of its last events. It would get them and their end again.
        let is_needed = is_finished && self.options.has_dropped();
        let closing = state.closing.clone();
        let retry = closing.as_ref().and_then(|closing| closing.retry(state));
        Ending { position: self.last_position(state, retry.is_some()), is_needed, retry, closing }
    }

    /// Returns the position for the last block. A reconnection time goes out in an event, which has the
    /// client's ID even if that has not moved.
    pub(crate) fn last_position(&mut self, state: &State, with_retry: bool) -> Option<Mark> {
        self.unsaid(state).or_else(|| with_retry.then(|| state.ids.mark(self.seen())))
    }
}

impl Parked {
    fn new(changes: u64, waker: &Waker) -> Option<Self> {
        Some(Self { changes: NonZeroU64::new(changes)?, waker: addresses(waker) })
    }
}

impl Cursors {
    /// Returns whether events are pending for a reader at a position.
    fn has_more(&self, seen: Position, state: &State) -> bool {
        match self {
            Self::SingleTopic(single) => single.has_more(seen, state),
            Self::MultiTopic(multi) => multi.has_more(state),
        }
    }

    /// Returns whether one of the topics was removed from the hub.
    fn has_removed(&self, state: &State) -> bool {
        match self {
            Self::SingleTopic(single) => single.is_removed(state),
            Self::MultiTopic(multi) => {
                multi.cursors().iter().any(|cursor| state.topics.get(cursor.topic).is_removed())
            }
        }
    }
}

/// Returns the newest position that acknowledges no pending event, but at least `least`, which must
/// acknowledge none. All pending events must be held.
pub(crate) fn freshest(cursors: &[Cursor], least: Position, state: &State) -> Position {
    let log = |cursor: &Cursor| &state.topics.get(cursor.topic).log;
    if !cursors.iter().any(|cursor| cursor.is_behind(log(cursor))) {
        return state.ids.head().max(least);
    }
    // Some positions have no event and so no ID, but positions of evicted events had one.
    let evicted = || cursors.iter().map(|cursor| log(cursor).evicted()).filter(|evicted| *evicted > least);
    // Fast path: no search for a client that has lost nothing.
    if evicted().next().is_none() {
        return least;
    }
    let next = cursors.iter().filter_map(|cursor| cursor.next(log(cursor))).min();
    evicted().filter(|evicted| next.is_none_or(|next| *evicted < next)).max().unwrap_or(least)
}

/// Returns two addresses that differ between live wakers of different tasks.
fn addresses(waker: &Waker) -> (usize, usize) {
    (waker.data() as usize, std::ptr::from_ref(waker.vtable()) as usize)
}
