use std::{fmt, mem, time::Duration};

use super::{
    item::Item, items::Items, last_id::LastId, leftover::Leftover, limits::Limits, open::OpenEvent,
    received_event::ReceivedEvent,
};

/// An incremental decoder of event streams.
///
/// Give it the bytes of a stream as they come, cut anywhere, and take the [`Items`] that they complete: an event is
/// there as soon as the first byte of the line end of its blank line is. The end of a stream needs no call; an event
/// that is unfinished then is discarded (9.2.6), and [`end`](Self::end) returns it. Call [`reset`](Self::reset) before the bytes of the next connection.
///
/// Decoding takes time linear in the bytes however they are cut. It allocates only for what a chunk leaves open, for
/// data of several lines and for bad UTF-8, reuses what it allocated, never holds more than its [`Limits`] allow,
/// and gives memory back after a huge event.
///
/// # Examples
///
/// ```
/// use ssekit::decode::{Decoder, Item};
///
/// let mut decoder = Decoder::new();
/// let mut events = Vec::new();
/// for mut chunk in [&b"id: 7\nda"[..], b"ta: hel", b"lo\n\n: still here\n\n"] {
///     let mut items = decoder.decode(&mut chunk);
///     while let Some(item) = items.next() {
///         match item {
///             Item::Event(event) => events.push(event.to_owned()),
///             Item::Comment(text) => assert_eq!(text, " still here"),
///             other => panic!("unexpected {other:?}"),
///         }
///     }
/// }
/// assert_eq!(events[0].data(), "hello");
/// assert_eq!(decoder.last_event_id(), "7");
/// ```
#[derive(Default)]
pub struct Decoder {
    pub(super) limits: Limits,
    pub(super) reconnection_time: Option<Duration>,
    pub(super) last_event_id: LastId,
    /// How many bytes of a byte order mark the stream began with; all of them once that is settled.
    mark_bytes: usize,
    /// The last chunk ended with a CR, so an LF at the start of the next one belongs to it.
    pub(super) skip_lf: bool,
    pub(super) event: OpenEvent,
    pub(super) lossy: Lossy,
    pub(super) takes: Takes,
    /// The item that was returned last may be in a buffer, to be emptied when decoding goes on.
    pub(super) lent: bool,
}

/// How many events the caller takes from each [`Items`], by what it did last.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Takes {
    #[default]
    Unknown,
    One,
    All,
}

/// The texts of an item that were not UTF-8, decoded.
#[derive(Debug, Default)]
pub(super) struct Lossy {
    pub(super) data: String,
    pub(super) event_type: String,
}

impl Decoder {
    /// Creates a decoder with the default [`Limits`], at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a decoder with `limits`, at the start of a stream.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Sets the last event ID to begin with, such as one that a program stored before it was restarted.
    ///
    /// No limit applies to it.
    #[must_use]
    pub fn with_last_event_id(mut self, last_event_id: impl Into<String>) -> Self {
        self.last_event_id.set(&last_event_id.into());
        self
    }

    /// Decodes `chunk` as the items in it are taken.
    ///
    /// Taking an item moves `chunk` past it. What is left in `chunk` has not been decoded, so a caller may stop after
    /// any item and go on later from there; once there are no more items, `chunk` is empty.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// let mut chunk = &b"data: 1\n\ndata: 2\n\n"[..];
    /// assert!(decoder.decode(&mut chunk).next().is_some());
    /// assert_eq!(chunk, b"data: 2\n\n");
    /// ```
    pub fn decode<'a, 'c>(&'a mut self, chunk: &'a mut &'c [u8]) -> Items<'a, 'c> {
        Items::new(self, chunk)
    }

    /// Prepares for a new connection: discards what is unfinished, and expects a byte order mark again.
    ///
    /// The last event ID and the reconnection time outlive a connection, so they stay.
    pub fn reset(&mut self) {
        *self = Self {
            limits: self.limits,
            reconnection_time: self.reconnection_time,
            last_event_id: mem::take(&mut self.last_event_id),
            ..Self::default()
        };
    }

