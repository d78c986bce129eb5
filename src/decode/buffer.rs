/// Bytes of an event or a line that a chunk left open, kept until the rest has come.
///
/// It never owns more than it is allowed to hold, and gives back what one huge event made it own.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
}

impl Buffer {
    /// Appends `bytes`, which the caller has checked to fit in `max` together with what is there.
    #[inline]
    pub(super) fn append(&mut self, bytes: &[u8], max: usize) {
        if bytes.len() > self.bytes.capacity() - self.bytes.len() {
            self.grow(bytes.len(), max);
        }
        self.bytes.extend_from_slice(bytes);
    }

    #[cold]
    fn grow(&mut self, additional: usize, max: usize) {
        let needed = self.bytes.len().saturating_add(additional);
        let doubled = self.bytes.capacity().saturating_mul(2).max(MIN_CAPACITY);
        self.bytes.reserve_exact(doubled.min(max).max(needed) - self.bytes.len());
    }

    /// Empties it, and keeps its memory for the next event unless that is much more than this one needed.
    ///
    /// Returns whether it has kept much.
    pub(super) fn clear(&mut self) -> bool {
        let is_large = self.bytes.capacity() > KEPT_CAPACITY;
        if is_large && self.bytes.len() < self.bytes.capacity() / 4 {
            self.bytes = Vec::new();
            return false;
        }
        self.bytes.clear();
        is_large
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

const MIN_CAPACITY: usize = 64;

/// What a buffer may own however little the last event needed.
const KEPT_CAPACITY: usize = 16 * 1024;
