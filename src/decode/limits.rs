use std::fmt;

use thiserror::Error;

/// How much one event may take, so that a peer cannot make a [`Decoder`](super::Decoder) hold more.
///
/// The defaults suit answers of language models, pictures in base64 included; raise them for a peer that you trust
/// with more memory, lower them for many connections to peers that you do not. When an event goes over a limit,
/// that event alone is lost: see [`LimitExceeded`].
///
/// A decoder holds at most one line, the values of one event and the last event ID, each within its limit; so does
/// the text of what was not UTF-8, which takes more bytes than it took on the wire.
///
/// # Examples
///
/// ```
/// use ssekit::decode::{Decoder, Limits};
///
/// let limits = Limits::new().with_max_line_bytes(64 * 1024).with_max_event_bytes(256 * 1024);
/// let decoder = Decoder::with_limits(limits);
/// assert_eq!(decoder.limits().max_data_lines(), Limits::DEFAULT_MAX_DATA_LINES);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    max_line_bytes: usize,
    max_event_bytes: usize,
    max_data_lines: usize,
}

impl Limits {
    /// The default of [`max_line_bytes`](Self::max_line_bytes): 8 MiB.
    pub const DEFAULT_MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
    /// The default of [`max_event_bytes`](Self::max_event_bytes): 8 MiB.
    pub const DEFAULT_MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;
    /// The default of [`max_data_lines`](Self::max_data_lines): 1,048,576.
    pub const DEFAULT_MAX_DATA_LINES: usize = 1024 * 1024;

    /// Creates the default limits.
    pub const fn new() -> Self {
        Self {
            max_line_bytes: Self::DEFAULT_MAX_LINE_BYTES,
            max_event_bytes: Self::DEFAULT_MAX_EVENT_BYTES,
            max_data_lines: Self::DEFAULT_MAX_DATA_LINES,
        }
    }

    /// Sets how many bytes a line may have, its line end not counted.
    #[must_use]
    pub const fn with_max_line_bytes(mut self, bytes: usize) -> Self {
        self.max_line_bytes = bytes;
        self
    }

    /// Sets how many bytes an event may take on the wire.
    ///
    /// Every byte from its first line up to the blank line that ends it counts: field names, comments, fields that
    /// are ignored, and line ends.
    #[must_use]
    pub const fn with_max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    /// Sets how many `data` fields an event may have.
    #[must_use]
    pub const fn with_max_data_lines(mut self, lines: usize) -> Self {
        self.max_data_lines = lines;
        self
    }

    /// Returns how many bytes a line may have, its line end not counted.
    pub const fn max_line_bytes(&self) -> usize {
        self.max_line_bytes
    }

    /// Returns how many bytes an event may take on the wire.
    pub const fn max_event_bytes(&self) -> usize {
        self.max_event_bytes
    }

    /// Returns how many `data` fields an event may have.
    pub const fn max_data_lines(&self) -> usize {
        self.max_data_lines
    }

    /// Returns how many bytes at the beginning of an event are within all limits of bytes, however they are divided.
    #[inline(always)]
    pub(super) const fn room(&self) -> usize {
        if self.max_line_bytes < self.max_event_bytes { self.max_line_bytes } else { self.max_event_bytes }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

/// An event went over a limit and is lost.
///
/// It is told once for each such event, as soon as the limit is passed. Decoding goes on with the event behind the
/// next blank line. An `id` field of the lost event still counts, so that a client that comes back does not come
/// back to the same event for ever; so do its `retry` fields and its comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} over the limit of {limit}")]
pub struct LimitExceeded {
    kind: LimitKind,
    limit: usize,
}

impl LimitExceeded {
    pub(super) const fn new(kind: LimitKind, limit: usize) -> Self {
        Self { kind, limit }
    }

    /// Returns which limit was passed.
    pub const fn kind(&self) -> LimitKind {
        self.kind
    }

    /// Returns the limit that was in force, in the unit of its [`kind`](Self::kind).
    pub const fn limit(&self) -> usize {
        self.limit
    }
}

/// Which of the [`Limits`] was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitKind {
    /// [`Limits::max_line_bytes`].
    LineBytes,
    /// [`Limits::max_event_bytes`].
    EventBytes,
    /// [`Limits::max_data_lines`].
    DataLines,
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineBytes => "bytes of a line",
            Self::EventBytes => "bytes of an event",
            Self::DataLines => "data lines of an event",
        })
    }
}
