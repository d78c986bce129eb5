/// A topic's name. It never changes, so its reference count is not explored for interleavings.
pub(crate) type Name = std::sync::Arc<str>;
