use std::{error::Error, future::Future};

use http::{Request, Response};
use http_body::Body;

/// Something that turns a request into a response: an HTTP client.
///
/// It is implemented for closures, so that a client needs no adaptor of its own:
///
/// - hyper-util's legacy client: `move |request| client.request(request)`
/// - reqwest: an `async fn` around `client.execute(request.try_into()?).await.map(http::Response::from)`
///
/// The future may do more than one request: follow redirects as far as the application trusts them, and fetch a
/// token first. Credentials are in its hands: [`EventSource`](crate::EventSource) sends to where the
/// application's request says, each time, and follows nothing itself.
pub trait Connect<B> {
    /// The body of the response.
    type Body: Body<Error: Into<Box<dyn Error + Send + Sync>>>;
    /// Why no response came.
    type Error: Into<Box<dyn Error + Send + Sync>>;
    /// The response to come. Dropping it gives the request up and closes its socket.
    type Future: Future<Output = Result<Response<Self::Body>, Self::Error>>;

    /// Sends a request.
    fn connect(&mut self, request: Request<B>) -> Self::Future;
}

impl<F, Fut, B, R, E> Connect<B> for F
where
    F: FnMut(Request<B>) -> Fut,
    Fut: Future<Output = Result<Response<R>, E>>,
    R: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    type Body = R;
    type Error = E;
    type Future = Fut;

    fn connect(&mut self, request: Request<B>) -> Fut {
        self(request)
    }
}

/// Something that makes a request for each attempt.
///
/// It is implemented for a [`Request`] that can be cloned, which is sent again as it is, and for closures, which
/// can sign it anew, go to another URL, or `POST` a body. What has to be awaited, or can fail, is better done in
/// [`Connect`].
pub trait MakeRequest {
    /// The body of the request.
    type Body;

    /// Makes the request for the next attempt.
    fn make_request(&mut self) -> Request<Self::Body>;
}

impl<B: Clone> MakeRequest for Request<B> {
    type Body = B;

    fn make_request(&mut self) -> Self {
        self.clone()
    }
}

impl<F, B> MakeRequest for F
where
    F: FnMut() -> Request<B>,
{
    type Body = B;

    fn make_request(&mut self) -> Request<B> {
        self()
    }
}
