use std::{fmt, sync::Arc};

/// The last event ID, as it passes from the decoder to the events that it dispatches.
///
/// Events that follow have the ID, too, until another one comes. So a short one is copied into each of them, and a
/// long one is shared: the bytes that a peer sends once are held once.
#[derive(Default, PartialEq, Eq)]
pub(super) struct LastId {
    /// A short ID. If the ID is long, this is empty and has no memory.
    short: String,
    /// An ID of more than [`SHORT_ID`] bytes.
    long: Option<Arc<str>>,
}

impl LastId {
    pub(super) fn set(&mut self, id: &str) {
        if id.len() <= SHORT_ID {
            self.set_short(id);
        } else {
            #[cfg(test)]
            super::tests::count_copies(id.len());
            *self = Self { short: String::new(), long: Some(id.into()) };
        }
    }

    /// Sets an ID that has at most [`SHORT_ID`] bytes.
    #[inline(always)]
    pub(super) fn set_short(&mut self, id: &str) {
        debug_assert!(id.len() <= SHORT_ID);
        // Fast path: after a long ID, or at first, there is no memory, not even for an empty one.
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

    /// Returns the ID if it is to be copied; empty if it is to be shared.
    #[inline]
    pub(super) fn short(&self) -> &str {
        &self.short
    }

    /// Returns the ID if it is to be shared.
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

/// The length up to which an ID is copied. Most are numbers, UUIDs or times.
pub(super) const SHORT_ID: usize = 64;
