use std::fmt::Display;

#[cfg(feature = "tracing")]
use tracing::info;

#[cfg(feature = "tracing")]
use crate::base::trace::text::Names;

/// A client was refused a stream.
pub(crate) fn refused(topics: impl Iterator<Item: AsRef<str>> + Clone, reason: &dyn Display) {
    #[cfg(feature = "tracing")]
    info!(target: HUB, topics = %Names(topics), %reason, "a client was refused a stream");
    #[cfg(not(feature = "tracing"))]
    let _ = (topics, reason);
}

/// A client got a gap, because it misses events.
pub(crate) fn gap(topics: impl Iterator<Item: AsRef<str>> + Clone, reason: &str) {
    #[cfg(feature = "tracing")]
    info!(target: HUB, topics = %Names(topics), reason, "a client has a gap");
    #[cfg(not(feature = "tracing"))]
    let _ = (topics, reason);
}

/// A subscription was too slow for the history.
pub(crate) fn lagged(topics: impl Iterator<Item: AsRef<str>> + Clone) {
    #[cfg(feature = "tracing")]
    info!(target: HUB, topics = %Names(topics), "a subscription fell behind the history");
    #[cfg(not(feature = "tracing"))]
    let _ = topics;
}

#[cfg(feature = "tracing")]
const HUB: &str = "ssekit::hub";
