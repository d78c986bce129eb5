//! Reading an event stream and reconnecting to it.
//!
//! Use this module to configure an [`EventSource`], to handle its updates and errors, or to run the
//! processing model without it. [`Protocol`] implements that model (9.2.3) as plain state. [`Policy`] sets
//! the times and limits of reconnecting; you can give each [`Failure`] a [`Verdict`] other than the default.
//! `EventSource` (feature `client`) runs the model as a `Stream` over a [`Connect`] and a
//! [`Timer`](crate::timer::Timer), and an [`EventSourceHandle`] controls it from another task.
//!
//! # Transitions
//!
//! | state | input | result |
//! | --- | --- | --- |
//! | connecting | 200 with `text/event-stream`, or a response that `EventSource::accept` accepts | [`Update::Opened`] |
//! | connecting | 204 | ends without an error |
//! | connecting | any other response, an error, no response in time | a [verdict](Failure#the-default-verdict) |
//! | open | the end of the body, an error, silence | a [verdict](Failure#the-default-verdict) |
//! | open | an event over a [limit](crate::decode::Limits) | [`Update::LimitExceeded`]; the stream goes on |
//! | any | as many reconnections in a row as the [policy allows](Policy::with_max_attempts) | [`EventSourceError`] |
//! | any | `reconnect`, `reconnect_after` | [`Update::Reconnecting`] without delay |
//! | any | `pause`, `resume` | [`Update::Paused`]; a request once resumed |
//! | any | `close` | ends without an error |
//!
//! If a connection ends within an event, the client discards the event and its ID, so the next request asks
//! for it again. The [reason](DisconnectReason::Incomplete) holds the unfinished event.
//!
//! # Differences between `Policy::browser` and a browser
//!
//! Compared with the measured behaviour of Chromium:
//!
//! - The transport handles redirects, authentication and a second try on another connection (421). Each
//!   request goes to the URL in your request, not to the target of the last redirect.
//! - The charset parameter of the content type is ignored, as in the standard; Chromium rejects all but
//!   UTF-8.
//! - 204 ends the stream without an error; a browser fires `error`.
//! - A last event ID that has a control character, or whitespace at an end, is withheld
//!   ([`Update::LastEventIdWithheld`]); Chromium sends it, and the server may reject or misread it.
//! - A `retry` above 2<sup>64</sup> - 1 counts as that value; Chromium ignores it. An empty one is ignored,
//!   as in the standard; Chromium resets the time to 3 s.

mod attempt;
mod command;
#[cfg(feature = "http-body")]
mod connect;
pub(crate) mod content_type;
mod disconnect_reason;
mod error;
#[cfg(feature = "http-body")]
pub(crate) mod event_source;
mod failure;
#[cfg(feature = "http-body")]
mod handle;
#[cfg(feature = "http-body")]
mod make_request;
mod policy;
mod protocol;
mod reader;
mod refused;
#[cfg(feature = "reqwest")]
mod reqwest;
mod retry_after;
mod row;
#[cfg(feature = "http-body")]
mod transport;
pub(crate) mod transport_error;
mod update;

#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::connect::Connect;
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::event_source::EventSource;
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::handle::EventSourceHandle;
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::make_request::MakeRequest;
pub use self::{
    attempt::Attempt,
    command::Command,
    content_type::{is_event_stream, opens_event_stream},
    disconnect_reason::DisconnectReason,
    error::EventSourceError,
    failure::{Failure, Verdict},
    policy::Policy,
    protocol::Protocol,
    transport_error::TransportError,
    update::{ReadyState, Update},
};
