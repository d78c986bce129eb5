use std::{mem, num::NonZeroU64, task::Waker};

use crate::shrink::excess;

/// Wakers of subscriptions that have got everything of a topic, which are all taken at once.
#[derive(Debug)]
pub(super) struct Parking {
    wakers: Vec<Option<Waker>>,
    /// Places that were left. Some may no longer exist.
    free: Vec<u32>,
    /// Counts, from one, how often all were taken.
    taken: NonZeroU64,
}

/// A place in a [`Parking`], until all are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    taken: NonZeroU64,
    index: u32,
}

impl Parking {
    pub(super) fn new() -> Self {
        Self { wakers: Vec::new(), free: Vec::new(), taken: NonZeroU64::MIN }
    }

    /// Parks, at the same place if it has one. What is in the waker's place afterwards is to be dropped.
    #[inline]
    pub(super) fn park(&mut self, spot: &mut Option<Spot>, waker: &mut Option<Waker>) {
        if let Some(parked) = self.find(*spot) {
            mem::swap(parked, waker);
            return;
        }
        let index = self.free_index();
        match self.wakers.get_mut(index) {
            Some(free) => mem::swap(free, waker),
            None => self.wakers.push(waker.take()),
        }
        *spot = Some(Spot { taken: self.taken, index: index as u32 });
    }

    /// Leaves a place, and returns what is to be dropped.
    pub(super) fn leave(&mut self, spot: Option<Spot>) -> Option<Waker> {
        let waker = self.find(spot)?.take();
        self.free.extend(spot.map(|spot| spot.index));
        while self.wakers.last().is_some_and(Option::is_none) {
            self.wakers.pop();
        }
        if self.wakers.is_empty() {
            (self.wakers, self.free) = (Vec::new(), Vec::new());
        }
        waker
    }

    /// Takes all, and makes room for as many: one allocation, whatever the number.
    pub(super) fn take(&mut self) -> Vec<Option<Waker>> {
        self.taken = self.taken.saturating_add(1);
        self.free = Vec::new();
        let room = Vec::with_capacity(self.wakers.len());
        mem::replace(&mut self.wakers, room)
    }

    /// Gives back room that this many do not need.
    pub(super) fn shrink_to(&mut self, len: usize) {
        if let Some(capacity) = excess(self.wakers.capacity(), self.wakers.len().max(len)) {
            self.wakers.shrink_to(capacity);
        }
    }

    #[inline]
    fn find(&mut self, spot: Option<Spot>) -> Option<&mut Option<Waker>> {
        let spot = spot.filter(|spot| spot.taken == self.taken)?;
        self.wakers.get_mut(spot.index as usize)
    }

    /// Returns a place that is free, or the next one.
    fn free_index(&mut self) -> usize {
        while let Some(index) = self.free.pop() {
            if self.wakers.get(index as usize).is_some_and(Option::is_none) {
                return index as usize;
            }
        }
        self.wakers.len()
    }
}
