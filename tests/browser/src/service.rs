//! A service on ssekit in the test's own process, which tells what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, Response},
    response::Html,
    routing::get,
};
use futures_util::{StreamExt, stream};
use ssekit::Hub;
use tokio::{net::TcpListener, sync::broadcast, task::JoinHandle};

use crate::PATIENCE;

/// An empty page at `/`, and at `/events` the stream of the topic `news`.
#[derive(Debug)]
pub struct Service {
    hub: Hub,
    address: SocketAddr,
    record: Record,
    server: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Record {
    /// The `Last-Event-ID` header of each request for the stream, as it came.
    asked: Arc<Mutex<Vec<Option<Vec<u8>>>>>,
    cut: broadcast::Sender<()>,
}

#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

impl Service {
    /// Starts a service on a hub.
    pub async fn start(hub: Hub) -> Self {
        let record = Record { asked: Arc::default(), cut: broadcast::Sender::new(1) };
        let routes = Router::new()
            .route("/", get(Html("<!doctype html><title>empty</title><link rel=icon href=data:,>")))
            .route("/events", get(events))
            .with_state((hub.clone(), record.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { hub, address, record, server }
    }

    /// Returns the hub that it sends from.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Returns the address of the empty page.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Publishes events and returns the ID of the last one.
    pub fn publish<const N: usize>(&self, data: [&str; N]) -> String {
        let events = data.map(|data| ssekit::Event::new(data.to_owned()));
        self.hub.publish_all("news", events).unwrap().last().unwrap().to_string()
    }

    /// Breaks off all streams, without an end of the response.
    pub fn cut(&self) {
        self.record.cut.send(()).unwrap();
    }

    /// Returns the `Last-Event-ID` header of each request for the stream so far.
    pub fn asked(&self) -> Vec<Option<String>> {
        let asked = self.record.asked.lock().unwrap();
        let text = |header: &Option<Vec<u8>>| header.clone().map(|header| String::from_utf8(header).unwrap());
        asked.iter().map(text).collect()
    }

    /// Waits until it has been asked so often for the stream.
    pub async fn wait_for_requests(&self, count: usize) {
        let begun = Instant::now();
        while self.asked().len() < count {
            assert!(begun.elapsed() < PATIENCE, "{count} requests do not come: {:?}", self.asked());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn events(
    State((hub, record)): State<(Hub, Record)>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<ssekit::Body> {
    let header = headers.get(ssekit::LAST_EVENT_ID).map(|value| value.as_bytes().to_owned());
    let mut cut = record.cut.subscribe();
    record.asked.lock().unwrap().push(header);
    match hub.resume(["news"], ssekit::last_event_id(&headers, query.as_deref())) {
        Ok(events) => {
            // Each ends on a cut, which is passed on as an error.
            let cut = Box::pin(async move { cut.recv().await });
            ssekit::response(stream::unfold(Some((events, cut)), |state| async {
                let (mut events, mut cut) = state?;
                tokio::select! {
                    _ = &mut cut => Some((Err(Cut), None)),
                    event = events.next() => Some((Ok(event?), Some((events, cut)))),
                }
            }))
        }
        Err(refusal) => refusal.response(),
    }
}
