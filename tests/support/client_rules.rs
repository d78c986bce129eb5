//! What the verdicts, delays and waits of a client have to be.

use std::time::{Duration, Instant};

use ssekit::client::{DisconnectReason, ReadyState, Verdict};

use super::{Awaited, Connection, ERROR_BODY_TIME, Setup, Watched, fits_in_a_header, millis};

impl Watched {
    pub(super) fn default_verdict(&self, reason: &DisconnectReason) -> Verdict {
        let verdict = match reason {
            DisconnectReason::Status(response) => match response.status().as_u16() {
                501 | 505 => Verdict::Fail,
                408 | 425 | 429 | 500..=599 => Verdict::Reconnect,
                _ => Verdict::Fail,
            },
            DisconnectReason::ContentType(_) | DisconnectReason::ContentEncoding(_) => Verdict::Fail,
            _ => Verdict::Reconnect,
        };
        let id = self.protocol.last_event_id();
        let resumes = !id.is_empty() && fits_in_a_header(id);
        match (verdict, reason) {
            (Verdict::Reconnect, _) if self.idempotent.1 || self.setup.resends || resumes => verdict,
            (Verdict::Reconnect, DisconnectReason::Ended) => Verdict::Stop,
            _ => Verdict::Fail,
        }
    }

    pub(super) fn assert_delay(&mut self, delay: Duration, verdict: Verdict) {
        let Setup { time, bounds, backoff, max_attempts, has_jitter, .. } = self.setup;
        assert!(max_attempts.is_none_or(|max| self.attempts < max), "one attempt too many");
        self.attempts += 1;
        let least = millis(bounds.0.min(bounds.1));
        let Awaited::Verdict { failure, progress, .. } = &self.awaited else { panic!() };
        match verdict {
            Verdict::ReconnectAfter(after) => return assert_eq!(delay, after.max(least)),
            Verdict::Reconnect => {}
            other => panic!("it reconnects after {other:?}"),
        }
        let time = self.retry.unwrap_or(millis(time)).max(millis(bounds.0)).min(millis(bounds.1));
        if *progress {
            let jitter = if has_jitter { time / 10 } else { Duration::ZERO };
            assert!(!self.retry_known || delay <= time && delay >= (time - jitter).max(least.min(time)));
            return;
        }
        let factor = 2_u128.checked_pow(self.backoffs).unwrap_or(u128::MAX);
        let window = u128::from(backoff.0).saturating_mul(factor).min(backoff.1.into()) as u64;
        self.backoffs += 1;
        let time = time.max(failure.retry_after().unwrap_or_default());
        let in_window = delay < time.saturating_add(millis(window)) || window == 0 && delay == time;
        let saturated = delay == Duration::MAX;
        assert!(
            !self.retry_known || delay >= time && (in_window || saturated),
            "{delay:?}: {time:?} and {window} ms"
        );
    }

    pub(super) fn assert_wait(&self, until: Option<Instant>) {
        let within = |since: Instant, timeout: Option<u64>| match (until, timeout) {
            (until, None) => assert_eq!(until, None),
            (None, Some(timeout)) => assert_eq!(self.now.checked_add(millis(timeout)), None),
            (Some(until), Some(timeout)) => {
                assert!(since.checked_add(millis(timeout)).is_some_and(|earliest| until >= earliest));
                assert!(self.now.checked_add(millis(timeout)).is_none_or(|latest| until <= latest));
            }
        };
        match &self.connection {
            Connection::None if self.protocol.ready_state() == ReadyState::Paused => assert_eq!(until, None),
            Connection::None => {
                let reconnection = self.reconnection.as_ref().expect("it waits for nothing");
                assert!(!reconnection.over);
                assert_eq!(until, reconnection.until);
            }
            Connection::Requested { at } => {
                assert!(!self.lost, "it waits for a response on a lost connection");
                within(*at, self.setup.connect_timeout);
            }
            Connection::Refused { at, status, .. } => {
                assert!(!self.lost, "it waits for the body of a {status}");
                within(*at, Some(ERROR_BODY_TIME));
            }
            Connection::Open(open) => {
                assert!(!self.lost, "it waits on a lost connection");
                assert!(open.announced);
                assert_eq!(open.dispatched, open.events.len(), "an event is held back");
                within(open.heard, self.setup.idle_timeout);
            }
        }
    }
}
