use std::{array, iter, mem, task::Waker};

use bytes::Bytes;

use crate::{
    base::{
        panics::{Panic, each},
        sync::{Arc, Mutex, MutexGuard, lock},
    },
    history::{position::Position, run::Run},
    hub::core::parking::{Parking, SlotId},
};

/// A place where some of a busy topic's subscriptions read and park, with a lock of its own.
///
/// Lanes let subscriptions of one topic be polled on several threads without meeting at the hub's lock.
///
/// A lane has a snapshot of its topic, or none. The snapshot is taken under the hub's lock by one of the
/// lane's subscriptions, and a change, made under the hub's lock, clears it. So it is the topic's present
/// state, or the state before a change whose visit is still to come; without one, subscriptions read the
/// topic under the hub's lock. The hub's lock is taken before a lane's, never after it.
///
/// After the hub's lock, the change visits these lanes again and wakes all that are parked there. A
/// subscription that finds nothing new in a snapshot parks under the same lock of the lane. So it has parked
/// before the change cleared that snapshot, and is woken by it: no wake-up is lost. Some may have parked
/// since, if the lane has a snapshot again, or a later change has cleared that. They are woken as well, and a
/// change is [counted](OnLanes::wake) before, so that they do not take themselves for parked.
///
/// A change is counted after it has cleared the lanes, and a subscription loads the counter before it reads
/// its lane, so the count that it stores is never ahead of what it has read.
///
/// Subscriptions that are woken one after the other mostly run on one thread, and share a lane. So threads
/// seldom contend for a lane's lock, and the alignment gives each lane its own cache lines.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Lane {
    /// The lane's index in its topic.
    at: usize,
    state: Mutex<LaneState>,
}

/// The state of a lane, under its lock.
#[derive(Debug, Default)]
pub(crate) struct LaneState {
    pub(crate) parking: Parking,
    snapshot: Option<Snapshot>,
    /// The number of changes that have cleared the lane, and are yet to wake those that are parked.
    waking: u32,
    /// Events delivered to its subscriptions, counted once for each.
    delivered: u64,
}

/// A snapshot of a topic that is not finished, for subscriptions that have read all of its events.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The position of the topic's newest event. Nothing follows it.
    pub(crate) last: Position,
    /// The newest position of the hub.
    pub(crate) head: Position,
    /// The last run of events, up to the newest, as read by one of the lane's subscriptions.
    pub(crate) run: Option<Run>,
}

/// All lanes of a topic. They exist until the last subscription has left them.
#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: Arc<Vec<Arc<Lane>>>,
    /// The number of subscriptions on each lane.
    subscriptions: Vec<usize>,
    /// A bit for each lane that may have a snapshot.
    shown: u64,
    /// A lower bound of the positions of the events in the lanes' runs.
    oldest: Position,
}

/// The lanes of a topic that has changed, whose subscriptions are to be woken.
#[derive(Debug)]
pub(crate) struct OnLanes {
    lanes: Arc<Vec<Arc<Lane>>>,
    shown: u64,
}

impl Lane {
    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, LaneState> {
        lock(&self.state)
    }
}

