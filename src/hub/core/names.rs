use std::hash::{BuildHasher, RandomState};

use crate::{
    base::{
        linear_hash::{Buckets, Link, Linked},
        slab::{Key, Slab},
    },
    hub::core::topic_state::TopicState,
};

/// The topics by name.
#[derive(Debug)]
pub(crate) struct Names {
    hasher: RandomState,
    buckets: Buckets,
}

/// A topic, and its link in the table of names.
#[derive(Debug)]
pub(crate) struct Named {
    link: Link,
    /// Boxed, to keep a block of many topics small.
    pub(crate) topic: Box<TopicState>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), buckets: Buckets::new() }
    }

    #[inline]
    pub(crate) fn hash(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Returns the topic of a name with this hash.
    #[inline]
    pub(crate) fn find(&self, hash: u64, name: &str, topics: &Slab<Named>) -> Option<Key> {
        self.buckets.find(hash, topics, |named| *named.topic.name == *name)
    }

    /// Adds a topic. No other topic may have its name.
    pub(crate) fn insert(&mut self, topic: TopicState, topics: &mut Slab<Named>) -> Key {
        let link = Link::new(topic.hash);
        let key = topics.insert(Named { link, topic: Box::new(topic) });
        self.buckets.insert(key, topics);
        key
    }

    /// Removes the name of a topic, if it is still here.
    pub(crate) fn remove(&mut self, key: Key, topics: &mut Slab<Named>) {
        self.buckets.remove(key, topics);
    }
}

impl Linked for Named {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
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
