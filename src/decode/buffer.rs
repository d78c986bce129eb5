/// Bytes of an event or a line that a chunk left open, kept until the rest has come.
///
/// It never owns more than it is allowed to hold, and gives back what one huge event made it own.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Appends `bytes`, which the caller has checked to be at most `max`, as is all that is there beside one line.
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
        // With a line behind what is kept it may hold twice as much, and must not grow by each piece of that line.
        let most = if needed <= max { max } else { max.saturating_mul(2) };
        self.bytes.reserve_exact(doubled.min(most).max(needed) - self.bytes.len());
    }

    /// Empties it, and gives back its memory if that is much.
    pub(super) fn clear(&mut self) {
        if self.is_large() {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
    }

    /// Empties it, and gives back its memory if that is much more than was needed this time.
    pub(super) fn clear_for_more(&mut self) {
        if self.bytes.len() < self.bytes.capacity() / 4 {
            self.clear();
        }
        self.bytes.clear();
    }

    /// Removes what is from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Replaces the bytes from `end` to `next`, of which there are some, by a line feed.
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

/// What a buffer may own however little is in it.
const KEPT_CAPACITY: usize = 16 * 1024;