impl LaneState {
    /// Reads all events after a position, or returns `None` if the hub must be asked. Also returns the newest
    /// position of the hub in the snapshot, and that of the last event.
    #[inline]
    pub(crate) fn read(&mut self, after: Position) -> Option<(Option<Bytes>, Position, Position)> {
        // Without a snapshot something has changed since, and the hub must be asked.
        let Snapshot { last, head, run } = self.snapshot.as_ref()?;
        if after >= *last {
            return Some((None, *head, *last));
        }
        // Only from the very place where the run begins: a slice of it would have to be searched
        // for.
        let run = run.as_ref().filter(|run| run.follows(after))?;
        debug_assert_eq!(run.last, *last, "a run on a lane reaches the end");
        self.delivered += run.events;
        Some((Some(run.bytes.clone()), *head, *last))
    }
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self { lanes: Arc::new(Vec::new()), subscriptions: Vec::new(), shown: 0, oldest: Position::MAX }
    }

    /// Adds a subscription to a lane, or to a new one. Returns the lane and the slot in its parking.
    ///
    /// Consecutive subscriptions are mostly adjacent in memory, so they share a lane, even when lanes are
    /// beyond their capacity.
    pub(crate) fn join(&mut self) -> (Arc<Lane>, SlotId) {
        // Compared in units of a full lane, so that one lane is filled before the next one is
        // begun.
        let least =
            self.lanes.iter().zip(&mut self.subscriptions).min_by_key(|(_, count)| **count / LANE_CAPACITY);
        let lane = match least {
            Some((lane, count)) if *count < LANE_CAPACITY || self.lanes.len() == MAX_LANES => {
                *count += 1;
                Arc::clone(lane)
            }
            _ => self.add(),
        };
        let slot = lane.lock().parking.occupy();
        (lane, slot)
    }

    /// Adds a lane with one subscription.
    fn add(&mut self) -> Arc<Lane> {
        let lane = Arc::new(Lane { at: self.lanes.len(), state: Mutex::new(LaneState::default()) });
        // A change may be about to wake those of the present list.
        self.lanes = Arc::new(self.lanes.iter().chain([&lane]).cloned().collect());
        self.subscriptions.push(1);
        lane
    }

    /// Removes a subscription from its lane. Returns whether any lane still has one.
    pub(crate) fn leave(&mut self, lane: &Lane) -> bool {
        self.subscriptions[lane.at] -= 1;
        self.subscriptions.iter().any(|count| *count > 0)
    }

    /// Gives a lane a snapshot, for a subscription that has read everything and is about to park.
    pub(crate) fn show<'l>(&mut self, lane: &'l Lane, mut snapshot: Snapshot) -> MutexGuard<'l, LaneState> {
        // Set under the hub's lock, before the lane's is taken: a change that comes later sees the
        // bit and clears the lane.
        self.shown |= 1 << lane.at;
        let mut lane_state = lane.lock();
        // The topic has not changed since the lane was shown, so that its run is still the last one.
        let earlier = lane_state.snapshot.take().and_then(|snapshot| snapshot.run);
        snapshot.run = snapshot.run.or(earlier);
        if let Some(run) = &snapshot.run {
            self.oldest = self.oldest.min(run.first);
        }
        lane_state.snapshot = Some(snapshot);
        lane_state
    }

    /// Clears all snapshots, because the topic has changed. Returns the lanes on which some may be parked.
    pub(crate) fn hide(&mut self) -> Option<OnLanes> {
        // Only lanes that were read since the last change, so that a change costs nothing for those
        // at rest.
        if self.shown == 0 {
            return None;
        }
        self.oldest = Position::MAX;
        let hidden = OnLanes { lanes: Arc::clone(&self.lanes), shown: mem::take(&mut self.shown) };
        for lane in hidden.iter() {
            let mut lane_state = lane.lock();
            lane_state.snapshot = None;
            lane_state.waking += 1;
        }
        Some(hidden)
    }

    /// Drops runs with events that are evicted: those up to a position.
    pub(crate) fn evict(&mut self, evicted: Position) {
        // A run may hold text of events that are evicted now, whose memory is no longer counted.
        if self.oldest <= evicted {
            self.oldest = Position::MAX;
            for lane in self.lanes.iter() {
                if let Some(snapshot) = &mut lane.lock().snapshot {
                    snapshot.run = None;
                }
            }
        }
    }

    /// Returns the number of events delivered, counted once for each subscription.
    pub(crate) fn delivered(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.lock().delivered).sum()
    }
}

impl OnLanes {
    fn iter(&self) -> impl Iterator<Item = &Lane> {
        ones(self.shown).filter_map(|at| self.lanes.get(at).map(|lane| &**lane))
    }

    /// Wakes all that are parked on the lanes, even if a waker panics. Returns the first panic.
    ///
    /// Calls `count` before it wakes any that may have parked after the change.
    pub(crate) fn wake(&self, mut count: impl FnMut()) -> Result<(), Panic> {
        let mut outcome = Ok(());
        for lane in self.iter() {
            let mut from = Some(0);
            while let Some(start) = from {
                // In pieces, as there is no allocation for them.
                let mut wakers: [_; WOKEN_AT_ONCE] = array::from_fn(|_| None);
                let is_late = {
                    let mut lane_state = lane.lock();
                    from = lane_state.parking.take(start, &mut wakers);
                    let is_late = lane_state.snapshot.is_some() || lane_state.waking > 1;
                    lane_state.waking -= u32::from(from.is_none());
                    is_late
                };
                if is_late {
                    count();
                }
                outcome = outcome.and(each(wakers.iter_mut().map_while(Option::take), Waker::wake));
            }
        }
        outcome
    }

