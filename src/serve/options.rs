use std::time::Duration;

/// The options of a server, shared by all of its connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    pub(super) max_connections: usize,
    pub(super) max_buffer_bytes: usize,
    pub(super) head_timeout: Duration,
    pub(super) write_timeout: Duration,
    pub(super) drain: Duration,
    pub(super) half_close: bool,
    pub(super) hand_over: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: 100_000,
            max_buffer_bytes: 128 * 1024,
            head_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(5),
            half_close: false,
            hand_over: true,
        }
    }
}

/// hyper adds its timeouts to the present instant, and the sum must not overflow.
pub(super) const LONGEST: Duration = Duration::from_secs(86_400 * 365);
/// hyper rejects a smaller buffer.
pub(super) const LEAST_BUFFER: usize = 8192;
