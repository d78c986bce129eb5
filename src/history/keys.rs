use std::{
    hash::{BuildHasher, Hasher, RandomState},
    mem,
};

use crate::{
    base::{
        linear_hash::{Buckets, Link, Linked},
        slab::Slab,
    },
    event::value::Event,
    history::{beside::Beside, position::Position},
};

/// The keys and labels of the events of one history, in numbered slots.
///
/// Each key is here once: in the slot of its newest event. No operation moves more than a few of them.
#[derive(Debug)]
pub(super) struct Keys {
    /// Keyed at random, because keys may come from clients.
    hasher: RandomState,
    /// The slots with a key.
    buckets: Buckets,
    slots: Slab<Slot>,
    /// The bytes of memory of the slots that are not empty.
    memory: usize,
}

#[derive(Debug)]
struct Slot {
    link: Link,
    /// The position of the event, in two words, which need less alignment than a `u128`.
    position: [u64; 2],
    /// Its index in the stretch that it lies in.
    index: u64,
    beside: Beside,
}

/// An event whose key has got a newer one.
#[derive(Debug)]
pub(super) struct Superseded {
    pub(super) position: Position,
    pub(super) index: u64,
    pub(super) was_removal: bool,
    /// The bytes that its key and label counted for.
    pub(super) cost: usize,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), buckets: Buckets::new(), slots: Slab::new(), memory: 0 }
    }

    /// Enters an event with a key or a label. Returns its slot, and the event that it supersedes, if any.
    pub(super) fn enter(&mut self, event: &Event, position: Position) -> (u32, Option<Superseded>) {
        let Some(key) = event.key_bytes() else { return (self.insert(event, 0, position), None) };
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key);
        let hash = hasher.finish();
        // The hash is seeded at random, so that clients who choose keys cannot choose collisions.
        let found = self.buckets.find(hash, &self.slots, |slot| slot.beside.has_key(key));
        let Some((at, slot)) = found.and_then(|found| Some((found.index(), self.slots.get_mut(found)?)))
        else {
            return (self.insert(event, hash, position), None);
        };
        let superseded = Superseded {
            position: slot.position(),
            index: slot.index,
            was_removal: slot.beside.is_removal(),
            cost: slot.beside.cost(),
        };
        self.memory -= slot.beside.len();
        // The slot stays and its contents change: the event that had it is tagged as superseded by
        // the caller.
        slot.beside.replace(event);
        slot.position = words(position);
        self.memory += slot.beside.len();
        (at, Some(superseded))
    }

    fn insert(&mut self, event: &Event, hash: u64, position: Position) -> u32 {
        let beside = Beside::new(event);
        self.memory += SLOT + beside.len();
        let slot = Slot { link: Link::new(hash), position: words(position), index: 0, beside };
        let key = self.slots.insert(slot);
        if event.key_bytes().is_some() {
            self.buckets.insert(key, &mut self.slots);
            self.memory += BUCKET;
        }
        key.index()
    }

    /// Records at which index of its stretch an event now lies.
    #[inline]
    pub(super) fn moved(&mut self, slot: u32, index: u64) {
        if let Some(slot) = self.slots.at_mut(slot) {
            slot.index = index;
        }
    }

    /// Removes an event that leaves the history.
    pub(super) fn leave(&mut self, slot: u32) -> Option<Beside> {
        let (key, found) = self.slots.at(slot)?;
        if found.beside.key().is_some() {
            // Before the slot goes, as the chain of the bucket runs through the slots.
            self.buckets.remove(key, &mut self.slots);
            self.memory -= BUCKET;
        }
        let beside = self.slots.remove(key)?.beside;
        self.memory -= SLOT + beside.len();
        Some(beside)
    }

    /// Returns the key and the label in a slot, if that is not empty.
    pub(super) fn get(&self, slot: u32) -> Option<&Beside> {
        self.slots.at(slot).map(|(_, slot)| &slot.beside)
    }

    /// Returns the bytes of memory of the slots that are not empty.
    #[inline]
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

impl Slot {
    fn position(&self) -> Position {
        let [high, low] = self.position;
        Position::from(high) << 64 | Position::from(low)
    }
}

impl Linked for Slot {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

fn words(position: Position) -> [u64; 2] {
    // Two words, because a `u128` would align each slot to 16 bytes.
    [(position >> 64) as u64, position as u64]
}

/// The memory of a slot: in the slab with its generation, and what the text takes beside itself.
const SLOT: usize = mem::size_of::<Slot>() + mem::size_of::<u64>() + 16 + 8;
/// The memory of a slot's place among the buckets.
const BUCKET: usize = mem::size_of::<u32>();
