use std::{iter, mem, num::NonZeroU64, task::Waker};

use bytes::Bytes;

use crate::{
    base::{
        panics::Panic,
        sync::{Arc, Mutex, MutexGuard, lock},
    },
    history::{position::Position, run::Run},
    hub::{
        core::parking::{Parking, WakerTable},
        reader::read::{Read, Remaining},
    },
};

/// A place where some of a busy topic's subscriptions read and park, with a lock of its own.
///
/// Lanes let subscriptions of one topic be polled on several threads without meeting at the hub's lock.
///
/// A lane has a snapshot of its topic, or none. The snapshot is taken under the hub's lock by one of the
/// lane's subscriptions. A change, made under the hub's lock, clears each lane's snapshot and takes the
/// wakers parked there. So a snapshot is the topic's present state, or the state before a change whose visit
/// is still to come. A subscription that finds nothing new in the snapshot parks under the same lock of the
/// lane, and so that visit takes its waker and wakes it: no wake-up is lost. While a lane has no snapshot,
/// its subscriptions read the topic under the hub's lock. The hub's lock is taken before a lane's, never
/// after it.
///
/// A change is counted after it has visited the lanes, and a subscription loads the counter before it reads
/// its lane, so the count that it stores is never ahead of what it has read.
///
/// Subscriptions that are woken one after the other mostly run on one thread, and share a lane. So threads
/// seldom contend for a lane's lock, and the alignment gives each lane its own cache lines.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Lane {
    /// The lane's index in its topic.
    at: usize,
    state: Mutex<LaneState>,
}

/// The state of a lane, under its lock.
#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) parking: Parking,
    snapshot: Option<Snapshot>,
    /// The last run of events, up to the newest, as read by one of the lane's subscriptions. Cleared by the
    /// topic's next event, or when one of its own is evicted.
    newest: Option<Run>,
    /// Events delivered to its subscriptions, counted once for each.
    delivered: u64,
}

/// A snapshot of a topic that is not finished, for subscriptions that have read all of its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Snapshot {
    /// The position of the topic's newest event. Nothing follows it.
    pub(crate) last: Position,
    /// The newest position of the hub.
    pub(crate) head: Position,
}

/// All lanes of a topic. They exist until the last subscription has left them.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Vec<Arc<Lane>>,
    /// The number of subscriptions on each lane.
    subscriptions: Vec<usize>,
    /// A bit for each lane that may have a snapshot or a run.
    shown: u64,
    /// A lower bound of the positions that the lanes' runs were read from.
    oldest: Position,
    /// An allocation to reuse for the next wake-up.
    spare: Option<Box<OnLanes>>,
}

/// The wakers taken from a topic and its lanes.
#[derive(Debug)]
pub(crate) struct TakenWakers {
    pub(crate) on_topic: Option<WakerTable>,
    /// Boxed, because `TakenWakers` is moved with each event, and most topics have no lanes.
    on_lanes: Option<Box<OnLanes>>,
}

#[derive(Debug, Default)]
struct OnLanes(Vec<(Arc<Lane>, WakerTable)>);

impl Lane {
    fn new(at: usize) -> Self {
        let state =
            LaneState { parking: Parking::new(NonZeroU64::MIN), snapshot: None, newest: None, delivered: 0 };
        Self { at, state: Mutex::new(state) }
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, LaneState> {
        lock(&self.state)
    }
}

impl LaneState {
    /// Reads all events after a position, or returns `None` if the hub must be asked. Also returns the newest
    /// position of the hub in the snapshot.
    #[inline]
    pub(crate) fn read(&mut self, after: &mut Position) -> Option<(Read<Bytes>, Position)> {
        // Without a snapshot something has changed since, and the hub must be asked.
        let Snapshot { last, head } = self.snapshot?;
        if *after >= last {
            return Some((Read { found: None, last: 0, remaining: Remaining::Nothing }, head));
        }
        // Only from the very place where the run begins: a slice of it would have to be searched
        // for.
        let run = self.newest.as_ref().filter(|run| run.after == *after)?;
        debug_assert_eq!(run.last, last, "a run on a lane reaches the end");
        self.delivered += run.events;
        *after = last;
        Some((Read { found: Some(run.bytes.clone()), last: run.last, remaining: Remaining::Nothing }, head))
    }
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self { lanes: Vec::new(), subscriptions: Vec::new(), shown: 0, oldest: Position::MAX, spare: None }
    }

