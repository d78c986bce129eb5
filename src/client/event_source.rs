use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Buf;
use futures_core::Stream;
use http::{
    HeaderMap,
    header::{ACCEPT, CACHE_CONTROL, Entry},
};
use http_body::Body;

use super::{
    Change, Command, Connect, EventSourceError, Machine, MakeRequest, Policy, ReadyState, TransportError,
};
#[cfg(feature = "tokio")]
use crate::timer::TokioTimer;
use crate::{LAST_EVENT_ID, decode::Limits, random::seed, timer::Timer};

/// A client that reads an event stream and comes back to it: a `Stream` of [`Change`]s.
///
/// It makes requests with a [`Connect`], reestablishes lost connections as its [`Policy`] says, and sends the last
/// event ID when it does. The stream yields each event and each change of state; it ends
///
/// - with an [`EventSourceError`] and then `None` when the connection failed for good,
/// - with `None` when the server answered 204, or after [`close`](Self::close).
///
/// Nothing happens unless it is polled, and nothing is lost if it is not for a while: waiting for the next change
/// can be one branch of a `select!`. Dropping it, and `close`, drop the request or the response's body at once,
/// which closes the socket in every client that ties the two together (hyper and reqwest do). It is always
/// `Unpin`, and `Send` where its parts are; it allocates twice for each connection and once for each event.
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
/// use futures_util::StreamExt;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use ssekit::{EventSource, client::Change};
///
/// # #[cfg(feature = "tokio")]
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// // Stands for an HTTP client.
/// let client = |_request: Request<()>| async {
///     let response = Response::builder().header("content-type", "text/event-stream");
///     response.body(Full::<Bytes>::from("id: 7\ndata: hello\n\n"))
/// };
/// let request = Request::get("http://localhost/events").body(()).unwrap();
/// let mut source = EventSource::connect(client, request);
/// while let Some(change) = source.next().await {
///     if let Change::Event(event) = change.unwrap() {
///         assert_eq!(event.data(), "hello");
///         source.close();
///     }
/// }
/// assert_eq!(source.last_event_id(), "7");
/// # });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct EventSource<C, R, T>
where
    C: Connect<R::Body>,
    R: MakeRequest,
{
    connect: C,
    request: R,
    timer: T,
    /// When the timer elapses, if it was armed and has not yet.
    armed: Option<Instant>,
    machine: Machine,
    connection: Connection<C::Future, C::Body>,
}

/// What is dropped to close the socket.
enum Connection<F, B> {
    None,
    Requested(Pin<Box<F>>),
    Open(Pin<Box<B>>),
}

#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
impl<C, R> EventSource<C, R, TokioTimer>
where
    C: Connect<R::Body>,
    R: MakeRequest,
{
    /// Creates a client on tokio's clock that is about to connect.
    ///
    /// `request` is a [`Request`](http::Request), or a closure that makes one for each attempt.
    pub fn connect(connect: C, request: R) -> Self {
        Self::with_timer(connect, request, TokioTimer::new())
    }
}

