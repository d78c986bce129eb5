use std::{mem, num::NonZeroU32, task::Waker};

/// Wakers of subscriptions that have read all events of a topic, or of their lane. Each subscription has a
/// slot of its own until it leaves.
#[derive(Debug, Default)]
pub(crate) struct Parking {
    slots: Vec<Slot>,
    /// Slots that are free. Some may no longer exist, or be in use again.
    free: Vec<SlotId>,
}

/// A slot in a [`Parking`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SlotId(NonZeroU32);

#[derive(Debug)]
enum Slot {
    Parked(Waker),
    NotParked { is_free: bool },
}

impl Parking {
    /// Gives a subscription a slot.
    pub(crate) fn occupy(&mut self) -> SlotId {
        while let Some(id) = self.free.pop() {
            if let Some(free @ Slot::NotParked { is_free: true }) = self.slots.get_mut(id.index()) {
                *free = Slot::NotParked { is_free: false };
                return id;
            }
        }
        // One more, not twice as many: most topics have one subscription.
        if self.slots.is_empty() {
            self.slots.reserve_exact(1);
        }
        self.slots.push(Slot::NotParked { is_free: false });
        SlotId(NonZeroU32::MIN.saturating_add(self.slots.len() as u32 - 1))
    }

    /// Parks a subscription. Returns its previous waker, to be dropped without a lock.
    #[inline]
    pub(crate) fn park(&mut self, id: SlotId, waker: Waker) -> Option<Waker> {
        let slot = self.slots.get_mut(id.index())?;
        mem::replace(slot, Slot::Parked(waker)).into_waker()
    }

    /// Takes a slot back. Returns its waker, to be dropped without a lock.
    pub(crate) fn vacate(&mut self, id: SlotId) -> Option<Waker> {
        let left = mem::replace(self.slots.get_mut(id.index())?, Slot::NotParked { is_free: true });
        self.free.push(id);
        // Only the end can be cut off: the indices of the others are held by subscriptions.
        while matches!(self.slots.last(), Some(Slot::NotParked { is_free: true })) {
            self.slots.pop();
        }
        if self.slots.is_empty() {
            self.free.clear();
        }
        left.into_waker()
    }

    /// Takes wakers, from a slot on, until `taken` is full, which is filled from its front. Returns the slot
    /// from which to go on, if any is left.
    #[inline]
    pub(crate) fn take(&mut self, from: usize, taken: &mut [Option<Waker>]) -> Option<usize> {
        let mut taken = taken.iter_mut();
        for (at, slot) in self.slots.iter_mut().enumerate().skip(from) {
            if let Slot::Parked(_) = slot {
                let Some(place) = taken.next() else { return Some(at) };
                *place = mem::replace(slot, Slot::NotParked { is_free: false }).into_waker();
            }
        }
        None
    }

    /// Takes all wakers.
    pub(crate) fn take_all(&mut self, wakers: &mut Vec<Waker>) {
        for slot in self.slots.iter_mut().filter(|slot| matches!(slot, Slot::Parked(_))) {
            wakers.extend(mem::replace(slot, Slot::NotParked { is_free: false }).into_waker());
        }
    }
}

impl SlotId {
    #[inline]
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl Slot {
    #[inline]
    fn into_waker(self) -> Option<Waker> {
        match self {
            Self::Parked(waker) => Some(waker),
            Self::NotParked { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        array,
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

    /// Takes and wakes all, a few at a time.
    fn wake(parking: &mut Parking) {
        let mut from = Some(0);
        while let Some(start) = from {
            let mut taken: [_; 2] = array::from_fn(|_| None);
            from = parking.take(start, &mut taken);
            taken.into_iter().flatten().for_each(Waker::wake);
        }
    }

    #[test]
    fn a_slot_is_as_small_as_a_waker() {
        assert_eq!(size_of::<Slot>(), size_of::<Waker>());
    }

    #[test]
    fn who_has_left_is_not_taken_and_its_slot_is_used_again() {
        let mut parking = Parking::default();
        let slots = [(); 3].map(|()| parking.occupy());
        slots.iter().for_each(|slot| assert!(parking.park(*slot, Waker::noop().clone()).is_none()));
        assert!(parking.vacate(slots[1]).is_some());
        assert_eq!(parking.occupy(), slots[1]);
        let mut wakers = Vec::new();
        parking.take_all(&mut wakers);
        assert_eq!(wakers.len(), 2);
        slots.iter().for_each(|slot| assert!(parking.vacate(*slot).is_none()));
        assert!(parking.slots.is_empty() && parking.free.is_empty());
    }

    #[test]
    fn slots_at_the_end_that_are_free_are_cut_off_and_never_given_twice() {
        let mut parking = Parking::default();
        let slots = [(); 4].map(|()| parking.occupy());
        // The last one goes at the end, and takes those before it along.
        assert!(slots[1..].iter().all(|slot| parking.vacate(*slot).is_none()));
        assert_eq!(parking.slots.len(), 1);
        let again = [(); 4].map(|()| parking.occupy());
        assert_eq!(again.map(SlotId::index), [1, 2, 3, 4]);
    }

    #[test]
    fn each_that_is_parked_is_woken_once_whoever_has_left() {
        for leaving in 0_u32..1 << 5 {
            let mut parking = Parking::default();
            let woken: [Arc<Woken>; 5] = array::from_fn(|_| Arc::default());
            let slots: [_; 5] = array::from_fn(|_| parking.occupy());
            for (slot, woken) in slots.iter().zip(&woken) {
                // It parks again where it is.
                assert!(parking.park(*slot, Waker::noop().clone()).is_none());
                assert!(parking.park(*slot, Arc::clone(woken).into()).is_some());
            }
            for (_, slot) in slots.iter().enumerate().filter(|(at, _)| leaving >> at & 1 == 1) {
                assert!(parking.vacate(*slot).is_some());
            }
            wake(&mut parking);
            wake(&mut parking);
            for (at, woken) in woken.iter().enumerate() {
                let expected = usize::from(leaving >> at & 1 == 0);
                assert_eq!(woken.0.load(Ordering::Relaxed), expected, "{at} when {leaving:05b} have left");
            }
        }
    }
}
