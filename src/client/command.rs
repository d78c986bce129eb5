use std::time::Instant;

use http::HeaderMap;

use crate::client::{error::EventSourceError, failure::Failure, update::Update};

/// An action that a [`Protocol`](super::Protocol) asks for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Command {
    /// Make a request with these headers, which replace those of the same names, and with no other
    /// `Last-Event-ID`.
    Connect(HeaderMap),
    /// Drop the connection at once, if it is still there: the request under way or the response's body.
    Disconnect,
    /// Report this to the application.
    Deliver(Update),
    /// Decide what follows, and hand it to [`handle_verdict`](super::Protocol::handle_verdict).
    ///
    /// Without a verdict before the next command is pulled, [`Failure::default`] applies.
    Decide(Failure),
    /// Report the failure to the application. Only [`Finished`](Self::Finished) follows.
    Fail(EventSourceError),
    /// Wait for an input, until this instant; with `None` for as long as it takes.
    ///
    /// An input may come earlier than the instant; [`handle_time`](super::Protocol::handle_time) may come at
    /// any time.
    Wait(Option<Instant>),
    /// Nothing is left to do, now or later.
    Finished,
}
