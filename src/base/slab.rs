//! Values under stable keys. The key of a removed value never refers to a later one.

use std::collections::BTreeSet;

use crate::base::blocks::Blocks;

/// Values in slots. No operation moves or visits more than a bounded number of them.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Blocks<Slot<T>>,
    /// The empty slots. The first ones are reused first, so that the last ones can be freed.
    free: BTreeSet<u32>,
    len: usize,
    inserted: u64,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u64,
    value: Option<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    generation: u64,
    index: u32,
}

impl Key {
    /// Returns the slot's number, which [`Slab::at`] turns back into the key while the value is there.
    pub(crate) fn index(self) -> u32 {
        self.index
    }
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Blocks::new(), free: BTreeSet::new(), len: 0, inserted: 0 }
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.len += 1;
        self.inserted += 1;
        let generation = self.inserted;
        let slot = Slot { generation, value: Some(value) };
        if let Some(index) = self.free.pop_first() {
            if let Some(free) = self.slots.get_mut(index as usize) {
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
        if slot.generation != key.generation {
            return None;
        }
        let removed = slot.value.take()?;
        self.len -= 1;
        self.free.insert(key.index);
        self.give_back();
        debug_assert_eq!(self.len + self.free.len(), self.slots.len(), "a slot is in use or free");
        Some(removed)
    }

    /// Frees empty slots at the end: at most two, so that each removal does a bounded amount of work. Each
    /// removal adds one empty slot, so none remain in the long run.
    fn give_back(&mut self) {
        for _ in 0..2 {
            if self.slots.last().is_none_or(|last| last.value.is_some()) {
                break;
            }
            self.slots.pop();
            self.free.remove(&(self.slots.len() as u32));
        }
        if self.len == 0 {
            self.slots = Blocks::new();
            self.free = BTreeSet::new();
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.index as usize)?;
        if slot.generation == key.generation { slot.value.as_ref() } else { None }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation == key.generation { slot.value.as_mut() } else { None }
    }

    /// Returns the value in a slot, and its key.
    #[inline]
    pub(crate) fn at(&self, index: u32) -> Option<(Key, &T)> {
        let slot = self.slots.get(index as usize)?;
        Some((Key { generation: slot.generation, index }, slot.value.as_ref()?))
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slots.get_mut(index as usize)?.value.as_mut()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.as_mut())
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
    #[inline]
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
            prop_assert!(slab.slots.len() == 0 && slab.free.is_empty());
        }
    }
}
