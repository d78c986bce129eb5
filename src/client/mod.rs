//! Reading an event stream and coming back to it.
//!
//! Come here to configure an [`EventSource`](crate::EventSource), to understand its updates and errors, or to drive
//! the processing model without it. [`Protocol`] is that model (9.2.3) as plain state; [`Policy`] has the times and
//! limits of reconnecting, and a [`Failure`] can be given another [`Verdict`] than the default; `EventSource`
//! (feature `client`) drives the model as a `Stream` over a [`Connect`] and a [`Timer`](crate::timer::Timer), and an
//! [`EventSourceHandle`] steers it from another task.
//!
//! # What leads to what
//!
//! | while | what happens | what follows |
//! | --- | --- | --- |
//! | connecting | 200 with `text/event-stream`, or what `EventSource::accept` accepts | [`Update::Opened`] |
//! | connecting | 204 | the end, without an error |
//! | connecting | any other response, an error, no response in time | a [verdict](Failure#the-default-verdict) |
//! | open | the end of the body, an error, silence | a [verdict](Failure#the-default-verdict) |
//! | open | an event over a [limit](crate::decode::Limits) | [`Update::LimitExceeded`], goes on |
//! | any | as many reconnections in a row as the [policy allows](Policy::with_max_attempts) | [`EventSourceError`] |
//! | any | `reconnect`, `reconnect_after` | [`Update::Reconnecting`] without delay |
//! | any | `pause`, `resume` | [`Update::Paused`], and later a request |
//! | any | `close` | the end |
//!
//! An unfinished event at the end of a connection is discarded together with its ID, so that the next request asks
//! for it again; the [reason](DisconnectReason::Incomplete) tells of it.
//!
//! # Where `Policy::browser` differs from a browser
//!
//! Compared with what Chromium was measured to do:
//!
//! - Redirects, authentication and a second try on another connection (421) belong to the transport. Each request
//!   goes to where the application's request says, not to the last redirect's target.
//! - The charset parameter of the content type is ignored, as the standard has it; Chromium refuses all but UTF-8.
//! - 204 ends the stream without an error; a browser fires `error`.
//! - A last event ID with a control character, or with whitespace at an end, is withheld
//!   ([`Update::LastEventIdWithheld`]); Chromium sends it for the server to refuse or to misread.
//! - A `retry` above 2<sup>64</sup> - 1 counts as that much; Chromium ignores it. An empty one is ignored, as the
//!   standard has it; Chromium goes back to 3 s.

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
#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use self::{connect::Connect, handle::EventSourceHandle, make_request::MakeRequest};
