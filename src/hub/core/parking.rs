use std::{mem, num::NonZeroU64, task::Waker};

use crate::base::{
    panics::{Panic, each},
    shrink::excess,
};

/// Wakers of subscriptions that have read all events of a topic. They are all woken at once.
///
/// They are woken by reference and put back, so that a subscription which parks again mostly finds its waker
/// still there. That saves cloning and dropping a waker for each subscription and event.
#[derive(Debug)]
pub(crate) struct Parking {
    table: WakerTable,
    /// The table that was taken, until a subscription parks or leaves. After that it must not be put back,
    /// because it does not contain that change.
    taken: Option<Taken>,
    /// The name of the newest table. Each has its own, so that a slot of an old table is never mistaken for
    /// one of a new table.
    newest: NonZeroU64,
}

/// A table of parked wakers.
#[derive(Debug)]
pub(crate) struct WakerTable {
    name: NonZeroU64,
    slots: Vec<Slot>,
    /// The slots that are parked, in no order.
    parked: Vec<u32>,
    /// Slots that are free. Some may no longer exist.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    waker: Option<Waker>,
    /// Its index in `parked`, if it is parked.
    parked: Option<u32>,
}

#[derive(Debug)]
struct Taken {
    name: NonZeroU64,
    slots: usize,
}

/// A slot in a [`Parking`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotId {
    table: NonZeroU64,
    index: u32,
}

/// A subscription's slot, in which it parks repeatedly.
#[derive(Debug, Default)]
pub(crate) struct ParkTicket {
    slot_id: Option<SlotId>,
    /// Its waker was still in its slot when it last parked.
    is_kept: bool,
}

impl Parking {
    /// Creates an empty parking. Its tables are named from `first` on.
    ///
    /// [`put_back`](Self::put_back) recognises a table by its name, so no two tables of a topic may share
    /// one.
    pub(crate) fn new(first: NonZeroU64) -> Self {
        Self { table: WakerTable::new(first), taken: None, newest: first }
    }

    /// Resets it to the state of [`new`](Self::new). All subscriptions must have left.
    pub(crate) fn begin_anew(&mut self, first: NonZeroU64) {
        if self.table.slots.capacity() > 0 {
            self.table = WakerTable::new(first);
        }
        self.table.name = first;
        self.newest = first;
        self.taken = None;
    }

    /// Returns the name of the newest table.
    pub(crate) fn newest(&self) -> NonZeroU64 {
        self.newest
    }

    /// Parks in the same slot, if that still holds the current waker.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn park_again(&mut self, slot_id: Option<SlotId>, current: &Waker) -> bool {
        let Some(slot_id) = slot_id else { return false };
        let holds = self.table.find(slot_id).is_some_and(|slot| slot.holds(current));
        if holds {
            self.table.mark(slot_id.index);
        }
        holds
    }

    /// Parks, in the same slot if it exists. Leaves the previous waker in `waker`, to be dropped.
    pub(crate) fn park(&mut self, slot_id: &mut Option<SlotId>, waker: &mut Option<Waker>) {
        // A slot of a table that was taken is not found here, unless the table came back.
        let kept = slot_id.filter(|slot_id| self.table.find(*slot_id).is_some());
        let slot_id = match kept {
            Some(kept) => kept,
            None => {
                if let Some(taken) = self.taken.take() {
                    // The table was taken and somebody parks before it is back, so that it will not
                    // come back. All of its subscriptions are about to park here.
                    self.table.reserve(taken.slots);
                }
                *slot_id.insert(self.table.occupy())
            }
        };
        if let Some(slot) = self.table.find(slot_id) {
            mem::swap(&mut slot.waker, waker);
        }
        self.table.mark(slot_id.index);
    }

    /// Leaves a slot. Returns its waker, to be dropped.
    pub(crate) fn leave(&mut self, slot_id: Option<SlotId>) -> Option<Waker> {
        // The subscription that leaves may have a slot in the table that was taken. If that came
        // back, the slot would never be free again.
        self.taken = None;
        let slot_id = slot_id?;
        let waker = self.table.find(slot_id)?.waker.take();
        self.table.vacate(slot_id.index);
        waker
    }

    /// Takes the table, if any waker is parked. It may be [put back](Self::put_back).
    pub(crate) fn take(&mut self) -> Option<WakerTable> {
        if self.table.parked.is_empty() {
            return None;
        }
        // A new name, so that slots of the table that was taken are not found in the one that
        // replaces it.
        self.newest = self.newest.saturating_add(1);
        let table = mem::replace(&mut self.table, WakerTable::new(self.newest));
        self.taken = Some(Taken { name: table.name, slots: table.slots.len() });
        Some(table)
    }

    /// Puts the table back, or returns it to be dropped if a subscription has parked or left since.
    pub(crate) fn put_back(&mut self, table: WakerTable) -> Option<WakerTable> {
        if self.taken.as_ref().is_none_or(|taken| taken.name != table.name) {
            return Some(table);
        }
        debug_assert!(self.table.slots.is_empty(), "nobody has parked since the table was taken");
        self.taken = None;
        self.table = table;
        None
    }

    /// Frees capacity that this many subscriptions do not need.
    pub(crate) fn shrink_to(&mut self, len: usize) {
        let WakerTable { slots, parked, .. } = &mut self.table;
        if let Some(capacity) = excess(slots.capacity(), slots.len().max(len)) {
            slots.shrink_to(capacity);
            parked.shrink_to(capacity);
        }
    }
}

