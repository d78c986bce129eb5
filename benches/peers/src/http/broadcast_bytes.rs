use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};
use http_body::Frame;
use http_body_util::StreamBody;
use hyper::{HeaderMap, Response};
use ssekit::Event;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::server::Stack;
use crate::fanout::ssekit::UPDATE;

pub(super) struct Broadcast {
    sender: broadcast::Sender<Bytes>,
    published: AtomicU64,
}

impl Stack for Broadcast {
    const NAME: &'static str = "broadcast<Bytes>";

    type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

    fn new(capacity: usize) -> Self {
        Self { sender: broadcast::channel(capacity).0, published: AtomicU64::new(1_000_000) }
    }

    fn subscribe(&self, _: &HeaderMap) -> Response<Self::Body> {
        let events = BroadcastStream::new(self.sender.subscribe()).map(|event| event.expect("none is lost"));
        let first = stream::once(async { Bytes::from_static(b":\n") });
        let frames = first.chain(events).map(|bytes| Ok(Frame::data(bytes)));
        let response = Response::builder().header("content-type", "text/event-stream");
        response.body(StreamBody::new(frames.boxed())).unwrap()
    }

    fn publish(&self, data: String) {
        let id = self.published.fetch_add(1, Ordering::Relaxed);
        let _ = self.sender.send(Event::new(data).with_id(id).with_type(UPDATE).encode());
    }
}
