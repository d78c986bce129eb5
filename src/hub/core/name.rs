/// A topic's name. It never changes, so its counter is not among what is explored for interleavings.
pub(crate) type Name = std::sync::Arc<str>;
