use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream::{self, Pending};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::{HeaderMap, Response};

use super::server::Stack;

/// Streams on which nothing ever comes: what a connection costs that HTTP alone holds.
pub(crate) struct Idle;

impl Stack for Idle {
    const NAME: &'static str = "hyper alone";

    type Body = StreamBody<Pending<Result<Frame<Bytes>, Infallible>>>;

    fn new(_: usize) -> Self {
        Self
    }

    fn subscribe(&self, _: &HeaderMap) -> Response<Self::Body> {
        let response = Response::builder().header("content-type", "text/event-stream");
        response.body(StreamBody::new(stream::pending())).unwrap()
    }

    fn publish(&self, _: String) {}
}