    /// Adds a subscription to a lane, or to a new one.
    ///
    /// Consecutive subscriptions are mostly adjacent in memory, so they share a lane, even when lanes are
    /// beyond their capacity.
    pub(crate) fn join(&mut self) -> Arc<Lane> {
        // Compared in units of a full lane, so that one lane is filled before the next one is
        // begun.
        let least =
            self.lanes.iter().zip(&mut self.subscriptions).min_by_key(|(_, count)| **count / LANE_CAPACITY);
        match least {
            Some((lane, count)) if *count < LANE_CAPACITY || self.lanes.len() == MAX_LANES => {
                *count += 1;
                Arc::clone(lane)
            }
            _ => {
                let lane = Arc::new(Lane::new(self.lanes.len()));
                self.lanes.push(Arc::clone(&lane));
                self.subscriptions.push(1);
                lane
            }
        }
    }

    /// Removes a subscription from its lane. Returns whether any lane still has one.
    pub(crate) fn leave(&mut self, lane: &Lane) -> bool {
        self.subscriptions[lane.at] -= 1;
        self.subscriptions.iter().any(|count| *count > 0)
    }

    /// Gives a lane a snapshot, for a subscription that has read everything and is about to park.
    pub(crate) fn show<'l>(&mut self, lane: &'l Lane, snapshot: Snapshot) -> MutexGuard<'l, LaneState> {
        // Set under the hub's lock, before the lane's is taken: a change that comes later sees the
        // bit and clears the lane.
        self.shown |= 1 << lane.at;
        let mut lane_state = lane.lock();
        lane_state.snapshot = Some(snapshot);
        lane_state
    }

    /// Stores a run that a subscription has read, up to the newest event, for the others on its lane.
    pub(crate) fn leave_run(&mut self, lane: &Lane, run: Run) {
        self.shown |= 1 << lane.at;
        self.oldest = self.oldest.min(run.after);
        lane.lock().newest = Some(run);
    }

    /// Clears all snapshots, because the topic has changed, and takes the wakers parked on the lanes.
    fn hide(&mut self) -> Option<Box<OnLanes>> {
        if self.shown == 0 {
            return None;
        }
        self.oldest = Position::MAX;
        let mut taken = self.spare.take().unwrap_or_default();
        // Only lanes that were read since the last change, so that a change costs nothing for those
        // at rest.
        for lane in ones(mem::take(&mut self.shown)).filter_map(|at| self.lanes.get(at)) {
            let mut lane_state = lane.lock();
            lane_state.snapshot = None;
            lane_state.newest = None;
            taken.0.extend(lane_state.parking.take().map(|table| (Arc::clone(lane), table)));
        }
        if taken.0.is_empty() {
            self.spare = Some(taken);
            return None;
        }
        Some(taken)
    }

    /// Drops runs with events that are evicted: those up to a position.
    pub(crate) fn evict(&mut self, evicted: Position) {
        // A run may hold text of events that are evicted now, whose memory is no longer counted.
        if self.oldest < evicted {
            self.oldest = Position::MAX;
            self.lanes.iter().for_each(|lane| lane.lock().newest = None);
        }
    }

    /// Returns the number of events delivered, counted once for each subscription.
    pub(crate) fn delivered(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.lock().delivered).sum()
    }
}

impl TakenWakers {
    /// Clears the lanes of a topic that has changed, and takes all wakers parked there and on the topic
    /// itself.
    #[inline]
    pub(crate) fn take(parking: &mut Parking, lanes: Option<&mut Lanes>) -> Option<Self> {
        let on_lanes = lanes.and_then(Lanes::hide);
        let on_topic = parking.take();
        (on_topic.is_some() || on_lanes.is_some()).then_some(Self { on_topic, on_lanes })
    }

    /// Wakes all, even if a waker panics, and puts the lanes' wakers back. Returns the first panic.
    pub(crate) fn wake(&mut self) -> Result<(), Panic> {
        let mut outcome = self.on_topic.as_mut().map_or(Ok(()), WakerTable::wake);
        for (lane, mut table) in self.on_lanes.iter_mut().flat_map(|taken| taken.0.drain(..)) {
            outcome = outcome.and(table.wake());
            // Usually nobody has parked on the lane meanwhile, and its table with its wakers is
            // used again.
            let unwanted = lane.lock().parking.put_back(table);
            drop(unwanted);
        }
        outcome
    }

    /// Puts the topic's own wakers back once all are woken, or returns them to be dropped.
    pub(crate) fn put_back(self, parking: &mut Parking, lanes: Option<&mut Lanes>) -> Option<WakerTable> {
        if let Some(lanes) = lanes {
            lanes.spare = self.on_lanes.or(lanes.spare.take());
        }
        parking.put_back(self.on_topic?)
    }

