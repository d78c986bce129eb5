use std::hash::{BuildHasher, RandomState};

use crate::{
    base::{
        blocks::Blocks,
        slab::{Key, Slab},
    },
    hub::core::topic_state::TopicState,
};

/// The topics by name: a hash table that never moves more than a few topics at once.
///
/// It uses linear hashing: there are as many buckets as named topics. Adding a topic splits one bucket into two, and
/// removing one merges the last bucket with the one that it was split from. The topics of a bucket are linked.
#[derive(Debug)]
pub(crate) struct Names {
    hasher: RandomState,
    /// The slot of the first topic of each bucket, or [`NONE`].
    buckets: Blocks<u32>,
    /// A mask of the low bits of a hash that select a bucket.
    mask: u32,
}

/// A topic, and its link in a bucket.
#[derive(Debug)]
pub(crate) struct Named {
    /// The low half of the hash of the name. Most other topics differ in it, so their names are not compared.
    hash: u32,
    /// The slot of the next topic of the same bucket, or [`NONE`].
    next: u32,
    /// Boxed, to keep a block of many topics small.
    pub(crate) topic: Box<TopicState>,
}

/// The slot of no topic.
const NONE: u32 = u32::MAX;

impl Names {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), buckets: Blocks::new(), mask: 0 }
    }

    #[inline]
    pub(crate) fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Returns the topic of a name with this hash.
    #[inline]
    pub(crate) fn find(&self, hash: u64, name: &str, topics: &Slab<Named>) -> Option<Key> {
        let hash = hash as u32;
        let mut slot = *self.buckets.get(self.bucket(hash))?;
        while let Some((key, named)) = topics.at(slot) {
            if named.hash == hash && *named.topic.name == *name {
                return Some(key);
            }
            slot = named.next;
        }
        None
    }

    /// Adds a topic. No other topic may have its name.
    pub(crate) fn insert(&mut self, topic: TopicState, topics: &mut Slab<Named>) -> Key {
        let hash = topic.hash as u32;
        let key = topics.insert(Named { hash, next: NONE, topic: Box::new(topic) });
        self.split(topics);
        self.link(self.bucket(hash), key.index(), topics);
        key
    }

    /// Removes the name of a topic, if it is still here.
    pub(crate) fn remove(&mut self, key: Key, topics: &mut Slab<Named>) {
        let Some(named) = topics.get(key) else { return };
        let (bucket, next) = (self.bucket(named.hash), named.next);
        let Some(mut before) = self.buckets.get(bucket).copied() else { return };
        if before == key.index() {
            self.set_first(bucket, next);
        } else {
            while let Some(named) = topics.at_mut(before) {
                if named.next == key.index() {
                    named.next = next;
                    break;
                }
                before = named.next;
            }
        }
        self.merge(topics);
    }

    #[inline]
    fn bucket(&self, hash: u32) -> usize {
        let bucket = (hash & self.mask) as usize;
        // If that bucket does not exist yet, its topics are still in the one that it will be split from.
        if bucket < self.buckets.len() { bucket } else { (hash & self.mask >> 1) as usize }
    }

    fn set_first(&mut self, bucket: usize, slot: u32) {
        if let Some(first) = self.buckets.get_mut(bucket) {
            *first = slot;
        }
    }

    fn link(&mut self, bucket: usize, slot: u32, topics: &mut Slab<Named>) {
        if let (Some(first), Some(named)) = (self.buckets.get_mut(bucket), topics.at_mut(slot)) {
            named.next = *first;
            *first = slot;
        }
    }

    /// Links the topics of a chain into their present buckets.
    fn link_anew(&mut self, mut slot: u32, topics: &mut Slab<Named>) {
        while let Some(named) = topics.at_mut(slot) {
            let (hash, next) = (named.hash, named.next);
            self.link(self.bucket(hash), slot, topics);
            slot = next;
        }
    }

    /// Adds a bucket, and moves its topics there from the one that it is split from.
    fn split(&mut self, topics: &mut Slab<Named>) {
        let added = self.buckets.len();
        self.buckets.push(NONE);
        if added as u32 > self.mask {
            self.mask = self.mask << 1 | 1;
        }
        let from = added & (self.mask >> 1) as usize;
        if let Some(first) = self.buckets.get_mut(from).filter(|_| from != added) {
            let slot = std::mem::replace(first, NONE);
            self.link_anew(slot, topics);
        }
    }

    /// Removes the last bucket, and moves its topics to the one that it was split from.
    fn merge(&mut self, topics: &mut Slab<Named>) {
        let Some(slot) = self.buckets.pop() else { return };
        if self.buckets.len() as u32 <= (self.mask >> 1) + 1 {
            self.mask >>= 1;
        }
        self.link_anew(slot, topics);
    }
}

#[cfg(all(test, not(ssekit_loom)))]
mod tests {
    use std::collections::BTreeMap;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        #[cfg_attr(miri, ignore = "an interpreter is slow")]
        fn each_name_leads_to_its_topic_whatever_came_and_went_and_whichever_hashes_are_alike(
            steps in vec((any::<bool>(), 0..100_u64), 0..300),
            // From all alike to all different.
            hashes in 1..200_u64,
        ) {
            let (mut names, mut topics) = (Names::new(), Slab::new());
            let mut known = BTreeMap::new();
            for (insert, n) in steps {
                let name = n.to_string();
                match known.remove(&n) {
                    None if insert => {
                        let topic = TopicState::new(name.as_str().into(), n % hashes, 0);
                        known.insert(n, names.insert(topic, &mut topics));
                    }
                    None => {}
                    Some(key) => {
                        names.remove(key, &mut topics);
                        topics.remove(key);
                    }
                }
                prop_assert_eq!(names.buckets.len(), known.len());
                for n in 0..100 {
                    let found = names.find(n % hashes, &n.to_string(), &topics);
                    prop_assert_eq!(found, known.get(&n).copied());
                }
            }
        }
    }
}