    /// Takes all wakers.
    pub(crate) fn take_all(&self, wakers: &mut Vec<Waker>) {
        for lane in self.iter() {
            let mut lane_state = lane.lock();
            lane_state.parking.take_all(wakers);
            lane_state.waking -= 1;
        }
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
pub(crate) const LANE_THRESHOLD: usize = if cfg!(ssekit_loom) { 1 } else { 2 };
/// The number of subscriptions that a lane has before another lane is added.
const LANE_CAPACITY: usize = if cfg!(ssekit_loom) { 2 } else { 64 };
/// The maximum number of lanes. Beyond it, lanes exceed their capacity.
const MAX_LANES: usize = if cfg!(ssekit_loom) { 2 } else { u64::BITS as usize };
/// The number of wakers that are taken from a lane at once.
const WOKEN_AT_ONCE: usize = if cfg!(ssekit_loom) { 2 } else { 32 };

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    use super::*;

    const LAST: Position = 4;
    const HEAD: Position = 7;

    /// Shows a run of the events from `first` on, which follow a position.
    fn show(lanes: &mut Lanes, lane: &Lane, run: Option<(Position, Position)>) {
        let text = Bytes::from_static(b"text");
        let run = run.map(|(after, first)| Run::new(text, after, first, LAST));
        drop(lanes.show(lane, Snapshot { last: LAST, head: HEAD, run }));
    }

    /// Reads after a position, as far as it is shown.
    fn read(lane: &Lane, after: Position) -> Option<Option<Bytes>> {
        let (found, head, last) = lane.lock().read(after)?;
        assert_eq!((head, last), (HEAD, LAST));
        Some(found)
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
        let joined: Vec<_> = (0..3 * LANE_CAPACITY).map(|_| lanes.join().0).collect();
        assert!(lanes.leave(&joined[LANE_CAPACITY]));
        assert_eq!(lanes.join().0.at, joined[LANE_CAPACITY].at);
        let (last, others) = joined.split_last().unwrap();
        assert!(others.iter().all(|lane| lanes.leave(lane)));
        assert!(!lanes.leave(last));
    }

    #[test]
    fn what_a_lane_shows_goes_with_the_next_change_or_when_some_of_it_is_evicted() {
        let changes: [fn(&mut Lanes); 2] = [|lanes| _ = lanes.hide(), |lanes| lanes.evict(3)];
        for change in changes {
            let mut lanes = Lanes::new();
            let (lane, _) = lanes.join();
            show(&mut lanes, &lane, Some((1, 3)));
            lanes.evict(2);
            assert_eq!(read(&lane, 2), Some(Some(Bytes::from_static(b"text"))));
            assert_eq!(lanes.delivered(), 2);
            change(&mut lanes);
            assert!(read(&lane, 2).is_none());
            assert!(lane.lock().snapshot.as_ref().is_none_or(|snapshot| snapshot.run.is_none()));
        }
    }

    #[test]
    fn the_hub_is_asked_for_what_a_lane_does_not_show() {
        let mut lanes = Lanes::new();
        let (lane, _) = lanes.join();
        assert!(read(&lane, 4).is_none(), "nobody has looked");
        show(&mut lanes, &lane, Some((1, 3)));
        assert!(read(&lane, 0).is_none(), "it has only the last part");
        assert!(read(&lane, 3).is_none(), "it begins with an event before");
        assert!([1, 2].iter().all(|after| read(&lane, *after).is_some_and(|found| found.is_some())));
        assert_eq!(read(&lane, 4), Some(None));
        show(&mut lanes, &lane, None);
        assert!(read(&lane, 2).is_some(), "who parks without a run leaves that of another");
        assert!(lanes.hide().is_some());
        assert!(read(&lane, 4).is_none());
    }

    #[test]
    fn who_parks_on_any_lane_is_woken_by_the_next_change_alone() {
        let mut lanes = Lanes::new();
        let joined: Vec<_> = (0..LANE_CAPACITY * 3).map(|_| lanes.join()).collect();
        let (waker, counter) = waker();
        for (lane, slot) in [&joined[0], &joined[1], &joined[LANE_CAPACITY * 2]] {
            show(&mut lanes, lane, None);
            lane.lock().parking.park(*slot, waker.clone());
        }
        let on_lanes = lanes.hide().unwrap();
        assert!(on_lanes.wake(|| panic!("none has parked since")).is_ok());
        assert_eq!(counter.load(Ordering::Relaxed), 3);
        assert!(lanes.hide().is_none());
    }

    #[test]
    fn a_change_is_counted_before_those_are_woken_that_may_have_parked_after_it() {
        // Since it was hidden the lane was shown again, and hidden again by another change.
        for hidden_again in [false, true] {
            let mut lanes = Lanes::new();
            let (lane, slot) = lanes.join();
            show(&mut lanes, &lane, None);
            let first = lanes.hide().unwrap();
            show(&mut lanes, &lane, None);
            let (waker, counter) = waker();
            lane.lock().parking.park(slot, waker);
            let second = hidden_again.then(|| lanes.hide().unwrap());
            let mut counted = 0;
            let count = || {
                assert_eq!(counter.load(Ordering::Relaxed), 0);
                counted += 1;
            };
            assert!(first.wake(count).is_ok());
            assert_eq!((counted, counter.load(Ordering::Relaxed)), (1, 1));
            if let Some(second) = second {
                assert!(second.wake(|| panic!("the first has woken all")).is_ok());
            }
        }
    }

    /// Returns a waker, and how often it was woken.
    fn waker() -> (Waker, Arc<AtomicUsize>) {
        struct Woken(Arc<AtomicUsize>);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let counter = Arc::<AtomicUsize>::default();
        (Waker::from(Arc::new(Woken(Arc::clone(&counter)))), counter)
    }
}
