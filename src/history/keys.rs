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
    history::beside::Beside,
};

/// The keys and labels of the events of one history, in numbered slots.
///
/// Each key is here once: in the slot of its newest event. No operation moves more than a few of them.
///
/// With many keys, each change waits for memory that is in no cache. So a slot has all that superseding needs
/// to know of the earlier event, and a short key is compared where the slot is.
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
    place: Place,
    beside: Beside,
}

/// The place of an event in its history.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// The number of its section.
    pub(super) section: u32,
    /// The low bits of its index there. A section with keys has fewer events than these bits can tell apart.
    pub(super) index: u16,
    /// The length of its text, or [`LONG`](Self::LONG) if it is at least that.
    pub(super) len: u16,
}

/// An event whose key has got a newer one.
#[derive(Debug)]
pub(super) struct Superseded {
    pub(super) place: Place,
    pub(super) was_removal: bool,
    /// The bytes that its key and label counted for.
    pub(super) cost: usize,
}

impl Keys {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), buckets: Buckets::new(), slots: Slab::new(), memory: 0 }
    }

    /// Enters an event with a key or a label. Returns its slot, and the event that it supersedes, if any.
    pub(super) fn enter(&mut self, event: &Event) -> (u32, Option<Superseded>) {
        let Some(key) = event.key_text() else { return (self.insert(event, 0), None) };
        // The hash is seeded at random, so that clients who choose keys cannot choose collisions.
        let mut hasher = self.hasher.build_hasher();
        hasher.write(key.as_bytes());
        let hash = hasher.finish();
        let found = self.buckets.find(hash, &self.slots, |slot| slot.beside.has_key(key));
        let Some((at, slot)) = found.and_then(|found| Some((found.index(), self.slots.get_mut(found)?)))
        else {
            return (self.insert(event, hash), None);
        };
        let Slot { place, beside, .. } = slot;
        let superseded = Superseded { place: *place, was_removal: beside.is_removal(), cost: beside.cost() };
        self.memory -= beside.memory();
        // The slot stays and its contents change: the event that had it is tagged as superseded by
        // the caller.
        beside.replace(event);
        self.memory += beside.memory();
        (at, Some(superseded))
    }

    fn insert(&mut self, event: &Event, hash: u64) -> u32 {
        let beside = Beside::new(event);
        self.memory += SLOT + beside.memory();
        let key = self.slots.insert(Slot { link: Link::new(hash), place: Place::default(), beside });
        if event.key_text().is_some() {
            self.buckets.insert(key, &mut self.slots);
            self.memory += BUCKET;
        }
        key.index()
    }

    /// Records where the event of a slot now lies.
    #[inline]
    pub(super) fn moved(&mut self, slot: u32, place: Place) {
        if let Some(slot) = self.slots.at_mut(slot) {
            slot.place = place;
        }
    }

    /// Removes an event that leaves the history.
    pub(super) fn leave(&mut self, slot: u32) -> Option<Beside> {
        let (key, found) = self.slots.at(slot)?;
        if found.beside.is_keyed() {
            // Before the slot goes, as the chain of the bucket runs through the slots.
            self.buckets.remove(key, &mut self.slots);
            self.memory -= BUCKET;
        }
        let beside = self.slots.remove(key)?.beside;
        self.memory -= SLOT + beside.memory();
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

impl Place {
    pub(super) const LONG: u16 = u16::MAX;

    #[inline]
    pub(super) fn new(section: u32, index: u64, len: usize) -> Self {
        Self { section, index: index as u16, len: u16::try_from(len).unwrap_or(Self::LONG) }
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

/// The memory of a slot: in the slab with its generation.
const SLOT: usize = mem::size_of::<Slot>() + mem::size_of::<u64>();
/// The memory of a slot's place among the buckets.
const BUCKET: usize = mem::size_of::<u32>();
