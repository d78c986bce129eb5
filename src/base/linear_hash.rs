//! The buckets of a hash table that never moves more than a few values at once.

use crate::base::{
    blocks::Blocks,
    slab::{Key, Slab},
};

/// A hash table whose values are in a [`Slab`], linked by their slots.
///
/// It uses linear hashing: there are as many buckets as values. Adding a value splits one bucket into two,
/// and removing one merges the last bucket with the one that it was split from. The values of a bucket are
/// linked.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// The slot of the first value of each bucket, or [`NONE`].
    buckets: Blocks<u32>,
    /// A mask of the low bits of a hash that select a bucket.
    mask: u32,
}

/// A value's hash, and its link in a bucket.
#[derive(Debug)]
pub(crate) struct Link {
    /// The low half of the hash. Most other values differ in it, so they are not compared.
    hash: u32,
    /// The slot of the next value of the same bucket, or [`NONE`].
    next: u32,
}

/// A value in a table.
pub(crate) trait Linked {
    fn link(&self) -> &Link;
    fn link_mut(&mut self) -> &mut Link;
}

/// The slot of no value.
const NONE: u32 = u32::MAX;

impl Link {
    /// Creates the link of a value that is in no bucket.
    pub(crate) fn new(hash: u64) -> Self {
        Self { hash: hash as u32, next: NONE }
    }
}

impl Buckets {
    pub(crate) fn new() -> Self {
        Self { buckets: Blocks::new(), mask: 0 }
    }

    /// Returns the number of values.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Returns the value with this hash for which `is` returns `true`.
    #[inline]
    pub(crate) fn find<T: Linked>(
        &self,
        hash: u64,
        values: &Slab<T>,
        is: impl Fn(&T) -> bool,
    ) -> Option<Key> {
        let hash = hash as u32;
        let mut slot = *self.buckets.get(self.bucket(hash))?;
        while let Some((key, value)) = values.at(slot) {
            if value.link().hash == hash && is(value) {
                return Some(key);
            }
            slot = value.link().next;
        }
        None
    }

    /// Adds a value that is in the slab. No other value of the table may be equal to it.
    pub(crate) fn insert<T: Linked>(&mut self, key: Key, values: &mut Slab<T>) {
        let Some(hash) = values.get(key).map(|value| value.link().hash) else { return };
        self.split(values);
        self.link(self.bucket(hash), key.index(), values);
    }

    /// Removes a value, if it is here. It stays in the slab.
    pub(crate) fn remove<T: Linked>(&mut self, key: Key, values: &mut Slab<T>) {
        let Some(&Link { hash, next }) = values.get(key).map(Linked::link) else { return };
        let bucket = self.bucket(hash);
        let Some(mut before) = self.buckets.get(bucket).copied() else { return };
        if before == key.index() {
            self.set_first(bucket, next);
        } else {
            while let Some(link) = values.at_mut(before).map(Linked::link_mut) {
                if link.next == key.index() {
                    link.next = next;
                    break;
                }
                before = link.next;
            }
        }
        self.merge(values);
    }

    #[inline]
    fn bucket(&self, hash: u32) -> usize {
        let bucket = (hash & self.mask) as usize;
        // If that bucket does not exist yet, its values are still in the one that it will be split from.
        if bucket < self.buckets.len() { bucket } else { (hash & self.mask >> 1) as usize }
    }

    fn set_first(&mut self, bucket: usize, slot: u32) {
        if let Some(first) = self.buckets.get_mut(bucket) {
            *first = slot;
        }
    }

    fn link<T: Linked>(&mut self, bucket: usize, slot: u32, values: &mut Slab<T>) {
        if let (Some(first), Some(value)) = (self.buckets.get_mut(bucket), values.at_mut(slot)) {
            value.link_mut().next = *first;
            *first = slot;
        }
    }

    /// Links the values of a chain into their present buckets.
    fn link_anew<T: Linked>(&mut self, mut slot: u32, values: &mut Slab<T>) {
        while let Some(value) = values.at_mut(slot) {
            let &Link { hash, next } = value.link();
            self.link(self.bucket(hash), slot, values);
            slot = next;
        }
    }

    /// Adds a bucket, and moves its values there from the one that it is split from.
    fn split<T: Linked>(&mut self, values: &mut Slab<T>) {
        let added = self.buckets.len();
        self.buckets.push(NONE);
        if added as u32 > self.mask {
            self.mask = self.mask << 1 | 1;
        }
        let from = added & (self.mask >> 1) as usize;
        if let Some(first) = self.buckets.get_mut(from).filter(|_| from != added) {
            let slot = std::mem::replace(first, NONE);
            self.link_anew(slot, values);
        }
    }

    /// Removes the last bucket, and moves its values to the one that it was split from.
    fn merge<T: Linked>(&mut self, values: &mut Slab<T>) {
        let Some(slot) = self.buckets.pop() else { return };
        if self.buckets.len() as u32 <= (self.mask >> 1) + 1 {
            self.mask >>= 1;
        }
        self.link_anew(slot, values);
    }
}
