use std::{fmt, sync::Arc};

/// The last event ID, passed on to each event that the decoder dispatches.
///
/// All events up to the next ID carry it. A short ID is copied into each of them. A long one is shared, so
/// that a peer that sends it once does not make us hold it many times.
#[derive(Default, PartialEq, Eq)]
pub(super) struct LastId {
    /// A short ID. Empty and without memory if the ID is long.
    short: String,
    /// An ID of more than [`SHORT_ID`] bytes.
    long: Option<Arc<str>>,
}

impl LastId {
    #[inline]
    pub(super) fn set(&mut self, id: &str) {
        if id.len() <= SHORT_ID { self.set_short(id) } else { self.set_long(id) }
    }

    #[cold]
    fn set_long(&mut self, id: &str) {
        #[cfg(test)]
        super::tests::count_copies(id.len());
        *self = Self { short: String::new(), long: Some(id.into()) };
    }

    /// Sets an ID of at most [`SHORT_ID`] bytes.
    #[inline]
    pub(super) fn set_short(&mut self, id: &str) {
        debug_assert!(id.len() <= SHORT_ID, "a long ID is shared, not copied");
        // Fast path. After a long ID and at the start the capacity is zero, so `<` rejects even an empty ID here.
        if id.len() < self.short.capacity() {
            self.short.clear();
            self.short.push_str(id);
        } else {
            self.set_first_short(id);
        }
    }

    #[cold]
    fn set_first_short(&mut self, id: &str) {
        let mut short = String::with_capacity(SHORT_ID + 1);
        short.push_str(id);
        *self = Self { short, long: None };
    }

    #[inline]
    pub(super) fn as_str(&self) -> &str {
        self.long.as_deref().unwrap_or(&self.short)
    }

    /// Returns the ID if it is short enough to copy, otherwise an empty string.
    #[inline]
    pub(super) fn short(&self) -> &str {
        &self.short
    }

    /// Returns the ID if it is shared.
    #[inline]
    pub(super) fn long(&self) -> Option<&Arc<str>> {
        self.long.as_ref()
    }
}

impl fmt::Debug for LastId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// IDs up to this length are copied. Most are numbers, UUIDs or times.
pub(super) const SHORT_ID: usize = 64;
