use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Response, StatusCode, response::Parts};

use crate::client::{
    content_type::{is_encoded, is_event_stream},
    disconnect_reason::DisconnectReason,
};

/// A response that is not an event stream, while its body is being read.
#[derive(Debug)]
pub(super) struct Refused {
    response: Parts,
    body: Vec<u8>,
    max_body_bytes: usize,
    until: Option<Instant>,
}

impl Refused {
    pub(super) fn new(response: Parts, max_body_bytes: usize, now: Instant) -> Self {
        Self { response, body: Vec::new(), max_body_bytes, until: now.checked_add(MAX_BODY_TIME) }
    }

    /// Appends the next bytes of the body, up to the limit.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        let room = self.max_body_bytes.saturating_sub(self.body.len());
        self.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    /// Returns whether the body has reached the limit.
    pub(super) fn is_full(&self) -> bool {
        self.body.len() >= self.max_body_bytes
    }

    /// Returns when to stop waiting for the body.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.until
    }

    pub(super) fn reason(&mut self) -> DisconnectReason {
        let is_ok = self.response.status == StatusCode::OK;
        let is_stream = is_event_stream(&self.response.headers);
        let body = Bytes::from(mem::take(&mut self.body));
        let response = Arc::new(Response::from_parts(self.response.clone(), body));
        if !is_ok {
            DisconnectReason::Status(response)
        } else if is_stream && is_encoded(response.headers()) {
            DisconnectReason::ContentEncoding(response)
        } else {
            DisconnectReason::ContentType(response)
        }
    }
}

/// An error's body arrives soon after its head; a stream with the wrong content type may never end.
const MAX_BODY_TIME: Duration = Duration::from_secs(5);
