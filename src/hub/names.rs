use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
};

use super::topics::Name;

/// Which slot each topic has, by name.
///
/// Names are looked up by their hash, in a tree: it takes no more memory than a hash table, and never moves more than a
/// few nodes at once.
#[derive(Debug, Default)]
pub(super) struct Names {
    hasher: RandomState,
    slots: BTreeMap<u64, u32>,
    /// Those whose hash another topic has. There is hardly ever one.
    collided: BTreeMap<Name, u32>,
}

impl Names {
    #[inline]
    pub(super) fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Returns the slot of a topic, if the one with its hash has its name.
    #[inline]
    pub(super) fn find(&self, hash: u64, name: &str, is_named: impl FnOnce(u32) -> bool) -> Option<u32> {
        let slot = self.slots.get(&hash).copied();
        slot.filter(|slot| is_named(*slot)).or_else(|| self.collided.get(name).copied())
    }

    pub(super) fn insert(&mut self, hash: u64, name: &Name, slot: u32) {
        if *self.slots.entry(hash).or_insert(slot) != slot {
            self.collided.insert(name.clone(), slot);
        }
    }

    pub(super) fn remove(&mut self, hash: u64, name: &Name, slot: u32) {
        if self.slots.get(&hash) == Some(&slot) {
            self.slots.remove(&hash);
        } else {
            self.collided.remove(name);
        }
    }
}

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use super::*;

    #[test]
    fn names_with_the_same_hash_are_told_apart_in_whatever_order_they_go() {
        for first_goes_first in [true, false] {
            let mut names = Names::default();
            let known: [Name; 2] = ["a".into(), "b".into()];
            let find = |names: &Names, at: usize| {
                names.find(7, &known[at], |slot| known.get(slot as usize) == Some(&known[at]))
            };
            names.insert(7, &known[0], 0);
            assert_eq!((find(&names, 0), find(&names, 1)), (Some(0), None));
            names.insert(7, &known[1], 1);
            assert_eq!((find(&names, 0), find(&names, 1)), (Some(0), Some(1)));
            let [gone, left] = if first_goes_first { [0, 1] } else { [1, 0] };
            names.remove(7, &known[gone], gone as u32);
            assert_eq!((find(&names, gone), find(&names, left)), (None, Some(left as u32)));
            names.remove(7, &known[left], left as u32);
            assert_eq!(find(&names, left), None);
        }
    }
}
