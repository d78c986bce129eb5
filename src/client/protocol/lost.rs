use crate::client::failure::{Failure, Verdict};

/// A lost connection that waits for its verdict.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) failure: Failure,
    pub(super) made_progress: bool,
    /// The client would reconnect if it could repeat the request.
    pub(super) is_not_resent: bool,
}

impl Lost {
    pub(super) const fn default_verdict(&self) -> Verdict {
        self.failure.default()
    }
}
