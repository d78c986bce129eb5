use std::time::Duration;

use http::response::Parts;

use crate::{
    client::disconnect_reason::DisconnectReason,
    decode::{limits::LimitExceeded, received_event::ReceivedEvent},
};

/// An event, or a change of the client's state.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The connection is open: the response is an event stream. Holds its status and headers.
    Opened(Box<Parts>),
    /// An event was dispatched.
    Event(ReceivedEvent),
    /// An event exceeded a limit and is lost; the stream goes on.
    LimitExceeded(LimitExceeded),
    /// The connection is lost. The client reconnects after `delay`.
    Reconnecting {
        /// The time until the next request, counted from the detection of the loss.
        delay: Duration,
        /// The reason why the connection is lost.
        reason: DisconnectReason,
    },
    /// The next request has no `Last-Event-ID`, because no header can carry this last event ID.
    ///
    /// Such an ID has a control character, or a space or tab at an end, which a header would lose. The server
    /// cannot tell which events the client missed. If you need every event, load them in another way, or
    /// close the client.
    LastEventIdWithheld(String),
    /// The client is paused: it dropped its connection and makes no request until you resume it.
    Paused,
    /// A comment, as sent, without its colon. Yielded only after `comments`.
    Comment(String),
    /// The server set this reconnection time with a `retry` field. Yielded only after `reconnection_times`.
    ///
    /// The policy's bounds still apply to it.
    ReconnectionTime(Duration),
    /// A block without data changed the last event ID to this. Yielded only after `last_event_ids`.
    LastEventId(String),
}

/// The state of a client: the standard's `readyState` (9.2.2), and a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadyState {
    /// Waiting for the response to a request, or to make the next one.
    Connecting,
    /// A response is being read.
    Open,
    /// The client makes no request until the application resumes it.
    Paused,
    /// The client makes no further request.
    Closed,
}
