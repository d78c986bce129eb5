use std::time::Duration;

use crate::client::{
    command::Command,
    disconnect_reason::DisconnectReason,
    protocol::{Protocol, phase::Phase},
    update::Update,
};

impl Protocol {
    /// Drops the connection and reconnects at once with the same last event ID. Also ends a wait or a pause.
    ///
    /// Discards events that were received but not yet delivered; the server sends them again after the last
    /// event ID. Resets the count of reconnections in a row. Does nothing before the first request, or once
    /// the client is closed.
    pub fn reconnect(&mut self) {
        match self.phase {
            Phase::Closed | Phase::Due { .. } => {}
            Phase::Paused => self.resume(),
            _ => {
                self.disconnect();
                let reason = DisconnectReason::Requested;
                self.queue
                    .push_back(Command::Deliver(Update::Reconnecting { delay: Duration::ZERO, reason }));
                self.connect_anew();
            }
        }
    }

    /// Sets the last event ID, which may be empty, and reconnects at once as [`reconnect`](Self::reconnect)
    /// does.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::Protocol;
    ///
    /// let mut protocol = Protocol::new(42);
    /// protocol.reconnect_after("41");
    /// assert_eq!(protocol.last_event_id(), "41");
    /// ```
    pub fn reconnect_after(&mut self, last_event_id: impl Into<String>) {
        if let Phase::Closed = self.phase {
            return;
        }
        self.reader.set_last_event_id(&last_event_id.into());
        if let Phase::Due { .. } = self.phase {
            // The new ID may be one that a header can carry.
            self.phase = Phase::DUE;
        }
        self.reconnect();
    }

    /// Drops the connection and makes no request until [`resume`](Self::resume), or
    /// [`reconnect`](Self::reconnect).
    ///
    /// The last event ID and the reconnection time are kept. Events that were received but not yet delivered
    /// are discarded; the server sends them again.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::{Protocol, ReadyState};
    ///
    /// let mut protocol = Protocol::new(42);
    /// protocol.pause();
    /// assert_eq!(protocol.ready_state(), ReadyState::Paused);
    /// ```
    pub fn pause(&mut self) {
        if !matches!(self.phase, Phase::Closed | Phase::Paused) {
            self.disconnect();
            self.phase = Phase::Paused;
            self.queue.push_back(Command::Deliver(Update::Paused));
        }
    }

    /// Ends a pause: connects at once with the last event ID.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::{Protocol, ReadyState};
    ///
    /// let mut protocol = Protocol::new(42);
    /// protocol.pause();
    /// protocol.resume();
    /// assert_eq!(protocol.ready_state(), ReadyState::Connecting);
    /// ```
    pub fn resume(&mut self) {
        if let Phase::Paused = self.phase {
            self.connect_anew();
        }
    }

    /// Closes the client: drops the connection and makes no further request.
    ///
    /// Discards events that were received but not yet delivered.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::client::{Protocol, ReadyState};
    ///
    /// let mut protocol = Protocol::new(42);
    /// protocol.close();
    /// assert_eq!(protocol.ready_state(), ReadyState::Closed);
    /// ```
    pub fn close(&mut self) {
        if !matches!(self.phase, Phase::Closed) {
            self.disconnect();
            self.phase = Phase::Closed;
        }
    }

    fn connect_anew(&mut self) {
        self.row.end();
        self.reason = Some(DisconnectReason::Requested);
        self.phase = Phase::DUE;
    }
}
