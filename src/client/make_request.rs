use http::Request;

use crate::client::{attempt::Attempt, transport_error::TransportError};

/// Makes the request for each attempt.
///
/// It is implemented for a [`Request`] that can be cloned, which is sent again unchanged; for
/// `reqwest::Request` with the feature `reqwest`; and for functions from an [`Attempt`], which can sign each
/// request, change its URL, or `POST` first and `GET` to resume. Do asynchronous work in
/// [`Connect`](super::Connect).
#[diagnostic::on_unimplemented(
    message = "`{Self}` makes no requests for an `EventSource`",
    label = "neither a request that can be cloned nor a function that makes one",
    note = "use an `http::Request<B>` where `B: Clone`, or a closure `|attempt: &Attempt<'_>| -> http::Request<B>` that is `Send + 'static`",
    note = "`EventSource::request` sets such a closure and needs no type annotation"
)]
pub trait MakeRequest: Send + 'static {
    /// The body of the request.
    type Body;

    /// Makes the request for an attempt.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot make a request. If the error is [permanent](TransportError::permanent),
    /// the client fails by default.
    fn make_request(&mut self, attempt: &Attempt<'_>) -> Result<Request<Self::Body>, TransportError>;
}

impl<B: Clone + Send + 'static> MakeRequest for Request<B> {
    type Body = B;

    fn make_request(&mut self, _: &Attempt<'_>) -> Result<Self, TransportError> {
        Ok(self.clone())
    }
}

impl<F, B> MakeRequest for F
where
    F: FnMut(&Attempt<'_>) -> Request<B> + Send + 'static,
{
    type Body = B;

    fn make_request(&mut self, attempt: &Attempt<'_>) -> Result<Request<B>, TransportError> {
        Ok(self(attempt))
    }
}
