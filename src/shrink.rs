//! When a collection gives memory back.

/// Returns the capacity to shrink to, if three quarters of it are unused and it is worth the while.
///
/// Half of what is left is room to spare, so the cost of moving is spread over as many removals.
pub(crate) fn excess(capacity: usize, len: usize) -> Option<usize> {
    (capacity > 32 && capacity / 4 > len).then_some(len * 2)
}
