//! A slow twin of the decoder: the rules of 9.2.5 and 9.2.6 one after the other, over the whole stream at once.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::Duration;

use ssekit::decode::{LimitKind, Limits};

/// What a decoder says of a stream, in order, and the state that it is in at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) items: Vec<Seen>,
    pub(crate) last_event_id: String,
    pub(crate) reconnection_time: Option<Duration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Event { event_type: String, data: String, last_event_id: String },
    Retry(Duration),
    Comment(String),
    Limit(LimitKind),
}

/// Interprets a stream without limits (9.2.6). It knows nothing of bytes, only of the decoded text.
pub(crate) fn interpret(stream: &[u8]) -> Outcome {
    // UTF-8 decode, which takes one leading byte order mark away.
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);

    let mut outcome = Outcome::default();
    let (mut data, mut event_type, mut id) = (String::new(), String::new(), String::new());
    for line in lines(text) {
        // A blank line dispatches.
        if line.is_empty() {
            // First of all the ID buffer becomes the last event ID, whatever else there is.
            outcome.last_event_id = id.clone();
            // Without data nothing is dispatched, and the type is forgotten, too.
            if !data.is_empty() {
                // Each line of data has added an LF; the last one goes.
                if data.ends_with('\n') {
                    data.pop();
                }
                // An empty type buffer leaves the type `message`.
                let event_type =
                    if event_type.is_empty() { "message".to_owned() } else { event_type.clone() };
                outcome.items.push(Seen::Event { event_type, data: data.clone(), last_event_id: id.clone() });
            }
            data.clear();
            event_type.clear();
            continue;
        }
        // A colon in front makes a comment.
        if let Some(comment) = line.strip_prefix(':') {
            outcome.items.push(Seen::Comment(comment.to_owned()));
            continue;
        }
        // The first colon ends the name, and one space after it is skipped. Without a colon the whole line is the
        // name, and the value is empty.
        let (name, value) = match line.split_once(':') {
            Some((name, value)) => (name, value.strip_prefix(' ').unwrap_or(value)),
            None => (line.as_str(), ""),
        };
        match name {
            // The last `event` field of a block counts.
            "event" => event_type = value.to_owned(),
            // Data adds up, with an LF after each line.
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            // An ID with NUL in it is ignored.
            "id" if !value.contains('\0') => id = value.to_owned(),
            // Only ASCII digits make a reconnection time, in base ten.
            "retry" => {
                if let Some(time) = reconnection_time(value) {
                    outcome.reconnection_time = Some(time);
                    outcome.items.push(Seen::Retry(time));
                }
            }
            // Other names mean nothing.
            _ => {}
        }
    }
    // What no blank line has ended is discarded.
    outcome
}

/// Interprets a stream under limits, which apply to its text.
pub(crate) fn interpret_within(stream: &[u8], limits: &Limits) -> Outcome {
    let mut outcome = Outcome::default();
    // The rest of a character that is cut may still come.
    let text = String::from_utf8_lossy(&stream[..stream.len() - cut_character(stream)]);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut rest = text.as_bytes();
    let mut event = OpenEvent::default();
    loop {
        let length = rest.iter().take_while(|&&byte| byte != b'\r' && byte != b'\n').count();
        let (line, behind) = rest.split_at(length);
        let line_end = match behind {
            [b'\r', b'\n', ..] => 2,
            [_, ..] => 1,
            [] => 0,
        };
        rest = &behind[line_end..];
        if line_end == 0 {
            if let Some(kind) = event.excess(line, false, limits).filter(|_| !event.lost) {
                outcome.items.push(Seen::Limit(kind));
            }
            return outcome;
        }
        if line.is_empty() {
            event.end(&mut outcome);
            event = OpenEvent::default();
            continue;
        }
        if event.lost {
            if line.len() <= limits.max_line_bytes().min(limits.max_event_bytes()) {
                event.line(line, &mut outcome, limits);
            }
        } else if let Some(kind) = event.excess(line, true, limits) {
            // The line that goes over a limit counts for nothing.
            event.lost = true;
            outcome.items.push(Seen::Limit(kind));
        } else {
            event.line(line, &mut outcome, limits);
            if event.data.len() > limits.max_data_lines() {
                event.lost = true;
                outcome.items.push(Seen::Limit(LimitKind::DataLines));
            }
        }
    }
}

