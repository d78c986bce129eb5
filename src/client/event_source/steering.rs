use crate::client::{
    event_source::{Connection, EventSource},
    handle::EventSourceHandle,
    update::ReadyState,
};

/// Control while it runs.
impl<B: 'static> EventSource<B> {
    /// Returns a handle that controls this client from another task.
    ///
    /// After the first call, each poll locks a mutex briefly.
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
    /// let mut source = EventSource::new(client, request);
    /// let handle = source.handle();
    /// tokio::spawn(async move { handle.close() }).await.unwrap();
    /// assert!(source.next().await.is_none());
    /// # });
    /// ```
    pub fn handle(&mut self) -> EventSourceHandle {
        self.handle.get_or_insert_with(EventSourceHandle::new).clone()
    }

    /// Drops the connection and reconnects at once with the same last event ID. Also ends a wait or a pause.
    ///
    /// The server sends events again that were received but not yet yielded, because they follow the last
    /// event ID. Resets the count of reconnections in a row. Does nothing before the first poll, or once the
    /// client is closed.
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
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let mut source = EventSource::new(client, request);
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// source.reconnect();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Reconnecting { .. }))));
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// # });
    /// ```
    pub fn reconnect(&mut self) {
        self.protocol.reconnect();
        self.connection = Connection::None;
    }

    /// Sets the last event ID, which may be empty, and reconnects at once.
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
    /// let mut source = EventSource::new(client, request);
    /// source.reconnect_after("41");
    /// assert_eq!(source.last_event_id(), "41");
    /// # });
    /// ```
    pub fn reconnect_after(&mut self, last_event_id: impl Into<String>) {
        self.protocol.reconnect_after(last_event_id);
        self.connection = Connection::None;
    }

    /// Drops the connection and makes no request until [`resume`](Self::resume) or
    /// [`reconnect`](Self::reconnect).
    ///
    /// The last event ID is kept. After the pause the server sends events again that were received but not
    /// yet yielded.
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
    /// use ssekit::{EventSource, client::{ReadyState, Update}};
    ///
    /// let mut source = EventSource::new(client, request);
    /// source.pause();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Paused))));
    /// assert_eq!(source.ready_state(), ReadyState::Paused);
    /// # });
    /// ```
    pub fn pause(&mut self) {
        self.protocol.pause();
        self.connection = Connection::None;
    }

    /// Ends a pause: the next poll connects, with the last event ID.
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
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let mut source = EventSource::new(client, request);
    /// source.pause();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Paused))));
    /// source.resume();
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// # });
    /// ```
    pub fn resume(&mut self) {
        self.protocol.resume();
    }

    /// Closes the client: drops the connection at once and ends the stream without an error.
    ///
    /// Discards events that were received but not yet yielded.
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
    /// use ssekit::{EventSource, client::ReadyState};
    ///
    /// let mut source = EventSource::new(client, request);
    /// source.close();
    /// assert!(source.next().await.is_none());
    /// assert_eq!(source.ready_state(), ReadyState::Closed);
    /// # });
    /// ```
    pub fn close(&mut self) {
        self.protocol.close();
        self.connection = Connection::None;
    }

    /// Returns the state of the client.
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
    /// use ssekit::{EventSource, client::ReadyState};
    ///
    /// let mut source = EventSource::new(client, request);
    /// assert_eq!(source.ready_state(), ReadyState::Connecting);
    /// source.next().await;
    /// assert_eq!(source.ready_state(), ReadyState::Open);
    /// # });
    /// ```
    pub const fn ready_state(&self) -> ReadyState {
        self.protocol.ready_state()
    }

    /// Returns the last event ID that the next request will send; empty if none.
    ///
    /// This is the ID of the last event yielded, or of a later block without data.
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
    /// use ssekit::{EventSource, client::Update};
    ///
    /// let mut source = EventSource::new(client, request);
    /// while !matches!(source.next().await, Some(Ok(Update::Event(_)))) {}
    /// assert_eq!(source.last_event_id(), "7");
    /// # });
    /// ```
    pub fn last_event_id(&self) -> &str {
        self.protocol.last_event_id()
    }
}
