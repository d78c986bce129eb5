use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use crate::relay::disk::ids;

/// The keys that records were published with, and the positions of these records.
///
/// It stores hashes of 128 bits, keyed at random in each process, so that a long key costs no more than a
/// short one: about 40 bytes.
#[derive(Debug, Default)]
pub(super) struct Keys {
    positions: HashMap<(u64, u64), u128>,
    hashers: (RandomState, RandomState),
}

impl Keys {
    pub(super) fn hash(&self, key: &[u8]) -> (u64, u64) {
        // Two hashes with random seeds of their own, 128 bits, because a collision would answer one
        // record with the ID of another, and clients may choose the keys.
        (self.hashers.0.hash_one(key), self.hashers.1.hash_one((1, key)))
    }

    pub(super) fn insert(&mut self, key: &[u8], position: u128) {
        let hash = self.hash(key);
        self.positions.insert(hash, position);
    }

    pub(super) fn extend(&mut self, hashed: impl IntoIterator<Item = ((u64, u64), u128)>) {
        self.positions.extend(hashed);
    }

    pub(super) fn get(&self, hash: (u64, u64)) -> Option<u128> {
        self.positions.get(&hash).copied()
    }

    /// Removes the keys of entries before a number.
    pub(super) fn forget_before(&mut self, number: u64) {
        self.positions.retain(|_, position| ids::parts(*position).0 >= number);
    }
}
