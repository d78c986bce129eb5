use std::{mem, sync::Arc};

use crate::{
    event::{id_text::IdText, value::Event},
    history::bounds::Bounds,
};

/// The key and the label of an event in a history, which are not on the wire.
///
/// A short key is held in place, so that comparing it touches no other memory. Long ones and labels are
/// shared, so that a filter can see them without the lock. They never change, so their reference counts are
/// not explored for interleavings.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    key: Option<IdText>,
    /// Apart, because most events with a key have no label.
    label: Option<Arc<IdText>>,
    is_removal: bool,
}

impl Beside {
    pub(super) fn new(event: &Event) -> Self {
        Self {
            key: event.key_text().cloned(),
            label: event.label_text().cloned().map(Arc::new),
            is_removal: event.is_removal(),
        }
    }

    /// Takes the place of an event with the same key.
    pub(super) fn replace(&mut self, event: &Event) {
        self.is_removal = event.is_removal();
        if self.label.as_deref() != event.label_text() {
            self.label = event.label_text().cloned().map(Arc::new);
        }
    }

    /// Returns whether an event with this key supersedes the one that it belongs to.
    #[inline]
    pub(super) fn has_key(&self, key: &IdText) -> bool {
        self.key.as_ref() == Some(key)
    }

    pub(super) fn is_keyed(&self) -> bool {
        self.key.is_some()
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_ref().map(IdText::as_str)
    }

    pub(crate) fn label(&self) -> Option<&str> {
        self.label.as_ref().map(|label| label.as_str())
    }

    pub(crate) fn is_removal(&self) -> bool {
        self.is_removal
    }

    /// Returns the bytes that the key and the label count for.
    pub(super) fn cost(&self) -> usize {
        let label = self.label.as_ref().map_or(0, |label| label.as_bytes().len());
        self.key.as_ref().map_or(0, |key| key.as_bytes().len()) + label + Bounds::KEY_OVERHEAD
    }

    /// Returns the bytes of memory in use beside itself.
    pub(super) fn memory(&self) -> usize {
        let label = self.label.as_ref().map_or(0, |label| LABEL + label.memory());
        self.key.as_ref().map_or(0, IdText::memory) + label
    }

    /// Returns what the key and the label of an event count for, in bytes.
    #[inline]
    pub(crate) fn cost_of(event: &Event) -> usize {
        if event.has_beside() { cost_of_some(event) } else { 0 }
    }
}

#[cold]
fn cost_of_some(event: &Event) -> usize {
    let texts = [event.key_text(), event.label_text()];
    texts.iter().flatten().map(|text| text.as_bytes().len()).sum::<usize>() + Bounds::KEY_OVERHEAD
}

/// The memory of a label: its text or a pointer to it, two reference counts, and a header.
const LABEL: usize = mem::size_of::<IdText>() + 16 + 8;
