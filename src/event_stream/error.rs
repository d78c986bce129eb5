use std::fmt;

use crate::{
    client::transport_error::TransportError,
    decode::{Leftover, LimitExceeded},
};

/// An [`EventStream`](super::EventStream) that yields no event, and why.
///
/// It displays its cause, and so does its `Debug` form, which is what `main` prints of an error that it returns.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EventStreamError {
    /// The source failed. The stream has ended.
    #[error("the event stream broke off: {0}")]
    Source(TransportError),
    /// An event is over a limit and lost; the stream goes on with the next one.
    #[error(transparent)]
    LimitExceeded(LimitExceeded),
    /// The source ended in the middle of an event, or after lines that no event stream has. The stream has ended.
    ///
    /// A server that leaves out the last blank line leaves an [unfinished](Leftover::unfinished) event; a body of
    /// JSON or HTML is [lines](Leftover::first_ignored_line) that no event stream has.
    #[error(transparent)]
    Incomplete(Box<Leftover>),
    /// The response has a content encoding that its transport did not undo. Nothing of it was read.
    #[error("nothing decodes the response's content encoding")]
    ContentEncoding,
}

impl fmt::Debug for EventStreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
