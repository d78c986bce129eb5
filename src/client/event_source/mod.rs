//! The client as a stream. Settings and control are here; `driving` runs it.

mod driving;
mod options;
mod steering;

use std::{fmt, future::poll_fn, pin::Pin, time::Instant};

use futures_core::Stream;
use http::{Request, response::Parts};

#[cfg(feature = "tokio")]
use crate::timer::tokio::TokioTimer;
use crate::{
    base::random::seed,
    client::{
        attempt::Attempt,
        connect::Connect,
        error::EventSourceError,
        failure::{Failure, Verdict},
        handle::EventSourceHandle,
        make_request::MakeRequest,
        protocol::Protocol,
        transport::{ResponseBody, ResponseFuture, Transport},
        update::Update,
    },
    timer::interface::Timer,
};

/// A client that reads an event stream and reconnects when the connection is lost: a `Stream` of [`Update`]s.
///
/// It makes requests with a [`Connect`], reconnects as its [`Policy`](crate::client::Policy) says, and sends
/// the last event ID each time. The stream yields each event and each change of state. It ends
///
/// - with an [`EventSourceError`] and then `None` if the connection failed for good,
/// - with `None` if the server answered 204, after a verdict to stop, or after [`close`](Self::close).
///
/// `B` is the type of the request's body. The client is `Unpin` and `Send`, and `'static` where `B` is.
///
/// It makes progress only while you poll it. Updates are not lost in between, so waiting for the next one can
/// be a branch of a `select!`. Dropping the client, or calling `close`, drops the request or the response's
/// body at once, which closes the socket in every HTTP client that ties the two together, as hyper and
/// reqwest do. It allocates four times per connection and once per event.
///
/// To read a single response without reconnecting, see [`EventStream`](crate::EventStream).
///
/// # Headers
///
/// Each request has `Accept: text/event-stream` and `Cache-Control: no-cache`, unless your request sets those
/// headers. The client controls `Last-Event-ID`: it replaces or removes one in your request.
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
///
/// All that can be set, and steered:
///
/// ```
/// use ssekit::{EventSource, client::{Policy, ReadyState, Update}, decode::Limits};
///
/// # #[cfg(feature = "tokio")]
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # use http::{Request, Response};
/// # let client = |_: Request<()>| async {
/// #     let response = Response::builder().header("content-type", "text/event-stream");
/// #     response.body(http_body_util::Full::<bytes::Bytes>::from("id: 7\ndata: hello\n\n"))
/// # };
/// # let request = Request::get("http://localhost/events").body(()).unwrap();
/// let mut source = EventSource::new(client, request)
///     .policy(Policy::default().with_jitter(false).with_resend(true))
///     .limits(Limits::new().with_max_event_bytes(1 << 20))
///     .after("6") // kept over a restart of the program
///     .seed(1)
///     .comments()
///     .reconnection_times()
///     .last_event_ids();
/// source.pause();
/// assert!(matches!(source.next().await, Some(Ok(Update::Paused))));
/// source.resume();
/// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
/// source.reconnect(); // the same last event ID
/// assert!(matches!(source.next().await, Some(Ok(Update::Reconnecting { .. }))));
/// source.reconnect_after("3");
/// assert_eq!(source.last_event_id(), "3");
/// source.close();
/// assert_eq!(source.ready_state(), ReadyState::Closed);
/// # });
/// ```
#[doc(alias = "sse")]
#[doc(alias = "reconnect")]
#[must_use = "streams do nothing unless polled"]
pub struct EventSource<B> {
    transport: Box<dyn Transport<B>>,
    requests: Box<dyn MakeRequest<Body = B>>,
    decide: Option<Decide>,
    accept: Option<Accept>,
    timer: Box<dyn Timer + Send>,
    /// The time that the timer is armed for, if it has not elapsed since.
    armed: Option<Instant>,
    protocol: Protocol,
    connection: Connection,
    /// Set by the first call of `handle`.
    handle: Option<EventSourceHandle>,
    is_done: bool,
}

type Decide = Box<dyn FnMut(&Failure) -> Verdict + Send>;
type Accept = Box<dyn FnMut(&Parts) -> bool + Send>;

/// The connection. Dropping it closes the socket.
enum Connection {
    None,
    Requested(ResponseFuture),
    Open(ResponseBody),
}

impl<B: 'static> EventSource<B> {
    /// Creates a client on tokio's clock. It connects when it is first polled.
    ///
    /// `connect` is an HTTP client: a function from a request to a future of a response, or with the feature
    /// `reqwest` a `reqwest::Client`. `request` is a [`Request`], a `reqwest::Request`, or a function that
    /// makes a request for each attempt; see also [`request`](Self::request).
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
    /// let source = EventSource::new(client, request);
    /// assert_eq!(source.ready_state(), ReadyState::Connecting);
    /// # });
    /// ```
    #[cfg(feature = "tokio")]
    #[cfg_attr(docsrs, doc(cfg(feature = "client")))]
    #[doc(alias = "connect")]
    pub fn new(connect: impl Connect<B>, request: impl MakeRequest<Body = B>) -> Self {
        Self::with_timer(connect, request, TokioTimer::new())
    }

    /// Creates a client on your timer. It connects when it is first polled.
    ///
    /// See [`new`](Self::new) for the other parameters.
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
    /// use ssekit::{EventSource, client::Update, timer::TokioTimer};
    ///
    /// let mut source = EventSource::with_timer(client, request, TokioTimer::new());
    /// assert!(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    /// # });
    /// ```
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

    /// Sets a function that makes the request of each attempt, replacing the one passed to `new`.
    ///
    /// It receives the attempt's number, the reason why the last connection was lost, and the last event ID.
    /// The client adds the `Last-Event-ID` header itself.
    ///
    /// # Examples
    ///
    /// A `POST` that a stream answers, resumed by `GET`:
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

    /// Waits for the next update. Returns `None` once the stream has ended.
    ///
    /// Equivalent to `StreamExt::next`. It is cancel safe: dropping the future loses no update.
    ///
    /// # Errors
    ///
    /// Returns the reason why the client failed. The stream ends after it.
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
    /// while let Some(update) = source.next().await {
    ///     if let Update::Event(event) = update.unwrap() {
    ///         assert_eq!(event.data(), "hello");
    ///         break;
    ///     }
    /// }
    /// # });
    /// ```
    pub async fn next(&mut self) -> Option<Result<Update, EventSourceError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<B> fmt::Debug for EventSource<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}
