use std::time::Duration;

use super::{EventRef, Item, LimitExceeded, LimitKind, Limits, received_event::DEFAULT_EVENT_TYPE};

/// An incremental decoder of one event stream after another.
///
/// # Examples
///
/// ```
/// use ssekit::decode::{Decoder, Item};
///
/// let mut decoder = Decoder::new();
/// let mut seen = Vec::new();
/// for mut chunk in [&b"id: 7\nda"[..], b"ta: hel", b"lo\n\n"] {
///     while let Some(item) = decoder.decode(&mut chunk) {
///         if let Item::Event(event) = item {
///             seen.push(event.to_owned());
///         }
///     }
/// }
/// assert_eq!(seen[0].data(), "hello");
/// assert_eq!(decoder.last_event_id(), "7");
/// ```
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    reconnection_time: Option<Duration>,
    last_event_id: String,
    bom: usize,
    skip_lf: bool,
    line: Vec<u8>,
    line_over: bool,
    event_bytes: usize,
    data_lines: usize,
    over: bool,
    data: String,
    event_type: String,
    id: Option<String>,
    out: (String, String),
}

enum Found {
    Event,
    Retry(Duration),
    Comment,
    LimitExceeded(LimitExceeded),
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

    /// Sets the last event ID to start from, as a client that was restarted has kept it.
    #[must_use]
    pub fn with_last_event_id(mut self, last_event_id: impl Into<String>) -> Self {
        self.last_event_id = last_event_id.into();
        self
    }

    /// Decodes up to the next item, and moves `chunk` past the bytes that it took.
    ///
    /// Returns `None` when `chunk` is used up; until then call it again with the same `chunk`. What it has not
    /// taken is still in `chunk`, so a caller may stop after any item and go on later.
    pub fn decode<'a, 'c: 'a>(&'a mut self, chunk: &mut &'c [u8]) -> Option<Item<'a>> {
        let mut found = None;
        while found.is_none() {
            let (&byte, rest) = chunk.split_first()?;
            *chunk = rest;
            found = self.byte(byte);
        }
        Some(match found? {
            Found::Event => Item::Event(EventRef::new(
                if self.out.0.is_empty() { DEFAULT_EVENT_TYPE } else { &self.out.0 },
                &self.out.1,
                &self.last_event_id,
            )),
            Found::Retry(time) => Item::Retry(time),
            Found::Comment => Item::Comment(&self.out.0),
            Found::LimitExceeded(over) => Item::LimitExceeded(over),
        })
    }

    /// Prepares for a new connection: discards an unfinished event and expects a byte order mark again.
    ///
    /// The last event ID and the reconnection time stay, as they outlive a connection. A stream's end needs no
    /// other call: what was not dispatched by then is discarded.
    pub fn reset(&mut self) {
        *self = Self {
            limits: self.limits,
            reconnection_time: self.reconnection_time,
            last_event_id: std::mem::take(&mut self.last_event_id),
            ..Self::default()
        };
    }

    /// Returns the last event ID, as of the last blank line; empty if there is none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Returns the reconnection time that the stream has set last, if any has.
    pub fn reconnection_time(&self) -> Option<Duration> {
        self.reconnection_time
    }

    /// Returns the limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    fn byte(&mut self, byte: u8) -> Option<Found> {
        if std::mem::take(&mut self.skip_lf) && byte == b'\n' {
            if self.event_bytes > 0 {
                return self.count();
            }
            return None;
        }
        if byte == b'\n' || byte == b'\r' {
            self.skip_lf = byte == b'\r';
            if self.bom < 3 {
                self.bom = 3;
            }
            return self.end_line();
        }
        self.line.push(byte);
        if self.bom < 3 {
            if byte == b"\xEF\xBB\xBF"[self.bom] {
                self.bom += 1;
                if self.bom == 3 {
                    self.line.clear();
                    self.event_bytes = 0;
                    return None;
                }
            } else {
                self.bom = 3;
            }
        }
        if self.line.len() > self.limits.max_line_bytes() {
            self.line.pop();
            self.line_over = true;
            if !self.over {
                return self.exceed(LimitKind::LineBytes, self.limits.max_line_bytes());
            }
        }
        self.count()
    }

    fn count(&mut self) -> Option<Found> {
        self.event_bytes = self.event_bytes.saturating_add(1);
        if !self.over && self.event_bytes > self.limits.max_event_bytes() {
            return self.exceed(LimitKind::EventBytes, self.limits.max_event_bytes());
        }
        None
    }

    fn exceed(&mut self, kind: LimitKind, limit: usize) -> Option<Found> {
        self.over = true;
        self.data = String::new();
        Some(Found::LimitExceeded(LimitExceeded::new(kind, limit)))
    }

    fn end_line(&mut self) -> Option<Found> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.dispatch();
        }
        if std::mem::take(&mut self.line_over) {
            return self.count();
        }
        let line = String::from_utf8_lossy(&line);
        if let Some(comment) = line.strip_prefix(':') {
            self.out.0 = comment.to_owned();
            return self.count().or(Some(Found::Comment));
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        let mut found = None;
        match name {
            "data" if !self.over => {
                self.data_lines += 1;
                self.data.push_str(value);
                self.data.push('\n');
                if self.data_lines > self.limits.max_data_lines() {
                    found = self.exceed(LimitKind::DataLines, self.limits.max_data_lines());
                }
            }
            "event" => self.event_type = value.to_owned(),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                let time = Duration::from_millis(value.parse().unwrap_or(u64::MAX));
                self.reconnection_time = Some(time);
                found = Some(Found::Retry(time));
            }
            _ => {}
        }
        found.or_else(|| self.count())
    }

    fn dispatch(&mut self) -> Option<Found> {
        if let Some(id) = self.id.take() {
            self.last_event_id = id;
        }
        let event_type = std::mem::take(&mut self.event_type);
        let mut data = std::mem::take(&mut self.data);
        let over = std::mem::take(&mut self.over);
        self.data_lines = 0;
        self.event_bytes = 0;
        if data.pop().is_none() || over {
            return None;
        }
        self.out = (event_type, data);
        Some(Found::Event)
    }
}
