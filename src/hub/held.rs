use crate::{
    base::{
        slab::Key,
        sync::{Arc, lock},
    },
    hub::core::{name::Name, shared::Shared},
};

/// Keeps a topic known to the hub. Counts as a user of the topic, like a subscription.
pub(super) struct Held {
    pub(super) shared: Arc<Shared>,
    pub(super) key: Key,
    pub(super) name: Name,
}

impl Held {
    pub(super) fn new(shared: &Arc<Shared>, name: &str) -> Self {
        let mut state = lock(&shared.state);
        let key = state.topics.begin(name);
        // Under the same lock, so that the topic is not forgotten in between.
        state.topics.hold(key);
        Self { shared: Arc::clone(shared), key, name: state.topics.get(key).name.clone() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.topics.release(self.key);
        state.give_back();
    }
}
