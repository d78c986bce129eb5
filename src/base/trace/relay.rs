use std::error::Error;
#[cfg(feature = "tracing")]
use std::fmt;

#[cfg(feature = "tracing")]
use tracing::{Instrument, debug_span, warn};

#[cfg(feature = "tracing")]
use crate::base::trace::text::Names;

/// The log could not be read.
pub(crate) fn log_fault(error: &dyn Error) {
    #[cfg(feature = "tracing")]
    warn!(target: RELAY, error = %InFull(error), "the log cannot be read");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// The log is another one, in an older state, or trimmed past this node.
pub(crate) fn log_replaced(reason: &str) {
    #[cfg(feature = "tracing")]
    warn!(target: RELAY, reason, "the log has changed: the hub is filled again");
    #[cfg(not(feature = "tracing"))]
    let _ = reason;
}

/// The hub was filled again, and the clients of the previous one reconnect.
pub(crate) fn log_reset() {
    #[cfg(feature = "tracing")]
    warn!(target: RELAY, "the clients of this node must reconnect");
}

/// An entry of the log was skipped.
pub(crate) fn invalid_entry(id: &str) {
    #[cfg(feature = "tracing")]
    warn!(target: RELAY, id, "an entry of the log is invalid and was skipped");
    #[cfg(not(feature = "tracing"))]
    let _ = id;
}

/// The log failed a call to publish or to finish.
pub(crate) fn not_published(error: &dyn Error) {
    #[cfg(feature = "tracing")]
    warn!(target: RELAY, error = %InFull(error), "the log did not take an event");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// Runs a call to the log within a span.
pub(crate) fn publishing<F: Future>(topic: &str, call: F) -> impl Future<Output = F::Output> {
    #[cfg(feature = "tracing")]
    return call.instrument(debug_span!(target: RELAY, "publish", topic));
    #[cfg(not(feature = "tracing"))]
    {
        let _ = topic;
        call
    }
}

/// Runs the search for a client's place in the log within a span.
pub(crate) fn subscribing<F: Future>(
    topics: impl Iterator<Item: AsRef<str>> + Clone,
    call: F,
) -> impl Future<Output = F::Output> {
    #[cfg(feature = "tracing")]
    return call.instrument(debug_span!(target: RELAY, "subscribe", topics = %Names(topics)));
    #[cfg(not(feature = "tracing"))]
    {
        let _ = topics;
        call
    }
}

/// An error with its causes.
#[cfg(feature = "tracing")]
struct InFull<'a>(&'a dyn Error);

#[cfg(feature = "tracing")]
impl fmt::Display for InFull<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(feature = "tracing")]
const RELAY: &str = "ssekit::relay";
