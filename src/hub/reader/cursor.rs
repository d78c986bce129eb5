use crate::{base::slab::Key, hub::core::name::Name};

/// The place of a subscription in one of its topics.
#[derive(Debug)]
pub(crate) struct Cursor {
    pub(crate) topic: Key,
    pub(crate) name: Name,
    /// The index of the next event to deliver.
    pub(crate) next: u64,
}
