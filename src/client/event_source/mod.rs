//! The client as a stream: its settings and what steers it here, its work in `driving`.

mod driving;

use std::{fmt, future::poll_fn, pin::Pin, time::Instant};

use futures_core::Stream;
use http::{Request, response::Parts};

use super::{
    attempt::Attempt,
    connect::Connect,
    error::EventSourceError,
    failure::{Failure, Verdict},
    handle::EventSourceHandle,
    make_request::MakeRequest,
    policy::Policy,
    protocol::Protocol,
    transport::{ResponseBody, ResponseFuture, Transport},
    update::{ReadyState, Update},
};
#[cfg(feature = "tokio")]
use crate::timer::TokioTimer;
use crate::{decode::Limits, random::seed, timer::Timer};

/// A client that reads an event stream and comes back to it: a `Stream` of [`Update`]s.
///
/// It makes requests with a [`Connect`], reestablishes lost connections as its [`Policy`] says, and sends the last
/// event ID when it does. The stream yields each event and each change of state; it ends
///
/// - with an [`EventSourceError`] and then `None` when the connection failed for good,
/// - with `None` when the server answered 204, after a verdict to stop, or after [`close`](Self::close).
///
/// `B` is the body of the requests. It is `Unpin` and `Send`, and `'static` where `B` is.
///
/// Nothing happens unless it is polled, and nothing is lost if it is not for a while: waiting for the next update
/// can be one branch of a `select!`. Dropping it, and `close`, drop the request or the response's body at once,
/// which closes the socket in every client that ties the two together (hyper and reqwest do). It allocates four
/// times for each connection and once for each event.
///
/// For reading a response once, without coming back, see [`EventStream`](crate::EventStream).
///
/// # Headers
///
/// Each request has `Accept: text/event-stream` and `Cache-Control: no-cache` unless the application's request has
/// those headers itself. `Last-Event-ID` is the client's alone: one in the application's request is replaced or
/// removed.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use ssekit::{EventSource, client::Update};
///
/// # #[cfg(feature = "tokio")]
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// // Stands for an HTTP client.
/// let client = |_request: Request<()>| async {
///     let response = Response::builder().header("content-type", "text/event-stream");
///     response.body(Full::<Bytes>::from("id: 7\ndata: hello\n\n"))
/// };
/// let request = Request::get("http://localhost/events").body(()).unwrap();
/// let mut source = EventSource::new(client, request);
/// while let Some(update) = source.next().await {
///     if let Update::Event(event) = update.unwrap() {
///         assert_eq!(event.data(), "hello");
///         source.close();
///     }
/// }
/// assert_eq!(source.last_event_id(), "7");
/// # });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct EventSource<B> {
    transport: Box<dyn Transport<B>>,
    requests: Box<dyn MakeRequest<Body = B>>,
    decide: Option<Decide>,
    accept: Option<Accept>,
    timer: Box<dyn Timer + Send>,
    /// When the timer elapses, if it was armed and has not yet.
    armed: Option<Instant>,
    protocol: Protocol,
    connection: Connection,
    /// There once somebody asked for it.
    handle: Option<EventSourceHandle>,
    is_done: bool,
}

type Decide = Box<dyn FnMut(&Failure) -> Verdict + Send>;
type Accept = Box<dyn FnMut(&Parts) -> bool + Send>;

/// The connection, whose drop closes the socket.
enum Connection {
    None,
    Requested(ResponseFuture),
    Open(ResponseBody),
}

