use std::time::Duration;

use http::response::Parts;

use super::Reason;
use crate::decode::{LimitExceeded, ReceivedEvent};

/// What a client tells the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Change {
    /// The connection is open: a response came that is an event stream. Here are its status and headers.
    Opened(Box<Parts>),
    /// An event was dispatched.
    Event(ReceivedEvent),
    /// An event went over a limit and is lost; the stream goes on.
    LimitExceeded(LimitExceeded),
    /// The connection is lost, and is reestablished after `delay`.
    Reconnecting {
        /// The time until the next request, from when the loss was noticed.
        delay: Duration,
        /// What ended the connection.
        reason: Reason,
    },
    /// The request that follows goes without `Last-Event-ID`, because no header can carry this last event ID.
    ///
    /// Such an ID has a control character, or a space or tab at an end, which a header loses. The server
    /// cannot tell what this client missed; an application that needs every event has to find out in another
    /// way, or close.
    LastEventIdWithheld(String),
}

/// The state of a client: the standard's `readyState` (9.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadyState {
    /// Before the response to a request, or waiting to make the next one.
    Connecting,
    /// A response is being read.
    Open,
    /// No further request is made.
    Closed,
}