#[derive(Default)]
struct OpenEvent {
    lost: bool,
    data: Vec<Vec<u8>>,
    event_type: Vec<u8>,
    id: Option<String>,
}

impl OpenEvent {
    /// Which limit a line breaks; of two, the one that comes first in the stream. No line may be longer than an event.
    fn excess(&self, line: &[u8], has_ended: bool, limits: &Limits) -> Option<LimitKind> {
        let colon = line.iter().position(|&byte| byte == b':');
        let breaks_at = |bytes: usize, has_ended: bool| {
            if bytes > limits.max_line_bytes() {
                Some(LimitKind::LineBytes)
            } else if bytes.max(self.held_with(&line[..bytes], has_ended, colon)) > limits.max_event_bytes() {
                Some(LimitKind::EventBytes)
            } else {
                None
            }
        };
        (1..=line.len())
            .find_map(|bytes| breaks_at(bytes, false))
            .or_else(|| breaks_at(line.len(), true).filter(|_| has_ended))
    }

    /// How many bytes of data and type there are once a line is taken in, as far as that has come.
    fn held_with(&self, line: &[u8], has_ended: bool, colon: Option<usize>) -> usize {
        let data = (self.data.iter().map(|line| line.len() + 1).sum::<usize>()).saturating_sub(1);
        let (name, value) = match colon.filter(|&colon| colon < line.len()) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None if has_ended => (line, &b""[..]),
            None => return 0,
        };
        let value = value.strip_prefix(b" ").unwrap_or(value).len();
        match name {
            b"data" => data + usize::from(!self.data.is_empty()) + value + self.event_type.len(),
            b"event" => data + value,
            _ => 0,
        }
    }

    fn line(&mut self, line: &[u8], outcome: &mut Outcome, limits: &Limits) {
        if let Some(comment) = line.strip_prefix(b":") {
            outcome.items.push(Seen::Comment(text(comment)));
            return;
        }
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"event" => self.event_type = value.to_owned(),
            b"data" if !self.lost => self.data.push(value.to_owned()),
            b"id" if !value.contains(&0) => {
                if text(value).len() > limits.max_id_bytes() {
                    outcome.items.push(Seen::Limit(LimitKind::IdBytes));
                } else {
                    self.id = Some(text(value));
                }
            }
            b"retry" => {
                if let Some(time) = reconnection_time(&text(value)) {
                    outcome.reconnection_time = Some(time);
                    outcome.items.push(Seen::Retry(time));
                }
            }
            _ => {}
        }
    }

    /// Dispatches it, if nothing is against that. The ID counts even if it is lost.
    fn end(&mut self, outcome: &mut Outcome) {
        if let Some(id) = self.id.take() {
            outcome.last_event_id = id;
        }
        if self.lost || self.data.is_empty() {
            return;
        }
        let (data, mut event_type) = (text(&self.data.join(&b'\n')), text(&self.event_type));
        if event_type.is_empty() {
            event_type = "message".to_owned();
        }
        let last_event_id = outcome.last_event_id.clone();
        outcome.items.push(Seen::Event { event_type, data, last_event_id });
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns how many bytes at the end are the beginning of a character.
fn cut_character(stream: &[u8]) -> usize {
    let is_cut = |&length: &usize| {
        let end = &stream[stream.len() - length..];
        std::str::from_utf8(end).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (1..=stream.len().min(3)).find(is_cut).unwrap_or(0)
}

/// Splits off the lines that have ended: by CR LF, by LF, or by a CR that no LF follows.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' => {
                characters.next_if_eq(&'\n');
                lines.push(std::mem::take(&mut line));
            }
            '\n' => lines.push(std::mem::take(&mut line)),
            _ => line.push(character),
        }
    }
    lines
}

/// Reads milliseconds; `u64::MAX` of them if there are more.
fn reconnection_time(value: &str) -> Option<Duration> {
    let is_number = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit());
    is_number.then(|| Duration::from_millis(value.parse().unwrap_or(u64::MAX)))
}