impl<C, R, T> EventSource<C, R, T>
where
    C: Connect<R::Body>,
    R: MakeRequest,
    T: Timer,
{
    /// Creates a client with a timer of the caller's that is about to connect.
    ///
    /// `request` is a [`Request`](http::Request), or a closure that makes one for each attempt.
    pub fn with_timer(connect: C, request: R, timer: T) -> Self {
        let machine = Machine::new(seed());
        Self { connect, request, timer, armed: None, machine, connection: Connection::None }
    }

    /// Sets when to reconnect and when to give up. Default: [`Policy::default`].
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { machine: self.machine.with_policy(policy), ..self }
    }

    /// Sets how much one event may take. Call it before the first poll.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { machine: self.machine.with_limits(limits), ..self }
    }

    /// Sets the last event ID to begin with, such as one that was kept over a restart of the program.
    ///
    /// Call it before the first poll.
    pub fn with_last_event_id(self, last_event_id: impl Into<String>) -> Self {
        Self { machine: self.machine.with_last_event_id(last_event_id), ..self }
    }

    /// Sets what decides the random part of the delays, to see the same ones again. Default: a random seed.
    pub fn with_seed(self, seed: u64) -> Self {
        Self { machine: self.machine.with_seed(seed), ..self }
    }

    /// Closes the client: drops the connection at once. The stream has ended then, without an error.
    ///
    /// What was received and not yet yielded is discarded.
    pub fn close(&mut self) {
        self.machine.close();
        self.connection = Connection::None;
    }

    /// Returns the state that the client is in.
    pub fn ready_state(&self) -> ReadyState {
        self.machine.ready_state()
    }

    /// Returns the last event ID: what the next request says that this client has; empty if there is none.
    ///
    /// It is that of the last event yielded, or of a later block that had only an ID.
    pub fn last_event_id(&self) -> &str {
        self.machine.last_event_id()
    }

    fn start(&mut self, headers: HeaderMap) {
        let mut request = self.request.make_request();
        apply(headers, request.headers_mut());
        self.connection = Connection::Requested(Box::pin(self.connect.connect(request)));
    }

    /// Polls the connection, then the timer, and hands what comes first to the machine.
    fn poll_input(&mut self, until: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_connection(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(until) = until else { return Poll::Pending };
        // A timer that elapses early is armed again then: that is cheaper than to arm it for each chunk.
        if self.armed.is_none_or(|armed| until < armed) {
            self.timer.arm(until.saturating_duration_since(self.timer.now()));
            self.armed = Some(until);
        }
        ready!(self.timer.poll_elapsed(cx));
        self.armed = None;
        self.machine.handle_time(self.timer.now());
        Poll::Ready(())
    }

    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.connection {
            Connection::None => return Poll::Pending,
            Connection::Requested(response) => match ready!(response.as_mut().poll(cx)) {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    self.connection = Connection::Open(Box::pin(body));
                    self.machine.handle_response(head, self.timer.now());
                }
                Err(error) => {
                    self.connection = Connection::None;
                    self.machine.handle_error(TransportError::new(error));
                }
            },
            Connection::Open(body) => match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => {
                    // Trailers say nothing to an event stream.
                    if let Ok(mut data) = frame.into_data() {
                        let chunk = data.copy_to_bytes(data.remaining());
                        self.machine.handle_chunk(chunk, self.timer.now());
                    }
                }
                Some(Err(error)) => {
                    self.connection = Connection::None;
                    self.machine.handle_error(TransportError::new(error));
                }
                None => {
                    self.connection = Connection::None;
                    self.machine.handle_end();
                }
            },
        }
        Poll::Ready(())
    }
}

impl<C, R, T> Stream for EventSource<C, R, T>
where
    C: Connect<R::Body>,
    R: MakeRequest,
    T: Timer,
{
    type Item = Result<Change, EventSourceError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        for _ in 0..MAX_COMMANDS_PER_POLL {
            match this.machine.next_command(this.timer.now()) {
                Command::Connect(headers) => this.start(headers),
                Command::Disconnect => this.connection = Connection::None,
                Command::Deliver(change) => return Poll::Ready(Some(Ok(change))),
                Command::Fail(error) => return Poll::Ready(Some(Err(error))),
                Command::Wait(until) => ready!(this.poll_input(until, cx)),
                Command::Finished => return Poll::Ready(None),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }
}

// Futures and bodies are pinned on the heap; nothing else is pinned.
impl<C, R, T> Unpin for EventSource<C, R, T>
where
    C: Connect<R::Body>,
    R: MakeRequest,
{
}

impl<C, R, T> fmt::Debug for EventSource<C, R, T>
where
    C: Connect<R::Body>,
    R: MakeRequest,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("machine", &self.machine).finish_non_exhaustive()
    }
}

/// Puts the client's headers into an application's request.
fn apply(client: HeaderMap, request: &mut HeaderMap) {
    request.remove(LAST_EVENT_ID);
    for (name, value) in client {
        let Some(name) = name else { continue };
        match request.entry(name) {
            Entry::Occupied(entry) if [ACCEPT, CACHE_CONTROL].contains(entry.key()) => {}
            entry => drop(entry.or_insert(value)),
        }
    }
}

/// Bounds the work of one poll when a body is always ready and has nothing but comments.
const MAX_COMMANDS_PER_POLL: usize = 64;
