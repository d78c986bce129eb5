//! Deciding when a collection frees memory.

/// Returns the capacity to shrink to, if the collection is not small and less than a quarter of it is used.
///
/// Half of the new capacity is spare, so the cost of moving is amortised over as many removals.
pub(crate) fn excess(capacity: usize, len: usize) -> Option<usize> {
    (capacity > 32 && capacity / 4 > len).then_some(len * 2)
}
