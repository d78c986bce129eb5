/// The place of an event in the order of its hub or buffer.
pub(crate) type Position = u128;