    /// Returns all wakers, including those that are not parked.
    pub(crate) fn into_wakers(self) -> impl Iterator<Item = Waker> {
        let on_lanes = self.on_lanes.into_iter().flat_map(|taken| taken.0).map(|(_, table)| table);
        self.on_topic.into_iter().chain(on_lanes).flat_map(WakerTable::into_wakers)
    }
}

/// Returns the indices of the bits that are set.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        lowest
    })
}

/// A topic's subscriptions beyond this number get lanes.
pub(crate) const LANE_THRESHOLD: usize = if cfg!(ssekit_loom) { 1 } else { 8 };
/// The number of subscriptions that a lane has before another lane is added.
const LANE_CAPACITY: usize = if cfg!(ssekit_loom) { 2 } else { 64 };
/// The maximum number of lanes. Beyond it, lanes exceed their capacity.
const MAX_LANES: usize = if cfg!(ssekit_loom) { 2 } else { u64::BITS as usize };

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use super::*;

    const SNAPSHOT: Snapshot = Snapshot { last: 4, head: 7 };

    /// A run after a position, up to the last event.
    fn run(after: Position) -> Run {
        Run::new(Bytes::from_static(b"text"), after, SNAPSHOT.last, (SNAPSHOT.last - after) as u64)
    }

    #[test]
    fn a_lane_is_filled_before_there_is_another_up_to_a_limit() {
        let mut lanes = Lanes::new();
        for joined in 1..=2 * LANE_CAPACITY * MAX_LANES {
            lanes.join();
            assert_eq!(lanes.lanes.len(), joined.div_ceil(LANE_CAPACITY).min(MAX_LANES));
        }
        assert!(lanes.subscriptions.iter().all(|count| *count == 2 * LANE_CAPACITY));
    }

    #[test]
    fn who_leaves_makes_room_and_the_last_one_is_told() {
        let mut lanes = Lanes::new();
        let joined: Vec<_> = (0..3 * LANE_CAPACITY).map(|_| lanes.join()).collect();
        assert!(lanes.leave(&joined[LANE_CAPACITY]));
        assert_eq!(lanes.join().at, joined[LANE_CAPACITY].at);
        let (last, others) = joined.split_last().unwrap();
        assert!(others.iter().all(|lane| lanes.leave(lane)));
        assert!(!lanes.leave(last));
    }

    /// Reads after a position, as far as it is shown.
    fn read(lane: &Lane, mut after: Position) -> Option<(Option<Bytes>, Position)> {
        let (read, head) = lane.lock().read(&mut after)?;
        assert_eq!(head, SNAPSHOT.head);
        Some((read.found, after))
    }

    #[test]
    fn what_a_lane_shows_goes_with_the_next_change_or_when_some_of_it_is_evicted() {
        let changes: [fn(&mut Lanes); 2] = [|lanes| assert!(lanes.hide().is_none()), |lanes| lanes.evict(3)];
        for change in changes {
            let mut lanes = Lanes::new();
            let lane = lanes.join();
            lanes.leave_run(&lane, run(2));
            drop(lanes.show(&lane, SNAPSHOT));
            lanes.evict(2);
            assert_eq!(read(&lane, 2), Some((Some(Bytes::from_static(b"text")), 4)));
            assert_eq!(lanes.delivered(), 2);
            change(&mut lanes);
            assert!(lane.lock().newest.is_none());
            assert!(read(&lane, 2).is_none());
        }
    }

    #[test]
    fn the_hub_is_asked_for_what_a_lane_does_not_show() {
        let mut lanes = Lanes::new();
        let lane = lanes.join();
        assert!(read(&lane, 4).is_none(), "nobody has looked");
        lanes.leave_run(&lane, run(3));
        assert!(read(&lane, 3).is_none(), "more may be remaining behind it");
        drop(lanes.show(&lane, SNAPSHOT));
        assert!(read(&lane, 3).is_some());
        assert!(read(&lane, 2).is_none(), "it has only the last part");
        assert_eq!(read(&lane, 4), Some((None, 4)));
        assert!(lanes.hide().is_none());
        assert!(read(&lane, 4).is_none());
    }

    #[test]
    fn who_parks_on_any_lane_is_taken_by_the_next_change_alone() {
        let mut lanes = Lanes::new();
        let joined: Vec<_> = (0..LANE_CAPACITY * 3).map(|_| lanes.join()).collect();
        for lane in [&joined[0], &joined[LANE_CAPACITY * 2]] {
            let mut lane_state = lanes.show(lane, SNAPSHOT);
            lane_state.parking.park(&mut None, &mut Some(Waker::noop().clone()));
        }
        let taken = lanes.hide().map_or(0, |taken| taken.0.len());
        assert_eq!((taken, lanes.hide().is_none()), (2, true));
    }
}
