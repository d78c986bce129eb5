//! Reading an event stream and coming back to it.
//!
//! Come here to configure an [`EventSource`](crate::EventSource), to understand what it reports, or to drive the
//! processing model without it. [`Machine`] is that model (9.2.3) as plain state; [`Policy`] says when it
//! reconnects; `EventSource` (feature `http-body`) drives it as a `Stream` over a [`Connect`] and a
//! [`Timer`](crate::timer::Timer).
//!
//! # What leads to what
//!
//! | while | what happens | default policy | [`Policy::browser`] |
//! | --- | --- | --- | --- |
//! | connecting | 200 with `text/event-stream` | opens | opens |
//! | connecting | 200 with another content type, or none | fails | fails |
//! | connecting | 204 | stops | stops |
//! | connecting | 408, 425, 429, 500, 502, 503, 504 | reconnects, after `Retry-After` if there is one | fails |
//! | connecting | any other status, a redirect that the transport did not follow included | fails | fails |
//! | connecting | an error of the transport | reconnects | reconnects |
//! | connecting | no response for the [connect timeout](Policy::with_connect_timeout) | reconnects | waits |
//! | open | an error of the transport, or the end of the body | reconnects | reconnects |
//! | open | no byte for the [idle timeout](Policy::with_idle_timeout) | reconnects | waits |
//! | open | an event over a [limit](crate::decode::Limits) | told, goes on | told, goes on |
//! | any | as many reconnections in a row as the [policy allows](Policy::with_max_attempts) | fails | no limit |
//! | any | `close` | closed | closed |
//!
//! *Opens* is [`Change::Opened`], *reconnects* is [`Change::Reconnecting`], *fails* is an [`EventSourceError`]
//! that has the response's status and headers, *stops* is the end without an error. An unfinished event at the end
//! of a connection is discarded together with its ID, so that the next request asks for it again.
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
//!   ([`Change::LastEventIdWithheld`]); Chromium sends it for the server to refuse or to misread.
//! - A `retry` above 2<sup>64</sup> - 1 counts as that much; Chromium ignores it. An empty one is ignored, as the
//!   standard has it; Chromium goes back to 3 s.

mod change;
#[cfg(feature = "http-body")]
mod connect;
mod content_type;
mod error;
#[cfg(feature = "http-body")]
pub(crate) mod event_source;
mod machine;
mod outcome;
mod policy;
mod retry_after;

#[cfg(feature = "http-body")]
#[cfg_attr(docsrs, doc(cfg(feature = "http-body")))]
pub use self::connect::{Connect, MakeRequest};
pub use self::{
    change::{Change, ReadyState},
    error::{EventSourceError, Reason, TransportError},
    machine::{Command, Machine},
    policy::Policy,
};
