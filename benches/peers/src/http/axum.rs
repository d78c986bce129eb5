use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::response::{
    IntoResponse,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::{StreamExt, stream};
use hyper::{HeaderMap, Response};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::server::Stack;

pub(crate) struct Axum {
    sender: broadcast::Sender<(u64, Arc<str>)>,
    published: AtomicU64,
}

impl Stack for Axum {
    const NAME: &'static str = "axum's Sse over broadcast";

    type Body = axum::body::Body;

    fn new(capacity: usize) -> Self {
        Self { sender: broadcast::channel(capacity).0, published: AtomicU64::new(1_000_000) }
    }

    fn subscribe(&self, _: &HeaderMap) -> Response<Self::Body> {
        let events = BroadcastStream::new(self.sender.subscribe()).map(|event| {
            let (id, data) = event.expect("none is lost");
            Event::default().id(id.to_string()).event("update").data(data)
        });
        let first = stream::once(async { Event::default().comment("") });
        let events = first.chain(events).map(Ok::<_, Infallible>);
        Sse::new(events).keep_alive(KeepAlive::default()).into_response()
    }

    fn publish(&self, data: String) {
        let id = self.published.fetch_add(1, Ordering::Relaxed);
        let _ = self.sender.send((id, data.into()));
    }
}
