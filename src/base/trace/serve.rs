use std::time::Duration;

#[cfg(feature = "tracing")]
use tracing::info;

/// A peer accepted nothing for so long that its connection ends.
pub(crate) fn slow_reader(timeout: Duration) {
    #[cfg(feature = "tracing")]
    info!(target: "ssekit::serve", ?timeout, "a slow reader was cut");
    #[cfg(not(feature = "tracing"))]
    let _ = timeout;
}
