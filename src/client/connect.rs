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
/// A function is cloned for each attempt, so state that it shares between attempts belongs in an
/// [`Arc`](std::sync::Arc). Its error is any that converts into `Box<dyn Error + Send + Sync>`, that type included. An
/// error for good is a [`TransportError::permanent`](super::TransportError::permanent).
///
/// The future may do more than one request: follow redirects as far as the application trusts them, and fetch a
/// token first. Credentials are in its hands: [`EventSource`](crate::EventSource) sends each request to where the
/// application's request says, and follows no redirect itself. hyper follows none, so a redirect is a status that
/// fails; reqwest follows up to ten, and drops credentials on the way to another origin.
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
pub trait Connect<B>: Send + 'static {
    /// The body of the response.
    type Body: Body<Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
    /// Why no response came.
    type Error: Into<Box<dyn Error + Send + Sync>>;
    /// The response to come. Dropping it gives the request up and closes its socket.
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
