use std::fmt;

use crate::{
    client::transport_error::TransportError,
    decode::{leftover::Leftover, limits::LimitExceeded},
};

/// The error that an [`EventStream`](super::EventStream) yields.
///
/// `Display` shows the cause. So does `Debug`, because `main` prints the `Debug` form of an error that it
/// returns.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EventStreamError {
    /// The source failed. The stream has ended.
    #[error("the event stream broke off: {0}")]
    Source(TransportError),
    /// An event exceeded a limit and is lost. The stream continues with the next one.
    #[error(transparent)]
    LimitExceeded(LimitExceeded),
    /// The source ended in the middle of an event, or after lines that are not part of an event stream. The
    /// stream has ended.
    ///
    /// If a server omits the last blank line, this holds the [unfinished](Leftover::unfinished) event. For a
    /// body of JSON or HTML, it holds the first [line](Leftover::first_ignored_line).
    #[error(transparent)]
    Incomplete(Box<Leftover>),
    /// The response has a content encoding that its transport did not undo. The body was not read.
    #[error("nothing decodes the response's content encoding")]
    ContentEncoding,
}

impl fmt::Debug for EventStreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
