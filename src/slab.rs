//! Values at stable keys, where a key that was removed is never taken for a later one.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::shrink::excess;

#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Option<Slot<T>>>,
    /// Slots that were empty once, the first ones first, so that the last ones can go. Some may be in use again.
    free: BinaryHeap<Reverse<u32>>,
    len: usize,
    inserted: u64,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u64,
    value: T,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    generation: u64,
    index: u32,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: BinaryHeap::new(), len: 0, inserted: 0 }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.len += 1;
        self.inserted += 1;
        let generation = self.inserted;
        let slot = Some(Slot { generation, value });
        while let Some(Reverse(index)) = self.free.pop() {
            if let Some(free) = self.slots.get_mut(index as usize).filter(|slot| slot.is_none()) {
                *free = slot;
                return Key { generation, index };
            }
        }
        let index = u32::try_from(self.slots.len()).expect("fewer than 2^32 values are alive");
        self.slots.push(slot);
        Key { generation, index }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        let removed = slot.take_if(|slot| slot.generation == key.generation)?;
        self.len -= 1;
        if key.index as usize + 1 < self.slots.len() {
            self.free.push(Reverse(key.index));
            return Some(removed.value);
        }
        while self.slots.last().is_some_and(Option::is_none) {
            self.slots.pop();
        }
        if let Some(capacity) = excess(self.slots.capacity(), self.slots.len()) {
            self.slots.shrink_to(capacity);
            self.free.retain(|Reverse(index)| (*index as usize) < self.slots.len());
            self.free.shrink_to_fit();
        }
        Some(removed.value)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.index as usize)?.as_ref();
        Some(&slot.filter(|slot| slot.generation == key.generation)?.value)
    }

    #[inline(always)]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?.as_mut();
        Some(&mut slot.filter(|slot| slot.generation == key.generation)?.value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten().map(|slot| &mut slot.value)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl<T> std::ops::Index<Key> for Slab<T> {
    type Output = T;

    fn index(&self, key: Key) -> &T {
        self.get(key).expect("the key is in use")
    }
}

impl<T> std::ops::IndexMut<Key> for Slab<T> {
    #[inline(always)]
    fn index_mut(&mut self, key: Key) -> &mut T {
        self.get_mut(key).expect("the key is in use")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// An interpreter is slow.
    const STEPS: usize = if cfg!(miri) { 20 } else { 300 };

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_key_leads_to_its_value_until_that_is_removed(steps in vec((any::<bool>(), any::<usize>()), 0..STEPS)) {
            let mut slab = Slab::new();
            let mut alive = BTreeMap::new();
            let mut removed = Vec::new();
            for (n, (insert, at)) in steps.into_iter().enumerate() {
                if insert || alive.is_empty() {
                    prop_assert_eq!(alive.insert(slab.insert(n), n), None);
                } else {
                    let key = *alive.keys().nth(at % alive.len()).unwrap();
                    prop_assert_eq!(slab.remove(key), alive.remove(&key));
                    removed.push(key);
                }
                prop_assert_eq!(slab.len(), alive.len());
                prop_assert!(alive.iter().all(|(key, value)| slab.get(*key) == Some(value)));
                prop_assert!(removed.iter().all(|key| slab.get(*key).is_none()));
                let mut values: Vec<_> = slab.values_mut().map(|value| *value).collect();
                values.sort_unstable();
                let mut expected: Vec<_> = alive.values().copied().collect();
                expected.sort_unstable();
                prop_assert_eq!(values, expected);
            }
            for key in alive.keys() {
                slab.remove(*key);
            }
            prop_assert!(slab.slots.is_empty() && slab.slots.capacity() <= 32);
        }
    }
}
