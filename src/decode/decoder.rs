use std::{fmt, mem, time::Duration};

use crate::decode::{
    item::Item, last_id::LastId, leftover::Leftover, limits::Limits, open::OpenEvent,
    received_event::ReceivedEvent,
};

/// An incremental decoder of event streams.
///
/// Pass it the bytes of a stream as they arrive, cut anywhere, and take the [`Items`](crate::decode::Items) that they complete. An event is
/// complete once the first byte of the blank line's line end has arrived. You need not signal the end of a stream: an
/// event that is unfinished then is discarded (9.2.6). To inspect it, call [`end`](Self::end). Call
/// [`reset`](Self::reset) before you pass the bytes of the next connection.
///
/// Decoding takes time linear in the number of bytes, however they are cut. The decoder allocates only for events
/// that span chunks, for data of several lines and for invalid UTF-8; it reuses its buffers, never holds more than
/// its [`Limits`] allow, and frees memory after a huge event.
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
    /// The number of bytes of a byte order mark seen at the start of the stream; 3 once it is known whether there is
    /// one.
    mark_bytes: usize,
    /// The last chunk ended with a CR, so an LF at the start of the next one belongs to it.
    pub(super) skip_lf: bool,
    pub(super) event: OpenEvent,
    pub(super) lossy: Lossy,
    pub(super) takes: Takes,
    /// The item returned last may borrow from a buffer. The next call empties that buffer.
    pub(super) lent: bool,
}

/// The number of events that the caller takes from each [`Items`](crate::decode::Items), guessed from its last one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Takes {
    #[default]
    Unknown,
    One,
    All,
}

/// Decoded texts of an item whose bytes are not valid UTF-8.
#[derive(Debug, Default)]
pub(super) struct Lossy {
    pub(super) data: String,
    pub(super) event_type: String,
}

impl Decoder {
    /// Creates a decoder with the default [`Limits`], at the start of a stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::Item};
    ///
    /// let mut decoder = Decoder::new();
    /// let mut chunk = &b"data: hello\n\n"[..];
    /// let mut items = decoder.decode(&mut chunk);
    /// assert!(matches!(items.next(), Some(Item::Event(event)) if event.data() == "hello"));
    /// assert!(items.next().is_none());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a decoder with `limits`, at the start of a stream.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::Limits};
    ///
    /// let decoder = Decoder::with_limits(Limits::new().with_max_event_bytes(64 * 1024));
    /// assert_eq!(decoder.limits().max_event_bytes(), 64 * 1024);
    /// ```
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Sets the initial last event ID, such as one stored before the program restarted.
    ///
    /// The limits do not apply to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// assert_eq!(Decoder::new().with_last_event_id("41").last_event_id(), "41");
    /// ```
    #[must_use]
    pub fn with_last_event_id(mut self, last_event_id: impl Into<String>) -> Self {
        self.last_event_id.set(&last_event_id.into());
        self
    }

    /// Prepares for a new connection: discards an unfinished event, and accepts a byte order mark again.
    ///
    /// Keeps the last event ID and the reconnection time, which outlive a connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// while decoder.decode(&mut &b"id: 7\n\ndata: unfini"[..]).next().is_some() {}
    /// decoder.reset();
    /// assert_eq!(decoder.end(), None, "nothing is unfinished");
    /// assert_eq!(decoder.last_event_id(), "7");
    /// ```
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
    /// Returns the unfinished event, which the standard discards (9.2.6), and the lines that were ignored since the
    /// last event; `None` if there are neither. An unfinished event does not set the last event ID, and an unfinished
    /// line does not set the reconnection time.
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
        // Three line feeds, because the first may complete a CR LF.
        let unfinished = self.finish(b"\n\n\n");
        let ignored = if ignored.lines > 0 { ignored } else { mem::take(&mut self.event.ignored) };
        // An unfinished line changes no state.
        self.last_event_id.set(&last_event_id);
        self.reconnection_time = reconnection_time;
        self.reset();
        (unfinished.is_some() || ignored.lines > 0).then_some(Leftover { unfinished, ignored })
    }

    /// Decodes line feeds that the stream lacks. Returns the event that they dispatch.
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
    /// A client sends it as `Last-Event-ID` when it reconnects.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.decode(&mut &b"id: 7\n"[..]).next().is_none());
    /// assert_eq!(decoder.last_event_id(), "", "no blank line has come yet");
    /// assert!(decoder.decode(&mut &b"\n"[..]).next().is_none());
    /// assert_eq!(decoder.last_event_id(), "7");
    /// ```
    pub fn last_event_id(&self) -> &str {
        self.last_event_id.as_str()
    }

    /// Returns the reconnection time set by the last valid `retry` field, if there was one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use ssekit::Decoder;
    ///
    /// let mut decoder = Decoder::new();
    /// assert!(decoder.decode(&mut &b"retry: 5000\n"[..]).next().is_some());
    /// assert_eq!(decoder.reconnection_time(), Some(Duration::from_secs(5)));
    /// ```
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.reconnection_time
    }

    /// Returns the limits in force.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::{Decoder, decode::Limits};
    ///
    /// assert_eq!(*Decoder::new().limits(), Limits::default());
    /// ```
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Removes bytes from the front of `chunk` that belong to no line: a byte order mark, and the LF of a CR LF.
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
                // The bytes are not a byte order mark, but the start of a line with an unknown field name.
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

    /// Returns whether no event is open and no item borrows from a buffer.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        !self.event.has_line()
            && !self.event.is_open()
            && !self.event.uses_buffers
            && self.limits.allow_plain_events()
    }

    /// Empties the buffers that the item returned last borrows from, before decoding continues.
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
