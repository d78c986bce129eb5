use std::time::Duration;

use crate::event::{id_text::IdText, text::Text};

/// The parts that few events have. They are kept apart, so that other events stay small.
#[derive(Clone, Default)]
pub(super) struct Rare {
    pub(super) retry: Option<Duration>,
    pub(super) comment: Option<Text>,
    pub(super) label: Option<IdText>,
    /// The event removes its key.
    pub(super) is_removal: bool,
}

impl Rare {
    /// Returns whether some of it is written to the wire.
    pub(super) fn is_written(&self) -> bool {
        self.retry.is_some() || self.comment.is_some()
    }
}
