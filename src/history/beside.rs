use std::sync::Arc;

use crate::{event::value::Event, history::bounds::Bounds};

/// The key and the label of an event in a history, which are not on the wire.
///
/// The text is shared, so that a filter can see it without the lock. It never changes, so its reference count
/// is not explored for interleavings.
#[derive(Clone, Debug)]
pub(crate) struct Beside {
    /// The key, then the label.
    text: Arc<str>,
    /// The length of the key.
    key: usize,
    has_key: bool,
    has_label: bool,
    is_removal: bool,
}

impl Beside {
    /// Copies the key and the label of an event, so that nothing else is held for them.
    pub(super) fn new(event: &Event) -> Self {
        let (key, label) = (event.key(), event.label());
        let text = match (key, label) {
            // One allocation for both, which a hub with many keys has for each of them.
            (Some(key), Some(label)) => [key, label].concat().into(),
            (key, label) => key.or(label).unwrap_or_default().into(),
        };
        Self {
            text,
            key: key.map_or(0, str::len),
            has_key: key.is_some(),
            has_label: label.is_some(),
            is_removal: event.is_removal(),
        }
    }

    /// Takes the place of an event with the same key. Keeps the text if the label is the same, too.
    pub(super) fn replace(&mut self, event: &Event) {
        // The key is the same, so that with the same label the text is as well and is shared.
        match self.label().map(str::as_bytes) == event.label_bytes() {
            true => self.is_removal = event.is_removal(),
            false => *self = Self::new(event),
        }
    }

    /// Returns whether an event with this key supersedes the one that it belongs to.
    #[inline]
    pub(super) fn has_key(&self, key: &[u8]) -> bool {
        self.has_key && self.text.as_bytes().get(..self.key) == Some(key)
    }

    pub(crate) fn key(&self) -> Option<&str> {
        if self.has_key { self.text.get(..self.key) } else { None }
    }

    pub(crate) fn label(&self) -> Option<&str> {
        if self.has_label { self.text.get(self.key..) } else { None }
    }

    pub(crate) fn is_removal(&self) -> bool {
        self.is_removal
    }

    /// Returns the bytes of the text.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns the bytes that the key and the label count for.
    pub(super) fn cost(&self) -> usize {
        self.len() + Bounds::KEY_OVERHEAD
    }

    /// Returns what the key and the label of an event count for, in bytes.
    #[inline]
    pub(crate) fn cost_of(event: &Event) -> usize {
        if event.has_beside() { cost_of_some(event) } else { 0 }
    }
}

#[cold]
fn cost_of_some(event: &Event) -> usize {
    let texts = [event.key_bytes(), event.label_bytes()];
    texts.iter().flatten().map(|text| text.len()).sum::<usize>() + Bounds::KEY_OVERHEAD
}
