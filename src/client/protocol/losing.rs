use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::client::{
    command::Command,
    disconnect_reason::DisconnectReason,
    error::EventSourceError,
    failure::{Failure, Verdict},
    policy::Policy,
    protocol::{Phase, Protocol, header_value, lost::Lost},
    refused::Refused,
    retry_after::retry_after,
    row::Wait,
    update::Update,
};

impl Protocol {
    /// Takes the application's verdict after [`Decide`](Command::Decide).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol, TransportError, Verdict};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42);
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// protocol.handle_error(TransportError::new("connection refused"));
    /// assert!(matches!(protocol.next_command(now), Command::Disconnect));
    /// assert!(matches!(protocol.next_command(now), Command::Decide(_)));
    /// protocol.handle_verdict(Verdict::Stop, now);
    /// assert!(matches!(protocol.next_command(now), Command::Finished));
    /// ```
    pub fn handle_verdict(&mut self, verdict: Verdict, now: Instant) {
        let Phase::Lost(_) = self.phase else { return };
        let Phase::Lost(lost) = mem::replace(&mut self.phase, Phase::Closed) else { return };
        // The verdict may arrive before the command was pulled.
        self.queue.retain(|command| !matches!(command, Command::Decide(_)));
        let Failure { reason, retry_after, .. } = lost.failure;
        let wait = match verdict {
            Verdict::Reconnect => Wait::AtLeast(self.reconnection_time(), retry_after.unwrap_or_default()),
            Verdict::ReconnectAfter(delay) => Wait::Exactly(delay),
            Verdict::Stop => return,
            Verdict::Fail if lost.is_not_resent => return self.fail(EventSourceError::NotResent(reason)),
            Verdict::Fail => return self.fail(EventSourceError::Failed(reason)),
        };
        let attempts = self.row.attempts();
        if self.policy.max_attempts().is_some_and(|max| attempts >= max) {
            return self.fail(EventSourceError::Attempts { attempts, last: reason });
        }
        let delay = self.row.delay(&self.policy, wait, lost.made_progress, &mut self.random);
        self.phase = Phase::Waiting { until: now.checked_add(delay) };
        self.queue.push_back(Command::Deliver(Update::Reconnecting { delay, reason }));
    }

    /// Records why the connection is lost. Takes effect once everything received is decoded.
    pub(super) fn lose(&mut self, reason: DisconnectReason) {
        if let Phase::Requested { .. } | Phase::Open { .. } = self.phase {
            self.lost.get_or_insert(reason);
        }
    }

    /// Gives up a response that is not an event stream, if enough of its body has arrived.
    pub(super) fn refuse_if(&mut self, is_enough: impl FnOnce(&Refused) -> bool) {
        if let (Phase::Refused(refused), None) = (&mut self.phase, &self.lost) {
            if is_enough(refused) {
                self.lost = Some(refused.reason());
            }
        }
    }

    /// Drops a connection that is lost and fully decoded, and asks for a verdict.
    pub(super) fn disconnect_for(&mut self, mut reason: DisconnectReason, now: Instant) {
        let has_delivered = self.reader.has_dispatched();
        let made_progress = has_delivered || self.has_lasted(now);
        if made_progress {
            self.row.end();
        }
        if let DisconnectReason::Ended = reason {
            if let Some(leftover) = self.reader.end() {
                reason = DisconnectReason::Incomplete(Arc::new(leftover));
            }
        }
        let verdict = default_verdict(&reason, &self.policy);
        let is_not_resent = verdict == Verdict::Reconnect && !self.may_resend();
        let default = match reason {
            DisconnectReason::Ended if is_not_resent => Verdict::Stop,
            _ if is_not_resent => Verdict::Fail,
            _ => verdict,
        };
        let asked = reason.response().and_then(|response| retry_after(response.headers()));
        let failure = Failure {
            reason: reason.clone(),
            attempts: self.row.attempts(),
            has_delivered,
            retry_after: asked.map(|asked| asked.min(self.policy.max_retry_after())),
            default,
        };
        self.disconnect();
        self.reason = Some(reason);
        self.queue.push_back(Command::Decide(failure.clone()));
        self.phase = Phase::Lost(Box::new(Lost { failure, made_progress, is_not_resent }));
    }

    fn has_lasted(&self, now: Instant) -> bool {
        match self.phase {
            Phase::Open { since, .. } => {
                now.saturating_duration_since(since) >= self.policy.sustained_uptime()
            }
            _ => false,
        }
    }

    /// Returns whether the last request may be repeated without the application's verdict.
    fn may_resend(&self) -> bool {
        self.is_idempotent || self.policy.resends() || header_value(self.reader.last_event_id()).is_some()
    }

    fn reconnection_time(&self) -> Duration {
        self.reader.reconnection_time().unwrap_or(self.policy.initial_reconnection_time())
    }

    fn fail(&mut self, error: EventSourceError) {
        self.phase = Phase::Closed;
        self.queue.push_back(Command::Fail(error));
    }
}

/// Returns the verdict of the table for a request that can be repeated.
fn default_verdict(reason: &DisconnectReason, policy: &Policy) -> Verdict {
    match reason {
        DisconnectReason::Status(response) if policy.is_temporary(response.status()) => Verdict::Reconnect,
        DisconnectReason::Status(_)
        | DisconnectReason::ContentType(_)
        | DisconnectReason::ContentEncoding(_) => Verdict::Fail,
        DisconnectReason::Transport(error) if error.is_permanent() => Verdict::Fail,
        _ => Verdict::Reconnect,
    }
}
