/// Bytes of an event or a line that a chunk left open, kept until the rest has come.
///
/// Its capacity stays within what the limits allow. After a huge event it frees the memory.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Appends `bytes`. The caller has checked that the event and the open line have at most `max` bytes each.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8], max: usize) {
        if bytes.len() > self.bytes.capacity() - self.bytes.len() {
            self.grow(bytes.len(), max);
        }
        #[cfg(test)]
        super::tests::count_copies(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    #[cold]
    fn grow(&mut self, additional: usize, max: usize) {
        #[cfg(test)]
        super::tests::count_copies(self.bytes.len());
        let needed = self.bytes.len().saturating_add(additional);
        let doubled = self.bytes.capacity().saturating_mul(2).max(MIN_CAPACITY);
        // An open line may follow the data, so the buffer may need twice `max`; growing to that at once avoids
        // growing with every piece of the line.
        let most = if needed <= max { max } else { max.saturating_mul(2) };
        self.bytes.reserve_exact(doubled.min(most).max(needed) - self.bytes.len());
    }

    /// Empties the buffer, and frees its memory if it is large.
    pub(super) fn clear(&mut self) {
        if self.is_large() {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
    }

    /// Empties the buffer, and frees its memory if it is large and this event used less than a quarter of it.
    pub(super) fn clear_for_more(&mut self) {
        if self.bytes.len() < self.bytes.capacity() / 4 {
            self.clear();
        }
        self.bytes.clear();
    }

    /// Removes the bytes from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Replaces the bytes from `end` to `next`, at least one, with a line feed.
    #[inline]
    pub(super) fn join(&mut self, end: usize, next: usize) {
        #[cfg(test)]
        super::tests::count_copies(self.bytes.len() - next);
        self.bytes[end] = b'\n';
        self.bytes.copy_within(next.., end + 1);
        self.bytes.truncate(self.bytes.len() - (next - end - 1));
    }

    pub(super) fn is_large(&self) -> bool {
        self.bytes.capacity() > KEPT_CAPACITY
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

const MIN_CAPACITY: usize = 64;

/// The capacity that a buffer keeps even when it is empty.
const KEPT_CAPACITY: usize = 16 * 1024;
