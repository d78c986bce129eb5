use std::{
    error::Error,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use http::{
    HeaderName, Method, Request, Response, StatusCode, Version,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING, UPGRADE},
};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, ext::ReasonPhrase};
use pin_project_lite::pin_project;

use crate::{
    client::content_type::is_event_stream,
    serve::request_body::{BodyRead, RequestBody},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// A service that a [`Server`](super::Server) can serve.
///
/// It is implemented for
///
/// - each `tower_service::Service` of [`Request<RequestBody>`](RequestBody), such as an axum `Router`;
/// - each `hyper::service::Service` of `Request<Incoming>`, such as hyper's `service_fn`;
///
/// that can be cloned. Each connection gets a clone. You need not name `Kind`, which distinguishes the two.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no service that `ssekit::serve` can serve",
    note = "a tower service takes `http::Request<ssekit::serve::RequestBody>`, a hyper service takes \
            `http::Request<hyper::body::Incoming>`; both are `Clone`, `Send` and `'static`, their futures are `Send`, \
            and they return an `http::Response` whose body is an `http_body::Body`"
)]
pub trait HttpService<Kind>: Clone + Send + 'static {
    /// The body of the service's responses.
    type Body: Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
    /// The service's error. An error ends the connection.
    type Error: Into<BoxError>;
    /// The future that a call returns.
    type Future: Future<Output = Result<Response<Self::Body>, Self::Error>> + Send + 'static;

    /// Answers a request.
    fn call(&self, request: Request<RequestBody>) -> Self::Future;
}

/// The kind of service that is tower's.
#[derive(Debug)]
pub enum Tower {}

/// The kind of service that is hyper's.
#[derive(Debug)]
pub enum Hyper {}

impl<S, B> HttpService<Tower> for S
where
    S: tower_service::Service<
            Request<RequestBody>,
            Response = Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Error = S::Error;
    type Future = WhenReady<S, Request<RequestBody>, S::Future>;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        WhenReady::new(self.clone(), request)
    }
}

impl<S, B> HttpService<Hyper> for S
where
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Clone
        + Send
        + 'static,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<RequestBody>) -> Self::Future {
        self.call(request.map(RequestBody::into_incoming))
    }
}

pin_project! {
    /// Calls a tower service once it is ready for it.
    #[derive(Debug)]
    pub struct WhenReady<S, R, F> {
        #[pin]
        state: Readiness<S, R, F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = ReadinessProjected]
    enum Readiness<S, R, F> {
        Waiting { service: S, request: Option<R> },
        Called { #[pin] future: F },
    }
}

impl<S, R, F> WhenReady<S, R, F> {
    fn new(service: S, request: R) -> Self {
        Self { state: Readiness::Waiting { service, request: Some(request) } }
    }
}

impl<S, R> Future for WhenReady<S, R, S::Future>
where
    S: tower_service::Service<R>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let future = match state.as_mut().project() {
                ReadinessProjected::Called { future } => return future.poll(cx),
                ReadinessProjected::Waiting { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    match request.take() {
                        Some(request) => service.call(request),
                        None => return Poll::Pending,
                    }
                }
            };
            state.set(Readiness::Called { future });
        }
    }
}

/// The application's service with all its layers. It decides which responses hyper receives.
#[derive(Debug)]
pub(super) struct Interceptor<S, B, K> {
    service: S,
    hand_over: Arc<HandOver<B>>,
    kind: PhantomData<fn() -> K>,
}

/// Holds a response that is kept back from hyper.
#[derive(Debug)]
pub(super) struct HandOver<B> {
    is_enabled: bool,
    response: Mutex<Option<Response<B>>>,
    asked: AtomicBool,
    /// Each answer that is awaited or being written holds a clone.
    busy: Arc<()>,
}

impl<B> HandOver<B> {
    pub(super) fn new(is_enabled: bool) -> Arc<Self> {
        Arc::new(Self {
            is_enabled,
            response: Mutex::new(None),
            asked: AtomicBool::new(false),
            busy: Arc::new(()),
        })
    }

    /// Returns whether there was a request.
    pub(super) fn has_request(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns whether an answer is awaited or being written.
    pub(super) fn is_busy(&self) -> bool {
        Arc::strong_count(&self.busy) > 1
    }

    pub(super) fn has_response(&self) -> bool {
        self.response().is_some()
    }

    pub(super) fn take(&self) -> Option<Response<B>> {
        self.response().take()
    }

    fn response(&self) -> MutexGuard<'_, Option<Response<B>>> {
        self.response.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: HttpService<K>, K> Interceptor<S, S::Body, K> {
    pub(super) fn new(service: S, hand_over: Arc<HandOver<S::Body>>) -> Self {
        Self { service, hand_over, kind: PhantomData }
    }
}

impl<S: HttpService<K>, K> hyper::service::Service<Request<Incoming>> for Interceptor<S, S::Body, K> {
    type Response = Response<TrackedBody<S::Body>>;
    type Error = S::Error;
    type Future = Answer<S::Future, S::Body>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.hand_over.asked.store(true, Ordering::Relaxed);
        let suits = self.hand_over.is_enabled && request_suits(&request);
        let request = request.map(RequestBody::new);
        let hand_over = suits.then(|| (Arc::clone(&self.hand_over), request.body().body_read()));
        Answer { future: Some(self.service.call(request)), hand_over, busy: Arc::clone(&self.hand_over.busy) }
    }
}

pin_project! {
    /// The answer to one request. It never completes if the response is kept back.
    pub(super) struct Answer<F, B> {
        #[pin]
        future: Option<F>,
        hand_over: Option<(Arc<HandOver<B>>, BodyRead)>,
        busy: Arc<()>,
    }
}

pin_project! {
    /// The body of a response that hyper writes.
    pub(super) struct TrackedBody<B> {
        #[pin]
        body: B,
        _busy: Arc<()>,
    }
}

impl<F, B, E> Future for Answer<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let response = ready!(future.poll(cx))?;
        this.future.set(None);
        match this.hand_over {
            Some((hand_over, read)) if read.is_complete() && response_suits(&response) => {
                *hand_over.response() = Some(response);
                Poll::Pending
            }
            _ => Poll::Ready(Ok(response.map(|body| TrackedBody { body, _busy: Arc::clone(this.busy) }))),
        }
    }
}

impl<B: Body> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Returns whether a request's answer is in chunked coding, and the client expects nothing but an answer.
fn request_suits<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_11
        && request.method() != Method::HEAD
        && request.method() != Method::CONNECT
        && !request.headers().contains_key(UPGRADE)
}

/// Returns whether a response is an event stream that this crate frames as hyper would.
fn response_suits<B: Body>(response: &Response<B>) -> bool {
    let headers = response.headers();
    response.status() == StatusCode::OK
        && response.version() == Version::HTTP_11
        && is_event_stream(headers)
        && !LEFT_TO_HYPER.iter().any(|name| headers.contains_key(name))
        && response.extensions().get::<ReasonPhrase>().is_none()
        && !response.body().is_end_stream()
        && response.body().size_hint().exact().is_none()
}

const LEFT_TO_HYPER: [HeaderName; 5] =
    [CONTENT_LENGTH, TRANSFER_ENCODING, CONTENT_ENCODING, UPGRADE, TRAILER];
