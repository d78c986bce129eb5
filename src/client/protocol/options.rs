use crate::{
    base::random::SplitMix64,
    client::{
        policy::Policy,
        protocol::{Protocol, phase::Phase},
    },
    decode::limits::Limits,
};

/// Settings, made before it runs.
impl Protocol {
    /// Sets when to reconnect and when to give up.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use ssekit::client::{Command, Policy, Protocol};
    ///
    /// let now = Instant::now();
    /// let policy = Policy::default().with_connect_timeout(Some(Duration::from_secs(5)));
    /// let mut protocol = Protocol::new(42).policy(policy);
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// let Command::Wait(until) = protocol.next_command(now) else { panic!() };
    /// assert_eq!(until, Some(now + Duration::from_secs(5)));
    /// ```
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the seed of the random part of the delays from now on.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.random = SplitMix64::new(seed);
        self
    }

    /// Sets the size limits of an event. Call it before the first response.
    ///
    /// # Examples
    ///
    /// ```
    /// # let response = || {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(()).unwrap().into_parts().0
    /// # };
    /// use std::time::Instant;
    /// use ssekit::{client::{Command, Protocol, Update}, decode::Limits};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42).limits(Limits::new().with_max_event_bytes(3));
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// protocol.handle_response(response(), now);
    /// protocol.handle_chunk("data: hello\n\n".into(), now);
    /// assert!(matches!(protocol.next_command(now), Command::Deliver(Update::Opened(_))));
    /// assert!(matches!(protocol.next_command(now), Command::Deliver(Update::LimitExceeded(_))));
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.reader.set_limits(limits);
        self
    }

    /// Sets the initial last event ID, such as one stored before the program restarted.
    ///
    /// Call it before the first response.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol};
    ///
    /// let mut protocol = Protocol::new(42).after("41");
    /// let Command::Connect(headers) = protocol.next_command(Instant::now()) else { panic!() };
    /// assert_eq!(headers["last-event-id"], "41");
    /// ```
    #[must_use]
    pub fn after(mut self, last_event_id: impl Into<String>) -> Self {
        self.reader.set_last_event_id(&last_event_id.into());
        self
    }

    /// Delivers comments from now on, as [`Update::Comment`](crate::client::Update::Comment).
    ///
    /// # Examples
    ///
    /// ```
    /// # let response = || {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(()).unwrap().into_parts().0
    /// # };
    /// use std::time::Instant;
    /// use ssekit::client::{Command, Protocol, Update};
    ///
    /// let now = Instant::now();
    /// let mut protocol = Protocol::new(42).comments();
    /// assert!(matches!(protocol.next_command(now), Command::Connect(_)));
    /// protocol.handle_response(response(), now);
    /// protocol.handle_chunk(": still here\n".into(), now);
    /// assert!(matches!(protocol.next_command(now), Command::Deliver(Update::Opened(_))));
    /// assert!(matches!(protocol.next_command(now), Command::Deliver(Update::Comment(_))));
    /// ```
    #[must_use]
    pub fn comments(mut self) -> Self {
        self.reader.yield_comments();
        self
    }

    /// Delivers the server's reconnection times from now on, as
    /// [`Update::ReconnectionTime`](crate::client::Update::ReconnectionTime).
    #[must_use]
    pub fn reconnection_times(mut self) -> Self {
        self.reader.yield_reconnection_times();
        self
    }

    /// Delivers last event IDs that arrive without an event from now on, as
    /// [`Update::LastEventId`](crate::client::Update::LastEventId).
    #[must_use]
    pub fn last_event_ids(mut self) -> Self {
        self.reader.yield_last_event_ids();
        self
    }

    /// Sets whether the request being made can be repeated, given by its method
    /// ([`Method::is_idempotent`](http::Method::is_idempotent)).
    ///
    /// Call it before the response arrives. By default a request counts as idempotent.
    pub const fn handle_request(&mut self, is_idempotent: bool) {
        if let Phase::Requested { .. } = self.phase {
            self.is_idempotent = is_idempotent;
        }
    }
}
