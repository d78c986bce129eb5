//! The hub behind other servers than hyper's connection alone.

use std::{convert::Infallible, io, sync::Arc};

use axum::Router;
use http_body_util::Either;
use hyper::{HeaderMap, Request, Response, body::Incoming, service::service_fn};
use ssekit::serve::Server;
use tokio::net::TcpListener;

use super::{
    server::{MAX_BUFFER, Stack, answer},
    ssekit::Hub,
};

/// `ssekit::serve`, which takes an event stream out of hyper's hands.
pub(crate) struct HandedOver(Hub);

/// `ssekit::serve` with that switched off.
pub(crate) struct Kept(Hub);

/// `axum::serve`.
pub(crate) struct AxumServe(Hub);

impl Stack for HandedOver {
    const NAME: &'static str = "ssekit::serve";

    type Body = ssekit::Body;

    fn new(capacity: usize) -> Self {
        Self(Hub::new(capacity))
    }

    fn subscribe(&self, headers: &HeaderMap) -> Response<ssekit::Body> {
        self.0.subscribe(headers)
    }

    fn publish(&self, data: String) {
        self.0.publish(data);
    }

    async fn serve(stack: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        serve(stack, listener, true).await
    }
}

impl Stack for Kept {
    const NAME: &'static str = "ssekit::serve without hand-over";

    type Body = ssekit::Body;

    fn new(capacity: usize) -> Self {
        Self(Hub::new(capacity))
    }

    fn subscribe(&self, headers: &HeaderMap) -> Response<ssekit::Body> {
        self.0.subscribe(headers)
    }

    fn publish(&self, data: String) {
        self.0.publish(data);
    }

    async fn serve(stack: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        serve(stack, listener, false).await
    }
}

async fn serve<S: Stack>(stack: Arc<S>, listener: TcpListener, hand_over: bool) -> io::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| answer(Arc::clone(&stack), request));
    let server = Server::new().hand_over(hand_over).max_buffer_bytes(MAX_BUFFER);
    match server.serve(listener, service).await {}
}

impl Stack for AxumServe {
    const NAME: &'static str = "ssekit behind axum::serve";

    type Body = ssekit::Body;

    fn new(capacity: usize) -> Self {
        Self(Hub::new(capacity))
    }

    fn subscribe(&self, headers: &HeaderMap) -> Response<ssekit::Body> {
        self.0.subscribe(headers)
    }

    fn publish(&self, data: String) {
        self.0.publish(data);
    }

    async fn serve(stack: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let handler = move |request: axum::extract::Request| {
            let stack = Arc::clone(&stack);
            async move {
                let Ok(response) = answer(stack, request).await;
                Ok::<_, Infallible>(response.map(|body| match body {
                    Either::Left(events) => axum::body::Body::new(events),
                    Either::Right(text) => axum::body::Body::new(text),
                }))
            }
        };
        axum::serve(listener, Router::new().fallback(handler)).await
    }
}
