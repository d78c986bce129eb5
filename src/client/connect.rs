use std::{error::Error, future::Future};

use http::{Request, Response};
use http_body::Body;

/// An HTTP client: turns a request into a response.
///
/// It is implemented for functions, so that a client needs no adaptor of its own:
///
/// - hyper-util's legacy client: `move |request| client.request(request)`
/// - an `async fn`, or an async closure: `async move |request: Request<String>| { .. }`
/// - `reqwest::Client` as it is, with the feature `reqwest`
///
/// A function is cloned for each attempt, so put state that attempts share in an [`Arc`](std::sync::Arc). Its
/// error may be any type that converts into `Box<dyn Error + Send + Sync>`, including that type itself.
/// Return a [`TransportError::permanent`](super::TransportError::permanent) for an error that no further
/// attempt can get past.
///
/// The future may make several requests, for example to fetch a token first or to follow redirects to origins
/// that you trust. It controls the credentials: [`EventSource`](crate::EventSource) sends each request to the
/// URL in your request and follows no redirects itself. hyper follows none either, so a redirect is a status
/// that fails the client; reqwest follows up to ten and drops credentials when the origin changes.
///
/// # Examples
///
/// ```
/// use std::error::Error;
///
/// use http::{Request, Response, header::AUTHORIZATION};
/// use http_body_util::Full;
/// use ssekit::client::Connect;
///
/// type BoxError = Box<dyn Error + Send + Sync>;
///
/// async fn send(mut request: Request<String>) -> Result<Response<Full<&'static [u8]>>, BoxError> {
///     // Here a program awaits its token service, and then its HTTP client.
///     request.headers_mut().insert(AUTHORIZATION, "Bearer fresh".parse()?);
///     Ok(Response::new(Full::new(b"data: hello\n\n")))
/// }
///
/// fn is_transport<B>(_: impl Connect<B>) {}
/// is_transport(send);
/// is_transport(async move |request: Request<String>| send(request).await);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot send a `Request<{B}>` for an `EventSource`",
    label = "not a transport for requests with this body",
    note = "use a function from `http::Request<{B}>` to a future of `Result<http::Response<impl http_body::Body>, E>`, such as `move |request| client.request(request)`",
    note = "the function and what it holds must be `Clone + Send + 'static`, and its future `Send + 'static`",
    note = "with the feature `reqwest`, `reqwest::Client` sends bodies that convert into `reqwest::Body`: `\"\"`, `String`, `Vec<u8>`, not `()`"
)]
#[doc(alias = "token")]
pub trait Connect<B>: Send + 'static {
    /// The body of the response.
    type Body: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
    /// The error returned when no response arrived.
    type Error: Into<Box<dyn Error + Send + Sync>>;
    /// A future of the response. Dropping it cancels the request and closes its socket.
    type Future: Future<Output = Result<Response<Self::Body>, Self::Error>> + Send + 'static;

    /// Sends a request.
    fn connect(&mut self, request: Request<B>) -> Self::Future;
}

impl<F, Fut, B, R, E> Connect<B> for F
where
    F: FnOnce(Request<B>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<Response<R>, E>> + Send + 'static,
    R: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Body = R;
    type Error = E;
    type Future = Fut;

    fn connect(&mut self, request: Request<B>) -> Fut {
        self.clone()(request)
    }
}
