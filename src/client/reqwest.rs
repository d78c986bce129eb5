use std::{future::Future, pin::Pin};

use http::{Request, Response};

use crate::client::{
    attempt::Attempt, connect::Connect, make_request::MakeRequest, transport_error::TransportError,
};

/// Follows redirects as the client is configured to. A request that reqwest cannot build is a permanent
/// error.
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
#[diagnostic::do_not_recommend]
impl<B> Connect<B> for reqwest::Client
where
    B: Into<reqwest::Body> + Send + 'static,
{
    type Body = reqwest::Body;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<reqwest::Body>, TransportError>> + Send>>;

    fn connect(&mut self, request: Request<B>) -> Self::Future {
        let client = self.clone();
        let request = reqwest::Request::try_from(request);
        Box::pin(async move {
            let request = request.map_err(TransportError::permanent)?;
            client.execute(request).await.map(Response::from).map_err(transport_error)
        })
    }
}

/// Sends the request again for each attempt. Its body must not be a stream. A timeout set on the request is
/// dropped, because it would end every connection after that time; set timeouts with
/// [`Policy`](super::Policy) instead.
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
impl MakeRequest for reqwest::Request {
    type Body = reqwest::Body;

    fn make_request(&mut self, _: &Attempt<'_>) -> Result<Request<reqwest::Body>, TransportError> {
        let Some(request) = self.try_clone() else {
            return Err(TransportError::permanent(
                "the body of the request is a stream, which can be sent once",
            ));
        };
        request.try_into().map_err(TransportError::permanent)
    }
}

fn transport_error(error: reqwest::Error) -> TransportError {
    if error.is_builder() { TransportError::permanent(error) } else { TransportError::new(error) }
}
