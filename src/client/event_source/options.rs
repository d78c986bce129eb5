use http::response::Parts;

use crate::{
    client::{
        event_source::EventSource,
        failure::{Failure, Verdict},
        policy::Policy,
    },
    decode::limits::Limits,
};

/// Settings, made before it runs.
impl<B: 'static> EventSource<B> {
    /// Sets when to reconnect and when to give up. Default: [`Policy::default`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use std::time::Duration;
    /// use ssekit::{EventSource, client::{Policy, Update}};
    ///
    /// let policy = Policy::default().with_reconnection_time(Duration::from_secs(10)).with_jitter(false);
    /// let mut source = EventSource::new(client, request).policy(policy);
    /// while let Some(update) = source.next().await {
    ///     if let Update::Reconnecting { delay, .. } = update.unwrap() {
    ///         assert_eq!(delay, Duration::from_secs(10));
    ///         source.close();
    ///     }
    /// }
    /// # });
    /// ```
    pub fn policy(self, policy: Policy) -> Self {
        Self { protocol: self.protocol.policy(policy), ..self }
    }

    /// Sets a function that decides what follows each failure. Default: [`Failure::default`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use http::{Request, Response, StatusCode};
    /// # #[cfg(feature = "tokio")]
    /// # {
    /// # use ssekit::{EventSource, client::Verdict};
    /// # let client = |_: Request<()>| async { Ok::<_, std::io::Error>(Response::new(String::new())) };
    /// # let source = EventSource::new(client, Request::new(()));
    /// let source = source.decide(|failure| match failure.status() {
    ///     Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Verdict::Reconnect,
    ///     _ => failure.default(),
    /// });
    /// # let _ = source;
    /// # }
    /// ```
    pub fn decide(self, decide: impl FnMut(&Failure) -> Verdict + Send + 'static) -> Self {
        Self { decide: Some(Box::new(decide)), ..self }
    }

    /// Sets a function that selects the responses to read as event streams. Default:
    /// [`opens_event_stream`](crate::client::opens_event_stream), which accepts a 200 of type
    /// `text/event-stream` that is not encoded. A 204 always stops the client.
    ///
    /// # Examples
    ///
    /// A server that forgets the content type:
    ///
    /// ```
    /// # use http::{Request, Response, header::CONTENT_TYPE};
    /// # #[cfg(feature = "tokio")]
    /// # {
    /// # use ssekit::{EventSource, client::opens_event_stream};
    /// # let client = |_: Request<()>| async { Ok::<_, std::io::Error>(Response::new(String::new())) };
    /// # let source = EventSource::new(client, Request::new(()));
    /// let source = source.accept(|response| {
    ///     let is_untyped = !response.headers.contains_key(CONTENT_TYPE);
    ///     opens_event_stream(response) || response.status == 200 && is_untyped
    /// });
    /// # let _ = source;
    /// # }
    /// ```
    pub fn accept(self, accept: impl FnMut(&Parts) -> bool + Send + 'static) -> Self {
        Self { accept: Some(Box::new(accept)), ..self }
    }

    /// Sets the size limits of an event. Call it before the first poll.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use ssekit::{EventSource, client::Update, decode::Limits};
    ///
    /// let limits = Limits::new().with_max_event_bytes(3); // "hello" has five
    /// let mut source = EventSource::new(client, request).limits(limits);
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// assert!(matches!(source.next().await, Some(Ok(Update::LimitExceeded(_)))));
    /// # });
    /// ```
    #[doc(alias = "with_limits")]
    pub fn limits(self, limits: Limits) -> Self {
        Self { protocol: self.protocol.limits(limits), ..self }
    }

    /// Sets the initial last event ID, such as one stored before the program restarted.
    ///
    /// Call it before the first poll.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// # let client = |_: http::Request<()>| async {
    /// #     let response = http::Response::builder().header("content-type", "text/event-stream");
    /// #     response.body(String::from("id: 7\ndata: hello\n\n"))
    /// # };
    /// # let request = http::Request::new(());
    /// use ssekit::EventSource;
    ///
    /// let source = EventSource::new(client, request).after("41");
    /// assert_eq!(source.last_event_id(), "41");
    /// # });
    /// ```
    #[doc(alias = "with_last_event_id")]
    pub fn after(self, last_event_id: impl Into<String>) -> Self {
        Self { protocol: self.protocol.after(last_event_id), ..self }
    }

    /// Sets the seed of the random part of the delays, to reproduce them. Default: a random seed.
    pub fn seed(self, seed: u64) -> Self {
        Self { protocol: self.protocol.seed(seed), ..self }
    }

    /// Yields comments, as [`Update::Comment`](crate::client::Update::Comment). They are often a server's
    /// keep-alives.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use http::{Request, Response};
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let client = async |_: Request<()>| {
    ///     let response = Response::builder().header("content-type", "text/event-stream");
    ///     response.body(String::from(": still here\n"))
    /// };
    /// let mut source = EventSource::new(client, Request::new(())).comments();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// let Some(Ok(Update::Comment(text))) = source.next().await else { panic!() };
    /// assert_eq!(text, " still here");
    /// # });
    /// ```
    pub fn comments(self) -> Self {
        Self { protocol: self.protocol.comments(), ..self }
    }

    /// Yields the server's reconnection times, as
    /// [`Update::ReconnectionTime`](crate::client::Update::ReconnectionTime).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use http::{Request, Response};
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let client = async |_: Request<()>| {
    ///     let response = Response::builder().header("content-type", "text/event-stream");
    ///     response.body(String::from("retry: 5000\n"))
    /// };
    /// let mut source = EventSource::new(client, Request::new(())).reconnection_times();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// let Some(Ok(Update::ReconnectionTime(time))) = source.next().await else { panic!() };
    /// assert_eq!(time.as_secs(), 5);
    /// # });
    /// ```
    pub fn reconnection_times(self) -> Self {
        Self { protocol: self.protocol.reconnection_times(), ..self }
    }

    /// Yields last event IDs that arrive without an event, as
    /// [`Update::LastEventId`](crate::client::Update::LastEventId).
    ///
    /// If you store the ID of each update, this keeps the stored ID equal to the client's.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "tokio")]
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// use http::{Request, Response};
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let client = async |_: Request<()>| {
    ///     let response = Response::builder().header("content-type", "text/event-stream");
    ///     response.body(String::from("id: 7\n\n"))
    /// };
    /// let mut source = EventSource::new(client, Request::new(())).last_event_ids();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// let Some(Ok(Update::LastEventId(id))) = source.next().await else { panic!() };
    /// assert_eq!(id, "7");
    /// # });
    /// ```
    pub fn last_event_ids(self) -> Self {
        Self { protocol: self.protocol.last_event_ids(), ..self }
    }
}
