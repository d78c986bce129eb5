use std::time::Duration;

use http::response::Parts;

use super::disconnect_reason::DisconnectReason;
use crate::decode::{LimitExceeded, ReceivedEvent};

/// An event or a change of state that a client reports to the application.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The connection is open: the response is an event stream. Carries its status and headers.
    Opened(Box<Parts>),
    /// An event was dispatched.
    Event(ReceivedEvent),
    /// An event went over a limit and is lost; the stream goes on.
    LimitExceeded(LimitExceeded),
    /// The connection is lost, and is reestablished after `delay`.
    Reconnecting {
        /// The time until the next request, from when the loss was noticed.
        delay: Duration,
        /// Why the connection is lost.
        reason: DisconnectReason,
    },
    /// The next request goes without `Last-Event-ID`, because no header can carry this last event ID.
    ///
    /// Such an ID has a control character, or a space or tab at an end, which a header loses. The server cannot
    /// know which events the client missed; an application that needs every event has to load them in another
    /// way, or close.
    LastEventIdWithheld(String),
    /// The client is paused: it has dropped its connection and makes no request until it is resumed.
    Paused,
    /// A comment, without its colon and otherwise as it was sent. Only after `comments`.
    Comment(String),
    /// The server set this reconnection time with a `retry` field. Only after `reconnection_times`.
    ///
    /// The policy's bounds still apply to it.
    ReconnectionTime(Duration),
    /// A block without data changed the last event ID to this. Only after `last_event_ids`.
    LastEventId(String),
}

/// The state of a client: the standard's `readyState` (9.2.2), and a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadyState {
    /// Before the response to a request, or waiting to make the next one.
    Connecting,
    /// A response is being read.
    Open,
    /// No request is made until the application resumes the client.
    Paused,
    /// No further request is made.
    Closed,
}