impl ParkTicket {
    /// Returns whether it needs a new waker to park.
    pub(crate) fn needs_waker(&self) -> bool {
        !self.is_kept
    }

    /// Parks with the waker that is still there if that is current, otherwise with `brought`. Returns whether
    /// it parked.
    ///
    /// Leaves the previous waker in `brought`, to be dropped without a lock.
    #[inline(always)] // bench: one_at_a_time
    pub(crate) fn park(
        &mut self,
        parking: &mut Parking,
        current: &Waker,
        brought: &mut Option<Waker>,
    ) -> bool {
        self.is_kept = parking.park_again(self.slot_id, current);
        if !self.is_kept && brought.is_some() {
            parking.park(&mut self.slot_id, brought);
            return true;
        }
        self.is_kept
    }

    /// Leaves. Returns the waker, to be dropped without a lock.
    pub(crate) fn leave(&self, parking: &mut Parking) -> Option<Waker> {
        parking.leave(self.slot_id)
    }
}

impl WakerTable {
    const fn new(name: NonZeroU64) -> Self {
        Self { name, slots: Vec::new(), parked: Vec::new(), free: Vec::new() }
    }

    /// Wakes all that are parked, even if a waker panics. Returns the first panic.
    pub(crate) fn wake(&mut self) -> Result<(), Panic> {
        let Self { slots, parked, .. } = self;
        each(parked.drain(..), |index| {
            let Some(slot) = slots.get_mut(index as usize) else { return };
            slot.parked = None;
            if let Some(waker) = &slot.waker {
                // By reference, so that the slot keeps its waker for the next time.
                waker.wake_by_ref();
            }
        })
    }

    /// Returns all wakers, including those that are not parked.
    pub(crate) fn into_wakers(self) -> impl Iterator<Item = Waker> {
        self.slots.into_iter().filter_map(|slot| slot.waker)
    }

    #[inline(always)] // bench: one_at_a_time
    fn find(&mut self, slot_id: SlotId) -> Option<&mut Slot> {
        if slot_id.table == self.name { self.slots.get_mut(slot_id.index as usize) } else { None }
    }

    fn reserve(&mut self, slots: usize) {
        self.slots.reserve(slots);
        self.parked.reserve(slots);
    }

    /// Marks a slot as parked.
    #[inline]
    fn mark(&mut self, index: u32) {
        if let Some(slot @ Slot { parked: None, .. }) = self.slots.get_mut(index as usize) {
            slot.parked = Some(self.parked.len() as u32);
            self.parked.push(index);
        }
    }

    fn unmark(&mut self, index: u32) {
        let Some(at) = self.slots.get_mut(index as usize).and_then(|slot| slot.parked.take()) else { return };
        debug_assert_eq!(self.parked.get(at as usize), Some(&index), "a parked slot knows its place");
        self.parked.swap_remove(at as usize);
        let moved = self.parked.get(at as usize);
        if let Some(slot) = moved.and_then(|moved| self.slots.get_mut(*moved as usize)) {
            slot.parked = Some(at);
        }
    }

    /// Takes a free slot, or adds one.
    fn occupy(&mut self) -> SlotId {
        let table = self.name;
        while let Some(index) = self.free.pop() {
            // A slot on the list may have been cut off since, or added again and be in use.
            if self.slots.get(index as usize).is_some_and(|slot| slot.waker.is_none()) {
                return SlotId { table, index };
            }
        }
        self.slots.push(Slot { waker: None, parked: None });
        SlotId { table, index: self.slots.len() as u32 - 1 }
    }

    fn vacate(&mut self, index: u32) {
        self.unmark(index);
        self.free.push(index);
        // Only the end can be cut off: the indices of the others are held by subscriptions.
        while self.slots.last().is_some_and(|slot| slot.waker.is_none()) {
            self.slots.pop();
        }
        if self.slots.is_empty() {
            *self = Self::new(self.name);
        }
    }
}

impl Slot {
    #[inline]
    fn holds(&self, current: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|waker| waker.will_wake(current))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waker() -> Waker {
        Arc::new(Woken::default()).into()
    }

    fn park(parking: &mut Parking) -> Option<SlotId> {
        let mut slot_id = None;
        park_with(&waker(), parking, &mut slot_id);
        slot_id
    }