    /// Ends the stream, and prepares for a new connection as [`reset`](Self::reset) does.
    ///
    /// Returns an event that is unfinished, which is discarded (9.2.6), and the lines that were ignored since the
    /// last event was dispatched; `None` if there are neither. An unfinished event does not
    /// set the last event ID, nor an unfinished line the reconnection time.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.decode(&mut &b"{\"error\": \"overloaded\"}"[..]).next().is_none());
    /// let leftover = decoder.end().unwrap();
    /// assert_eq!(leftover.ignored_lines(), 1);
    /// assert_eq!(leftover.first_ignored_line().unwrap(), "{\"error\": \"overloaded\"}");
    /// assert_eq!(decoder.end(), None);
    /// ```
    pub fn end(&mut self) -> Option<Leftover> {
        let (last_event_id, reconnection_time) = (self.last_event_id().to_owned(), self.reconnection_time);
        if self.event.has_line() {
            self.finish(b"\n");
        }
        let ignored = mem::take(&mut self.event.ignored);
        // One line feed may belong to a CR that came before.
        let unfinished = self.finish(b"\n\n\n");
        let ignored = if ignored.lines > 0 { ignored } else { mem::take(&mut self.event.ignored) };
        // A line that has not ended sets nothing.
        self.last_event_id.set(&last_event_id);
        self.reconnection_time = reconnection_time;
        self.reset();
        (unfinished.is_some() || ignored.lines > 0).then_some(Leftover { unfinished, ignored })
    }

    /// Decodes line feeds that the stream lacks, and returns the event that they dispatch.
    fn finish(&mut self, mut line_feeds: &[u8]) -> Option<ReceivedEvent> {
        let mut items = self.decode(&mut line_feeds);
        let mut unfinished = None;
        while let Some(item) = items.next() {
            if let Item::Event(event) = item {
                unfinished = Some(event.to_owned());
            }
        }
        unfinished
    }

    /// Sets the last event ID.
    pub(crate) fn set_last_event_id(&mut self, id: &str) {
        self.last_event_id.set(id);
    }

    /// Returns the last event ID, as of the last blank line; empty if there is none.
    ///
    /// This is what a client sends as `Last-Event-ID` when it comes back.
    pub fn last_event_id(&self) -> &str {
        self.last_event_id.as_str()
    }

    /// Returns the reconnection time that the last `retry` field set, if there was one.
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.reconnection_time
    }

    /// Returns the limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes from the front of `chunk` what belongs to no line: a byte order mark, and the LF of a CR LF.
    pub(super) fn skip_start(&mut self, chunk: &mut &[u8]) {
        if self.mark_bytes < BYTE_ORDER_MARK.len() {
            self.skip_byte_order_mark(chunk);
        }
        if self.skip_lf && !chunk.is_empty() {
            self.skip_lf = false;
            if let Some(rest) = chunk.strip_prefix(b"\n") {
                *chunk = rest;
            }
        }
    }

    #[cold]
    fn skip_byte_order_mark(&mut self, chunk: &mut &[u8]) {
        while let Some((byte, rest)) = chunk.split_first() {
            if BYTE_ORDER_MARK.get(self.mark_bytes) != Some(byte) {
                // It is none, but the beginning of a line whose field name is unknown.
                self.event.open_ignored_line(self.mark_bytes);
                self.mark_bytes = BYTE_ORDER_MARK.len();
                break;
            }
            *chunk = rest;
            self.mark_bytes += 1;
            if self.mark_bytes == BYTE_ORDER_MARK.len() {
                break;
            }
        }
    }

    /// Returns whether nothing of an event is open, nor lent.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        !self.event.has_line()
            && !self.event.is_open()
            && !self.event.uses_buffers
            && self.limits.allow_plain_events()
    }

    /// Empties the buffers that the item returned last may be in, before decoding goes on.
    #[inline(always)]
    pub(super) fn forget_lent(&mut self) {
        if self.lent {
            self.clear_lent();
        }
    }

    #[inline(never)]
    fn clear_lent(&mut self) {
        self.lent = false;
        self.lossy = Lossy::default();
        if self.event.is_open() {
            self.event.forget_comment();
        } else {
            self.event.clear();
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("limits", &self.limits)
            .field("last_event_id", &self.last_event_id())
            .field("reconnection_time", &self.reconnection_time)
            .finish_non_exhaustive()
    }
}

/// U+FEFF in UTF-8 (9.2.5).
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