impl<B: 'static> EventSource<B> {
    /// Creates a client on tokio's clock that is about to connect. It does nothing until it is polled.
    ///
    /// `connect` is an HTTP client: a function from a request to a future of a response, or with the feature
    /// `reqwest` a `reqwest::Client`. `request` is a [`Request`] or a `reqwest::Request`, or a function that makes a
    /// request for each attempt; see also [`request`](Self::request).
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "client")))]
    #[doc(alias = "connect")]
    pub fn new(connect: impl Connect<B>, request: impl MakeRequest<Body = B>) -> Self {
        Self::with_timer(connect, request, TokioTimer::new())
    }

    /// Creates a client with a timer of the caller's that is about to connect.
    ///
    /// See [`new`](Self::new) for the other parameters.
    pub fn with_timer(
        connect: impl Connect<B>,
        request: impl MakeRequest<Body = B>,
        timer: impl Timer + Send + 'static,
    ) -> Self {
        Self {
            transport: Box::new(connect),
            requests: Box::new(request),
            decide: None,
            accept: None,
            timer: Box::new(timer),
            armed: None,
            protocol: Protocol::new(seed()),
            connection: Connection::None,
            handle: None,
            is_done: false,
        }
    }

    /// Sets a function that makes the request of each attempt, in the place of the one given to `new`.
    ///
    /// It knows the attempt's number, why the last connection was lost, and the last event ID, which the client adds
    /// to the request itself.
    ///
    /// # Examples
    ///
    /// A `POST` that is answered by a stream, and resumed by `GET`:
    ///
    /// ```
    /// use http::Request;
    /// use ssekit::client::Attempt;
    ///
    /// fn request(attempt: &Attempt<'_>) -> Request<String> {
    ///     if attempt.last_event_id.is_empty() {
    ///         Request::post("http://localhost/mcp").body("{}".to_owned()).unwrap()
    ///     } else {
    ///         Request::get("http://localhost/mcp").body(String::new()).unwrap()
    ///     }
    /// }
    /// # #[cfg(feature = "tokio")]
    /// # {
    /// # let client = |_: Request<String>| async {
    /// #     Ok::<_, std::io::Error>(http::Response::new(String::new()))
    /// # };
    /// # let first = Request::new(String::new());
    /// let source = ssekit::EventSource::new(client, first).request(request);
    /// # let _ = source;
    /// # }
    /// ```
    pub fn request(self, request: impl FnMut(&Attempt<'_>) -> Request<B> + Send + 'static) -> Self {
        Self { requests: Box::new(request), ..self }
    }

    /// Sets when to reconnect and when to give up. Default: [`Policy::default`].
    #[doc(alias = "with_policy")]
    pub fn policy(self, policy: Policy) -> Self {
        Self { protocol: self.protocol.with_policy(policy), ..self }
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

    /// Sets which responses are read as event streams. Default: [`opens_event_stream`](super::opens_event_stream), a 200 of type
    /// `text/event-stream` that is not encoded. A 204 stops the client in any case.
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

    /// Sets how much one event may take. Call it before the first poll.
    #[doc(alias = "with_limits")]
    pub fn limits(self, limits: Limits) -> Self {
        Self { protocol: self.protocol.with_limits(limits), ..self }
    }

    /// Sets the last event ID to begin with, such as one that was kept over a restart of the program.
    ///
    /// Call it before the first poll.
    #[doc(alias = "with_last_event_id")]
    pub fn after(self, last_event_id: impl Into<String>) -> Self {
        Self { protocol: self.protocol.with_last_event_id(last_event_id), ..self }
    }

    /// Sets the seed of the random part of the delays, to see the same ones again. Default: a random seed.
    #[doc(alias = "with_seed")]
    pub fn seed(self, seed: u64) -> Self {
        Self { protocol: self.protocol.with_seed(seed), ..self }
    }

    /// Yields comments, as [`Update::Comment`]. They are often a server's keep-alives.
    pub fn comments(self) -> Self {
        Self { protocol: self.protocol.with_comments(), ..self }
    }

    /// Yields the server's reconnection times, as [`Update::ReconnectionTime`].
    pub fn reconnection_times(self) -> Self {
        Self { protocol: self.protocol.with_reconnection_times(), ..self }
    }

    /// Yields last event IDs that come without an event, as [`Update::LastEventId`].
    ///
    /// With it, an application that stores the ID of each update never resumes from an older one than the client.
    pub fn last_event_ids(self) -> Self {
        Self { protocol: self.protocol.with_last_event_ids(), ..self }
    }

    /// Waits for the next update; `None` when there will be no more.
    ///
    /// This is `StreamExt::next` for those who do not use that trait. It may be dropped before it is ready without
    /// losing an update.
    ///
    /// # Errors
    ///
    /// Returns why the client failed. It is the last thing that the stream yields.
    pub async fn next(&mut self) -> Option<Result<Update, EventSourceError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Returns a handle that steers this client from another task.
    ///
    /// From the first call on, each poll takes a lock for a moment.
    pub fn handle(&mut self) -> EventSourceHandle {
        self.handle.get_or_insert_with(EventSourceHandle::new).clone()
    }

    /// Drops the connection and reconnects at once, with the same last event ID. Also ends a wait or a pause.
    ///
    /// Events that were received and not yet yielded come again, because they are after the last event ID. Starts
    /// a new row of attempts. Does nothing before the first poll, nor once the client is closed.
    pub fn reconnect(&mut self) {
        self.protocol.reconnect();
        self.connection = Connection::None;
    }

    /// Sets the last event ID, which may be empty, and reconnects at once.
    pub fn reconnect_after(&mut self, last_event_id: impl Into<String>) {
        self.protocol.reconnect_after(last_event_id);
        self.connection = Connection::None;
    }

    /// Drops the connection and makes no request until [`resume`](Self::resume) or [`reconnect`](Self::reconnect).
    ///
    /// The last event ID stays. Events that were received and not yet yielded come again after the pause.
    pub fn pause(&mut self) {
        self.protocol.pause();
        self.connection = Connection::None;
    }

    /// Ends a pause: the next poll connects, with the last event ID.
    pub fn resume(&mut self) {
        self.protocol.resume();
    }

    /// Closes the client: drops the connection at once. The stream has ended then, without an error.
    ///
    /// What was received and not yet yielded is discarded.
    pub fn close(&mut self) {
        self.protocol.close();
        self.connection = Connection::None;
    }

    /// Returns the state that the client is in.
    pub const fn ready_state(&self) -> ReadyState {
        self.protocol.ready_state()
    }

    /// Returns the last event ID that the next request will send; empty if none.
    ///
    /// It is that of the last event yielded, or of a later block without data.
    pub fn last_event_id(&self) -> &str {
        self.protocol.last_event_id()
    }
}

impl<B> fmt::Debug for EventSource<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
