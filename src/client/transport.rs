use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::{Request, response::Parts};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;

use crate::client::{connect::Connect, transport_error::TransportError};

/// A [`Connect`] with its types erased.
///
/// Errors are converted before the future is boxed. If the boxed future had the transport's own error type,
/// spawning it would require conversions under lifetimes that the compiler cannot prove.
pub(super) trait Transport<B>: Send {
    fn send(&mut self, request: Request<B>) -> ResponseFuture;
}

pub(super) type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<(Parts, ResponseBody), TransportError>> + Send>>;

pub(super) type ResponseBody = Pin<Box<dyn Body<Data = Bytes, Error = TransportError> + Send>>;

impl<B, C: Connect<B>> Transport<B> for C {
    fn send(&mut self, request: Request<B>) -> ResponseFuture {
        let response = self.connect(request);
        Box::pin(async move {
            let (head, body) = response.await.map_err(TransportError::new)?.into_parts();
            let body: ResponseBody = Box::pin(ErasedBody { body });
            Ok((head, body))
        })
    }
}

pin_project! {
    struct ErasedBody<R> {
        #[pin]
        body: R,
    }
}

impl<R> Body for ErasedBody<R>
where
    R: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        let frame = ready!(self.project().body.poll_frame(cx));
        // For `Bytes` this does not copy.
        let erased = |frame: Frame<R::Data>| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
        Poll::Ready(frame.map(|frame| frame.map(erased).map_err(TransportError::new)))
    }
}
