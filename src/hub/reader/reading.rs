use std::{
    num::NonZeroU64,
    sync::atomic::Ordering,
    task::{Poll, Waker},
};

use bytes::Bytes;

use crate::{
    base::sync::lock,
    event::id::EventId,
    history::{position::Position, scheme::Mark},
    hub::{
        core::{shared::Shared, state::State},
        notice::GapReason,
        policies::Lag,
        reader::{
            cursor::Cursor,
            ending::Ending,
            join::join,
            multi_topic::MultiTopic,
            options::Options,
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
    pub(crate) seen: Position,
    /// The last position sent to the client, with an event or a notice.
    pub(crate) told: Position,
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
                let lane = state.topics.join_lane(cursor.topic);
                Cursors::SingleTopic(SingleTopic::new(cursor, lane))
            }
            (last, _) => {
                cursors.extend(last);
                Cursors::MultiTopic(Box::new(MultiTopic::new(cursors, state)))
            }
        };
        Self { cursors, parked: None, seen: position, told: position, options: Options::default() }
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> + Clone {
        self.cursors.as_slice().iter().map(|cursor| &*cursor.name)
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
        if self.cursors.needs_waker() {
            return None;
        }
        match self.read_lane(shared.changes.load(Ordering::Acquire), current, &mut None)? {
            Some(found) => Some(Poll::Ready(found)),
            None => self.parked.is_some().then_some(Poll::Pending),
        }
    }

    /// Reads the next events, or parks. If nothing is left after the events, it also parks, because the next
    /// poll would do so.
    pub(crate) fn step(&mut self, shared: &Shared, current: &Waker) -> Step {
        if !self.options.is_none() && self.is_parked(shared, current) {
            return Step::Parked;
        }
        // Fast path: the hub has usually kept the waker, so no clone is needed. If not, read again with one.
        let mut waker = if self.cursors.needs_waker() { Some(current.clone()) } else { None };
        loop {
            // A waker left here by the swap is dropped without the lock.
            if let Some(step) = self.try_step(shared, current, &mut waker) {
                return step;
            }
            waker = Some(current.clone());
        }
    }

    /// Returns whether its lane tells it all that the hub would.
    #[inline]
    fn may_use_lane(&self, shared: &Shared) -> bool {
        self.options.is_none() || !(self.options.has_filter() || self.options.is_over(shared))
    }

    /// Reads its lane once, and returns the events found there. Returns `None` if the hub must be asked.
    #[inline(always)] // bench: one_at_a_time
    fn read_lane(
        &mut self,
        changes: u64,
        current: &Waker,
        brought: &mut Option<Waker>,
    ) -> Option<Option<Bytes>> {
        let Cursors::SingleTopic(single) = &mut self.cursors else { return None };
        let LaneRead { read: Read { found, last, .. }, head, is_parked } =
            single.read_lane(current, brought)?;
        // The lane's snapshot may have an older head than was already seen.
        self.seen = self.seen.max(head);
        if found.is_some() {
            self.told = last;
        }
        self.parked = if is_parked { Parked::new(changes, current) } else { None };
        Some(found)
    }

    /// Reads once. Returns `None` if there is nothing to read and no waker to park with.
    #[inline]
    fn try_step(&mut self, shared: &Shared, current: &Waker, brought: &mut Option<Waker>) -> Option<Step> {
        let mut over = self.options.is_over(shared);
        // Loaded before reading, so the stored count is never ahead of what is read: a change in between is seen
        // later.
        let changes = shared.changes.load(Ordering::Acquire);
        // A reader without options has read its lane, but could not park there without a waker.
        if (brought.is_some() || !self.options.is_none()) && self.may_use_lane(shared) {
            if let Some(found) = self.read_lane(changes, current, brought) {
                return found.map(Step::Piece).or_else(|| self.parked.is_some().then_some(Step::Parked));
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
            return Some(Step::End(Some(self.ending(&mut state))));
        }
        if self.options.steering().is_some() {
            if let Some(step) = self.apply_changes(&mut state) {
                return Some(step);
            }
        }
        let has_filter = self.options.has_filter();
        // Settling each kind separately avoids copying a result into one type that fits all of them.
        match (&mut self.cursors, has_filter) {
            (Cursors::SingleTopic(single), false) => {
                let read = single.read(&mut state);
                self.settle(read, Step::Piece, current, brought, changes, &mut state)
            }
            (Cursors::SingleTopic(single), true) => {
                let read = single.read_unfiltered(&mut state);
                self.settle(read, Step::Unfiltered, current, brought, changes, &mut state)
            }
            (Cursors::MultiTopic(multi), false) => {
                let read = multi.read(&mut state);
                self.settle(read, Step::Pieces, current, brought, changes, &mut state)
            }
            (Cursors::MultiTopic(multi), true) => {
                let read = multi.read_unfiltered(&mut state);
                self.settle(read, Step::Unfiltered, current, brought, changes, &mut state)
            }
        }
    }

    /// Records the result of reading, and parks if nothing is left.
    #[inline]
    fn settle<T>(
        &mut self,
        read: Result<Read<T>, Lagged>,
        step: impl FnOnce(T) -> Step,
        current: &Waker,
        brought: &mut Option<Waker>,
        changes: u64,
        state: &mut State,
    ) -> Option<Step> {
        let Ok(Read { found, last, remaining }) = read else { return Some(self.lagged(state)) };
        // The client's position must not move, or it would acknowledge events of a topic that is no
        // more.
        if remaining == Remaining::Removed {
            return Some(Step::End(Some(Ending::SILENT)));
        }
        // With nothing left, events of other topics up to the newest do not concern the client.
        self.seen = if remaining == Remaining::More { last } else { state.ids.head() };
        // With a filter it is not known yet whether the last event reaches the client.
        if found.is_some() && !self.options.has_filter() {
            self.told = last;
        }
        // A closed hub still delivers what is pending: only with nothing found the stream ends.
        let ends = remaining == Remaining::Finished || state.closing.is_some();
        self.parked = None;
        // Parked under the same lock under which nothing was left, so that no change falls between.
        if remaining != Remaining::More && !ends {
            let is_parked = match &mut self.cursors {
                Cursors::SingleTopic(single) => single.park(current, brought, state),
                Cursors::MultiTopic(multi) => multi.park(brought, state),
            };
            self.parked = Parked::new(changes, current).filter(|_| is_parked);
        }
        match found {
            Some(found) => Some(step(found)),
            None if ends => Some(Step::End(Some(self.ending(state)))),
            None => self.parked.is_some().then_some(Step::Parked),
        }
    }

    /// Returns whether there is nothing to do: the same waker is parked, and nothing has changed since.
    ///
    /// A change increments the counter before it wakes, so either this sees the change, or the wake-up is
    /// still to come.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn is_parked(&self, shared: &Shared, waker: &Waker) -> bool {
        let Some(parked) = &self.parked else { return false };
        // Two addresses identify the waker: while the reader is parked the hub holds it, so that no
        // other waker has them. The count may be older than what was read, never newer. So an equal
        // count means that nothing has changed, and an old one costs a poll with the lock.
        parked.waker == addresses(waker)
            && parked.changes.get() == shared.changes.load(Ordering::Acquire)
            && (self.options.is_none() || !(self.has_changes() || self.options.is_over(shared)))
    }

    /// Returns the ID of the position, if it has moved since it was last sent.
    pub(crate) fn moved(&mut self, shared: &Shared) -> Option<EventId> {
        let mark = {
            let state = lock(&shared.state);
            // Only if nothing is pending: a position past pending events would acknowledge them.
            if !self.cursors.has_more(&state) && !self.has_changes() {
                self.seen = state.ids.head();
            }
            self.unsaid(&state)?
        };
        shared.ids.id(mark)
    }

    /// Returns the position, if it has moved since it was last sent, and records it as sent.
    fn unsaid(&mut self, state: &State) -> Option<Mark> {
        let moved = self.seen > self.told;
        self.told = self.seen;
        moved.then(|| state.ids.mark(self.seen))
    }

    /// Passes the events through the filter one by one, and joins those that pass.
    pub(crate) fn filter(&mut self, shared: &Shared, pieces: Vec<Unfiltered>) -> Option<Bytes> {
        let filter = self.options.filter()?;
        let cursors = self.cursors.as_slice();
        let (mut kept, mut count, mut last_kept) = (Vec::new(), 0, None);
        for piece in pieces {
            let (bytes, mut from) = (&piece.bytes, 0);
            piece.each(&cursors[piece.ordinal as usize].name, |event, at, end| {
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
        self.told = last_kept.unwrap_or(self.told);
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
        match &mut self.cursors {
            Cursors::SingleTopic(single) => single.leave(state),
            Cursors::MultiTopic(multi) => multi.leave(state),
        }
    }

    /// Ends, or reports the gap and continues from the oldest event held.
    fn lagged(&mut self, state: &mut State) -> Step {
        let is_removed = |cursor: &Cursor| state.topics.get(cursor.topic).is_removed();
        if self.cursors.as_slice().iter().any(is_removed) {
            // Its position must not move: later events under that name belong to a new topic.
            return Step::End(Some(Ending::SILENT));
        }
        // Counted however the client asked to be treated.
        state.lagged += 1;
        if self.options.lag() == Lag::Disconnect {
            return Step::End(None);
        }
        state.gaps += 1;
        match &mut self.cursors {
            Cursors::SingleTopic(single) => single.skip(state),
            Cursors::MultiTopic(multi) => multi.skip(state),
        }
        let position = freshest(self.cursors.as_slice(), self.seen, state);
        (self.seen, self.told) = (position, position);
        Step::Gap(GapReason::Lagged, state.ids.mark(position))
    }

    fn ending(&mut self, state: &mut State) -> Ending {
        let closing = state.closing.clone();
        let retry = closing.as_ref().and_then(|closing| closing.retry(state));
        Ending { position: self.last_position(state, retry.is_some()), retry, closing }
    }

    /// Returns the position for the last block. A reconnection time goes out in an event, which has the
    /// client's ID even if that has not moved.
    pub(crate) fn last_position(&mut self, state: &State, with_retry: bool) -> Option<Mark> {
        self.unsaid(state).or_else(|| with_retry.then(|| state.ids.mark(self.told)))
    }
}

impl Parked {
    fn new(changes: u64, waker: &Waker) -> Option<Self> {
        Some(Self { changes: NonZeroU64::new(changes)?, waker: addresses(waker) })
    }
}

impl Cursors {
    fn as_slice(&self) -> &[Cursor] {
        match self {
            Self::SingleTopic(single) => std::slice::from_ref(single.cursor()),
            Self::MultiTopic(multi) => multi.cursors(),
        }
    }

    fn needs_waker(&self) -> bool {
        match self {
            Self::SingleTopic(single) => single.needs_waker(),
            Self::MultiTopic(_) => true,
        }
    }

    /// Returns whether events are pending.
    fn has_more(&self, state: &State) -> bool {
        match self {
            Self::SingleTopic(single) => single.has_more(state),
            Self::MultiTopic(multi) => multi.has_more(state),
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