    fn park_with(waker: &Waker, parking: &mut Parking, slot_id: &mut Option<SlotId>) {
        parking.park(slot_id, &mut Some(waker.clone()));
    }

    fn parked(table: &WakerTable) -> usize {
        table.parked.len()
    }

    fn take(parking: &mut Parking) -> WakerTable {
        parking.take().expect("someone is parked")
    }

    #[test]
    fn who_has_left_is_not_taken_and_its_place_is_used_again() {
        let mut parking = Parking::new(NonZeroU64::MIN);
        let [first, middle, _last] = [(); 3].map(|()| park(&mut parking));
        assert!(parking.leave(middle).is_some());
        assert!(parking.leave(first).is_some());
        park(&mut parking);
        park(&mut parking);
        assert_eq!(parking.table.slots.len(), 3);
        assert_eq!(parked(&take(&mut parking)), 3);
    }

    #[test]
    #[cfg_attr(miri, ignore = "to an interpreter no two wakers are the same")]
    fn who_parks_again_is_taken_once() {
        let (mut parking, waker) = (Parking::new(NonZeroU64::MIN), waker());
        let mut slot_id = park(&mut parking);
        park_with(&waker, &mut parking, &mut slot_id);
        assert!(parking.park_again(slot_id, &waker));
        assert_eq!(parked(&take(&mut parking)), 1);
        assert!(parking.take().is_none());
    }

    #[test]
    fn each_that_is_parked_is_woken_once_whoever_has_left() {
        for leaving in 0_u32..1 << 5 {
            let mut parking = Parking::new(NonZeroU64::MIN);
            let woken: Vec<Arc<Woken>> = (0..5).map(|_| Arc::default()).collect();
            let mut slot_ids = [None; 5];
            for (slot_id, woken) in slot_ids.iter_mut().zip(&woken) {
                park_with(&Arc::clone(woken).into(), &mut parking, slot_id);
            }
            for (_, slot_id) in slot_ids.iter().enumerate().filter(|(at, _)| leaving >> at & 1 == 1) {
                assert!(parking.leave(*slot_id).is_some());
            }
            if let Some(mut table) = parking.take() {
                assert!(table.wake().is_ok() && table.wake().is_ok());
            }
            for (at, woken) in woken.iter().enumerate() {
                let expected = usize::from(leaving >> at & 1 == 0);
                assert_eq!(woken.0.load(Ordering::Relaxed), expected, "{at} when {leaving:05b} have left");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "to an interpreter no two wakers are the same")]
    fn who_was_put_back_is_not_taken_until_it_parks_again() {
        let (mut parking, first, other) = (Parking::new(NonZeroU64::MIN), waker(), waker());
        let mut slot_id = None;
        park_with(&first, &mut parking, &mut slot_id);
        park(&mut parking);
        let mut table = take(&mut parking);
        assert!(table.wake().is_ok());
        assert!(!parking.park_again(slot_id, &first), "its waker is not there");
        assert!(parking.put_back(table).is_none());
        assert!(parking.take().is_none());
        assert!(!parking.park_again(slot_id, &other), "it has another waker");
        assert!(parking.park_again(slot_id, &first));
        assert_eq!(parked(&take(&mut parking)), 1);
    }

    #[test]
    fn nothing_is_put_back_once_someone_has_parked_or_left() {
        let changes: [fn(&mut Parking, Option<SlotId>); 4] = [
            |parking, _| _ = park(parking),
            |parking, mut slot_id| park_with(&waker(), parking, &mut slot_id),
            |parking, slot_id| _ = parking.leave(slot_id),
            |parking, mut slot_id| {
                park_with(&waker(), parking, &mut slot_id);
                parking.leave(slot_id);
            },
        ];
        for change in changes {
            let mut parking = Parking::new(NonZeroU64::MIN);
            let slot_id = park(&mut parking);
            let table = take(&mut parking);
            change(&mut parking, slot_id);
            assert!(parking.put_back(table).is_some());
        }
    }

    #[test]
    fn a_spot_means_nothing_once_all_were_taken() {
        let mut parking = Parking::new(NonZeroU64::MIN);
        let old = park(&mut parking);
        let _places = take(&mut parking);
        park(&mut parking);
        assert!(parking.leave(old).is_none());
        assert_eq!(parked(&take(&mut parking)), 1);
    }

    #[test]
    fn nothing_is_held_when_all_have_left_in_any_order() {
        let mut parking = Parking::new(NonZeroU64::MIN);
        let slot_ids: Vec<_> = (0..100).map(|_| park(&mut parking)).collect();
        for slot_id in slot_ids.iter().step_by(2).chain(slot_ids.iter().skip(1).step_by(2)) {
            assert!(parking.leave(*slot_id).is_some());
        }
        let WakerTable { slots, parked, free, .. } = &parking.table;
        assert_eq!((slots.capacity(), parked.capacity(), free.capacity()), (0, 0, 0));
        assert!(parking.take().is_none());
    }
}
