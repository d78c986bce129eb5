//! A queue in blocks of fixed size, which never moves more than one block.
#![expect(clippy::box_collection, reason = "most queues have one block, and should cost no more than that")]

use std::{collections::VecDeque, mem};

use crate::base::shrink::excess;

/// A double-ended queue in which no operation moves more than a block, however much is held.
///
/// A `VecDeque` moves all of its elements when it grows or shrinks, which takes milliseconds for millions of
/// them. Here, elements beyond the first block are stored in further blocks, which are allocated and freed as
/// a whole. The first block grows and shrinks like a `VecDeque`, so a short queue costs no more than one.
#[derive(Debug)]
pub(crate) struct Deque<T> {
    front: VecDeque<T>,
    /// The blocks after the front one. All but the last are full.
    rest: Option<Box<VecDeque<Box<VecDeque<T>>>>>,
    len: usize,
}

impl<T> Deque<T> {
    /// The number of elements in a block.
    pub(crate) const BLOCK: usize = {
        let size = if mem::size_of::<T>() == 0 { 1 } else { mem::size_of::<T>() };
        let block = BLOCK_BYTES / size;
        if block < 4 { 4 } else { block }
    };

    pub(crate) const fn new() -> Self {
        Self { front: VecDeque::new(), rest: None, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the bytes allocated for elements.
    pub(crate) fn bytes(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.len() * Self::BLOCK);
        (self.front.capacity() + rest) * mem::size_of::<T>()
    }

    /// Adds an element. Returns whether that took more memory.
    #[inline]
    pub(crate) fn push_back(&mut self, value: T) -> bool {
        self.len += 1;
        // The capacity of the front block never exceeds `BLOCK`.
        if self.rest.is_none() && self.front.len() < self.front.capacity() {
            self.front.push_back(value);
            return false;
        }
        self.push_slow(value)
    }

    fn push_slow(&mut self, value: T) -> bool {
        let (len, capacity) = (self.front.len(), self.front.capacity());
        if self.rest.is_none() && len < Self::BLOCK {
            // A single element gets a capacity of one.
            let grown = if capacity == 0 { 1 } else { (capacity * 2).clamp(4, Self::BLOCK) };
            self.front.reserve_exact(grown - len);
            self.front.push_back(value);
            return true;
        }
        let rest = self.rest.get_or_insert_default();
        match rest.back_mut() {
            Some(last) if last.len() < Self::BLOCK => {
                last.push_back(value);
                false
            }
            _ => {
                let mut last = VecDeque::with_capacity(Self::BLOCK);
                last.push_back(value);
                rest.push_back(Box::new(last));
                true
            }
        }
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let value = self.front.pop_front()?;
        self.len -= 1;
        if self.front.is_empty() && self.rest.is_some() {
            self.next_block();
        }
        debug_assert_eq!(self.front.is_empty(), self.len == 0, "the front block has the oldest element");
        Some(value)
    }

    fn next_block(&mut self) {
        let Some(rest) = &mut self.rest else { return };
        if let Some(next) = rest.pop_front() {
            self.front = *next;
        }
        if rest.is_empty() {
            self.rest = None;
        } else if let Some(capacity) = excess(rest.capacity(), rest.len()) {
            rest.shrink_to(capacity);
        }
    }

    pub(crate) fn pop_back(&mut self) -> Option<T> {
        let last = self.rest.as_mut().and_then(|rest| rest.back_mut());
        let value = last.map_or(&mut self.front, |last| &mut **last).pop_back()?;
        self.len -= 1;
        let Some(rest) = &mut self.rest else { return Some(value) };
        if rest.back().is_some_and(|last| last.is_empty()) {
            rest.pop_back();
            if rest.is_empty() {
                self.rest = None;
            }
        }
        Some(value)
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.front.front()
    }

    #[inline]
    pub(crate) fn back(&self) -> Option<&T> {
        match &self.rest {
            None => self.front.back(),
            Some(rest) => rest.back().and_then(|last| last.back()),
        }
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        match index.checked_sub(self.front.len()) {
            None => self.front.get(index),
            Some(index) => self.rest.as_ref()?.get(index / Self::BLOCK)?.get(index % Self::BLOCK),
        }
    }

    /// Returns the elements from one on. It takes no longer the more there are before it.
    pub(crate) fn iter_from(&self, at: usize) -> impl Iterator<Item = &T> {
        let front = self.front.len();
        self.front.range(at.min(front)..).chain((at.max(front)..self.len).filter_map(|at| self.get(at)))
    }

    /// Returns the number of leading elements that satisfy a predicate. No later element may satisfy it.
    ///
    /// The search begins at the end, with steps that double, because most searches are for one of the last
    /// elements.
    pub(crate) fn partition_point(&self, holds: impl Fn(&T) -> bool) -> usize {
        let (mut high, mut step) = (self.len(), 1);
        let low = loop {
            let Some(at) = high.checked_sub(step) else { break 0 };
            if self.get(at).is_some_and(&holds) {
                break at + 1;
            }
            high = at;
            step *= 2;
        };
        self.partition_point_within(low, high, holds)
    }

    /// Like [`partition_point`](Self::partition_point), but begins at `start`. All elements before that
    /// satisfy the predicate.
    #[inline]
    pub(crate) fn partition_point_from(&self, start: usize, holds: impl Fn(&T) -> bool) -> usize {
        let mut low = start;
        let high = loop {
            let at = low + (low - start) / 2;
            match self.get(at) {
                Some(value) if holds(value) => low = at + 1,
                Some(_) => break at,
                None => break self.len(),
            }
        };
        self.partition_point_within(low, high, holds)
    }

    fn partition_point_within(&self, mut low: usize, mut high: usize, holds: impl Fn(&T) -> bool) -> usize {
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(&holds) { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Frees memory if most of the front block is unused. Returns whether it did.
    #[inline]
    pub(crate) fn give_back(&mut self) -> bool {
        let excess = excess(self.front.capacity(), self.front.len());
        if let Some(capacity) = excess {
            self.front.shrink_to(capacity);
        }
        excess.is_some()
    }
}

/// At most half a block is moved, when the first one grows to its full size.
const BLOCK_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A kilobyte, so that a block has few of them.
    type Large = [u64; 128];

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        #[cfg_attr(miri, ignore = "an interpreter is slow")]
        fn it_is_a_queue_whatever_is_pushed_and_popped(steps in vec((0..5_u8, 1..70_usize), 0..60)) {
            let (mut deque, mut model) = (Deque::<Large>::new(), VecDeque::new());
            let mut next = 0;
            for (step, times) in steps {
                for _ in 0..times {
                    match step {
                        0..=1 => {
                            next += 1;
                            deque.push_back([next; 128]);
                            model.push_back(next);
                        }
                        2..=3 => {
                            prop_assert_eq!(deque.pop_front().map(|value| value[0]), model.pop_front());
                            deque.give_back();
                        }
                        _ => prop_assert_eq!(deque.pop_back().map(|value| value[0]), model.pop_back()),
                    }
                    prop_assert_eq!(deque.len(), model.len());
                    prop_assert_eq!(deque.is_empty(), model.is_empty());
                    prop_assert_eq!(deque.front().map(|value| value[0]), model.front().copied());
                    prop_assert_eq!(deque.back().map(|value| value[0]), model.back().copied());
                    prop_assert!(deque.front.capacity() <= Deque::<Large>::BLOCK);
                }
                let held: Vec<_> = (0..deque.len()).filter_map(|at| deque.get(at)).map(|value| value[0]).collect();
                prop_assert!(held.iter().eq(&model));
                prop_assert!(deque.iter_from(held.len() / 2).map(|value| value[0]).eq(held.iter().skip(held.len() / 2).copied()));
                prop_assert!((0..held.len()).all(|at| deque.get(at).map(|value| value[0]) == Some(held[at])));
                prop_assert!(deque.get(held.len()).is_none());
                let small = next / 2;
                prop_assert_eq!(
                    deque.partition_point(|value| value[0] <= small),
                    held.iter().filter(|value| **value <= small).count()
                );
                for at in 0..=deque.partition_point(|value| value[0] <= small) {
                    prop_assert_eq!(
                        deque.partition_point_from(at, |value| value[0] <= small),
                        deque.partition_point(|value| value[0] <= small)
                    );
                }
            }
        }
    }

    #[test]
    fn one_element_costs_itself_alone() {
        let mut deque = Deque::new();
        deque.push_back([0_u64; 4]);
        assert_eq!(deque.bytes(), 32);
    }
}
