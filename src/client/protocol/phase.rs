use std::time::Instant;

use crate::client::{protocol::lost::Lost, refused::Refused};

/// The state of a client.
#[derive(Debug)]
pub(super) enum Phase {
    /// The next request is due. `is_withheld_known`: the application knows that it lacks the last event ID.
    Due {
        is_withheld_known: bool,
    },
    /// A request was made; no response has arrived.
    Requested {
        since: Instant,
    },
    /// The response is not an event stream; its body is being read.
    Refused(Box<Refused>),
    /// The event stream is being read. The present silence began at `heard`.
    Open {
        since: Instant,
        heard: Instant,
    },
    /// The connection was lost; a verdict is pending.
    Lost(Box<Lost>),
    /// The client reconnects at `until`. `None` is later than any `Instant`.
    Waiting {
        until: Option<Instant>,
    },
    Paused,
    Closed,
}

impl Phase {
    pub(super) const DUE: Self = Self::Due { is_withheld_known: false };
}
