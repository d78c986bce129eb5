use std::time::Duration;

use bytes::Bytes;

use crate::{
    base::sync::Arc,
    history::scheme::{Mark, Scheme},
    hub::{core::state::Closing, notice::Notices, reader::join::join},
};

#[cfg(feature = "tokio")]
use crate::hub::core::state::State;

/// The content of a client's last block.
pub(crate) struct Ending {
    pub(super) position: Option<Mark>,
    /// Without the position the client would come back to the same end for ever.
    pub(super) is_needed: bool,
    pub(super) retry: Option<Duration>,
    pub(super) closing: Option<Arc<Closing>>,
}

impl Ending {
    /// An ending without a block. The client reconnects with its present position, and the gap is reported
    /// then.
    pub(super) const SILENT: Self = Self { position: None, is_needed: false, retry: None, closing: None };

    /// Returns the ending of a closed hub for a client that was sent nothing yet.
    #[cfg(feature = "tokio")]
    pub(crate) fn of_closed(state: &mut State) -> Self {
        let closing = state.closing.clone();
        let retry = closing.as_ref().and_then(|closing| closing.retry(state));
        Self { position: None, is_needed: false, retry, closing }
    }

    /// Returns whether the hub was closed.
    pub(crate) fn of_closed_hub(&self) -> bool {
        self.closing.is_some()
    }

    /// Returns the last block: the position if it must be sent, and the hub's last event.
    pub(crate) fn block(self, ids: &Scheme, notices: &Notices) -> Option<Bytes> {
        let id = self.position.and_then(|mark| ids.id(mark));
        let last = self.closing.as_ref().and_then(|closing| closing.last.clone());
        let position = match self.is_needed {
            true => notices.position_at_end(id, self.retry),
            false => notices.position(id, self.retry),
        };
        join(position.into_iter().chain(last).collect())
    }
}
