//! What happens to a client, and what is known from that.

use std::time::Instant;

use http::{HeaderValue, Response, StatusCode, response::Parts};
use ssekit::client::{ReadyState, TransportError};

use super::{Awaited, Connection, ERROR_BODY_TIME, Open, Step, Watched, millis};

impl Watched {
    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Response { status, content_type, retry_after, date } => {
                let mut response = Response::builder().status(status);
                let fields =
                    [("content-type", Some(content_type)), ("retry-after", retry_after), ("date", date)];
                for (name, value) in fields {
                    if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(&value).ok()) {
                        response = response.header(name, value);
                    }
                }
                self.respond(response.body(()).unwrap().into_parts().0);
            }
            Step::Chunk(bytes) => self.hand_in(bytes),
            Step::End => {
                self.protocol.handle_end();
                self.lost = true;
            }
            Step::Error => {
                self.protocol.handle_error(TransportError::new("broken"));
                self.lost = true;
            }
            Step::Time { passes, told } => {
                self.now += millis(passes);
                if told {
                    self.protocol.handle_time(self.now);
                    self.told_at = Some(self.now);
                    self.notice_silence();
                    if let Some(reconnection) = &mut self.reconnection {
                        reconnection.over |= reconnection.until.is_some_and(|at| self.now >= at);
                        self.due |= reconnection.over;
                    }
                }
            }
            Step::Pull => {
                self.pull();
            }
            Step::PullAll => self.pull_all(),
            Step::Verdict(verdict) => self.verdict = verdict,
            Step::Idempotent(idempotent) => self.idempotent.0 = idempotent,
            Step::Reconnect => {
                self.settle();
                let before = self.protocol.ready_state();
                self.protocol.reconnect();
                self.reconnected(before);
            }
            Step::ReconnectAfter(id) => {
                self.settle();
                let before = self.protocol.ready_state();
                self.protocol.reconnect_after(id.clone());
                assert!(before == ReadyState::Closed || self.protocol.last_event_id() == id);
                self.reconnected(before);
            }
            Step::Pause => {
                self.settle();
                let paused = self.protocol.ready_state() == ReadyState::Paused;
                self.protocol.pause();
                if !paused {
                    self.steered(true);
                }
            }
            Step::Resume => {
                let before = self.protocol.ready_state();
                if before == ReadyState::Paused {
                    self.reconnected(before);
                }
                self.protocol.resume();
                assert_ne!(self.protocol.ready_state(), ReadyState::Paused);
            }
            Step::Close => self.close(),
        }
    }

    fn hand_in(&mut self, bytes: Vec<u8>) {
        match &mut self.connection {
            Connection::Open(open) if !self.lost => {
                open.take(&bytes);
                if !bytes.is_empty() {
                    (open.heard, open.decoded) = (self.now, false);
                }
            }
            Connection::Refused { bytes: count, .. } if !self.lost => {
                *count = (*count + bytes.len()).min(self.setup.max_error_body_bytes);
                self.lost = *count == self.setup.max_error_body_bytes;
            }
            _ => {}
        }
        self.protocol.handle_chunk(bytes.into(), self.now);
    }

    /// Learns of a delay that may be over before it was told.
    fn settle(&mut self) {
        if self.told_at.is_some() && self.decided().is_some() {
            self.pull_all();
        }
    }

    fn reconnected(&mut self, before: ReadyState) {
        if before == ReadyState::Paused {
            self.row_ends();
            self.due = true;
        } else if !self.due {
            self.steered(false);
        }
    }

    pub(super) fn row_ends(&mut self) {
        (self.attempts, self.backoffs) = (0, 0);
    }

    /// The application has reconnected or paused.
    fn steered(&mut self, pauses: bool) {
        if self.protocol.ready_state() == ReadyState::Closed {
            return;
        }
        if let Connection::Open(open) = &self.connection {
            self.retry = open.retry.or(self.retry);
            self.retry_known &= open.decoded;
        }
        if !pauses {
            self.row_ends();
        }
        self.awaited = Awaited::Steered { pauses };
        self.due = !pauses;
        self.reconnection = None;
        self.lost = true;
    }

    fn respond(&mut self, response: Parts) {
        let status = response.status;
        let known = match response.headers.get("content-type").map(HeaderValue::as_bytes) {
            Some(b"text/event-stream") => Some(true),
            Some(b"text/plain") | None => Some(false),
            Some(_) => None,
        };
        self.protocol.handle_response(response, self.now);

        let Connection::Requested { .. } = self.connection else { return };
        if self.lost || self.closed {
            assert_ne!(self.protocol.ready_state(), ReadyState::Open, "it opens what is lost");
            return;
        }
        let opens = self.protocol.ready_state() == ReadyState::Open;
        assert!(status == StatusCode::OK || !opens);
        assert!(status != StatusCode::OK || known.is_none_or(|known| known == opens), "a type is misread");
        if opens {
            self.connection = Connection::Open(Open {
                since: self.now,
                heard: self.now,
                announced: false,
                last_event_id: self.protocol.last_event_id().to_owned(),
                stream: Vec::new(),
                decoded: true,
                events: Vec::new(),
                dispatched: 0,
                retry: None,
            });
        } else if status == StatusCode::NO_CONTENT {
            self.lost = true;
            assert_eq!(self.protocol.ready_state(), ReadyState::Closed);
        } else {
            self.connection = Connection::Refused { at: self.now, status, bytes: 0 };
            self.lost = self.setup.max_error_body_bytes == 0;
        }
    }

    pub(super) fn close(&mut self) {
        // One that has closed by itself may still have to tell why.
        self.closed |= self.protocol.ready_state() != ReadyState::Closed;
        self.protocol.close();
    }

    fn notice_silence(&mut self) {
        let over = |since: Instant, timeout: Option<u64>| {
            let until = timeout.and_then(|timeout| since.checked_add(millis(timeout)));
            until.is_some_and(|until| self.now >= until)
        };
        match &self.connection {
            Connection::None => {}
            Connection::Requested { at } => self.lost |= over(*at, self.setup.connect_timeout),
            Connection::Refused { at, .. } => self.lost |= over(*at, Some(ERROR_BODY_TIME)),
            Connection::Open(open) if over(open.heard, self.setup.idle_timeout) => {
                self.lost |= open.decoded;
                self.may_be_lost |= !open.decoded;
            }
            Connection::Open(_) => {}
        }
    }
}
