use std::{collections::VecDeque, mem};

/// The state of each event of a section: superseded, with a key or a label, or neither.
///
/// Either there is no tag at all, and all events are plain; or there is one for each event of the section.
#[derive(Debug, Default)]
pub(super) struct Tags {
    tags: VecDeque<u32>,
    superseded: usize,
}

/// The state of an event beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// It has neither key nor label.
    Plain,
    /// Its key and label are in this slot.
    Slot(u32),
    /// Its key has a newer event.
    Superseded,
}

impl Tags {
    pub(super) fn push(&mut self, tag: Tag) {
        debug_assert_ne!(tag, Tag::Superseded, "an event is not superseded before it is appended");
        self.tags.push_back(match tag {
            Tag::Slot(slot) => slot,
            _ => PLAIN,
        });
    }

    pub(super) fn pop_front(&mut self) -> Tag {
        // A stretch without tags has none to pop; its events are plain.
        let tag = self.tags.pop_front().map_or(Tag::Plain, Tag::from);
        self.superseded -= usize::from(tag == Tag::Superseded);
        tag
    }

    /// Returns the tag of the event with this ordinal.
    pub(super) fn get(&self, at: usize) -> Tag {
        self.tags.get(at).copied().map_or(Tag::Plain, Tag::from)
    }

    /// Marks an event as superseded.
    pub(super) fn supersede(&mut self, at: usize) {
        if let Some(tag) = self.tags.get_mut(at) {
            debug_assert!(
                matches!(Tag::from(*tag), Tag::Slot(_)),
                "only an event with a key is superseded, and once"
            );
            *tag = SUPERSEDED;
            self.superseded += 1;
        }
    }

    /// Returns the number of superseded events.
    pub(super) fn superseded(&self) -> usize {
        self.superseded
    }

    /// Returns the ordinal of the first of `len` events, from `at` on, that is not superseded; `len` if there
    /// is none.
    #[inline]
    pub(super) fn next_live(&self, at: usize, len: usize) -> usize {
        // Fast path: most sections have none for most of their life.
        if self.superseded == 0 {
            return at;
        }
        (at..len).find(|at| self.get(*at) != Tag::Superseded).unwrap_or(len)
    }

    /// Returns the ordinal of the first of `len` events, from `at` on, that is superseded; `len` if there is
    /// none.
    #[inline]
    pub(super) fn next_superseded(&self, at: usize, len: usize) -> usize {
        if self.superseded == 0 {
            return len;
        }
        (at..len).find(|at| self.get(*at) == Tag::Superseded).unwrap_or(len)
    }

    /// Returns the number of tags: none, or one for each event.
    pub(super) fn len(&self) -> usize {
        self.tags.len()
    }

    /// Returns the bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        self.tags.capacity() * mem::size_of::<u32>()
    }
}

impl From<u32> for Tag {
    fn from(tag: u32) -> Self {
        match tag {
            PLAIN => Self::Plain,
            SUPERSEDED => Self::Superseded,
            slot => Self::Slot(slot),
        }
    }
}

const SUPERSEDED: u32 = u32::MAX;
const PLAIN: u32 = u32::MAX - 1;
