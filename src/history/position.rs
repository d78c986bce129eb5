/// Where an event stands in the order of its hub or buffer.
pub(crate) type Position = u128;
