//! A service on ssekit in the test's own process, which tells what it was asked.

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, Response, StatusCode, Uri},
    response::Html,
    routing::get,
};
use futures_util::{StreamExt, stream};
use ssekit::{Body, Hub, LastEventId, Subscribe};
use tokio::{net::TcpListener, sync::broadcast, task::JoinHandle};

use crate::PATIENCE;

/// An empty page at `/`, and at `/events` a stream: that of the topic `news`, or another one.
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
    /// What the next requests for the stream are answered.
    replies: Arc<Mutex<VecDeque<Reply>>>,
    faults: broadcast::Sender<Fault>,
}

/// What a request for the stream is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What it asks for.
    Stream,
    /// A stream that says when to come back, and ends.
    Away,
    /// An error with this status.
    Error(u16),
}

/// What happens to all streams that there are.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Cut,
    Stall,
}

#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

/// What a path is answered, and with which last event ID.
type Answer = dyn Fn(&str, Option<LastEventId>) -> Response<Body> + Send + Sync;

#[derive(Clone)]
struct Shared {
    answer: Arc<Answer>,
    record: Record,
}

impl Service {
    /// Starts a service on a hub.
    pub async fn start(hub: Hub) -> Self {
        let source = hub.clone();
        Self::with(hub, move |_, last_event_id| {
            match source.subscribe(Subscribe::to(["news"]).after(last_event_id)) {
                Ok(events) => ssekit::response(events),
                Err(refusal) => refusal.response(),
            }
        })
        .await
    }

    /// Starts a service that answers requests for the stream, and those for other paths than `/`, in its own way.
    pub async fn with(
        hub: Hub,
        answer: impl Fn(&str, Option<LastEventId>) -> Response<Body> + Send + Sync + 'static,
    ) -> Self {
        let record =
            Record { asked: Arc::default(), replies: Arc::default(), faults: broadcast::Sender::new(1) };
        let shared = Shared { answer: Arc::new(answer), record: record.clone() };
        let routes = Router::new()
            .route("/", get(Html("<!doctype html><title>empty</title><link rel=icon href=data:,>")))
            .fallback(get(respond))
            .with_state(shared);
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
        self.record.faults.send(Fault::Cut).unwrap();
    }

    /// Lets nothing come through the streams any more that there are.
    pub fn stall(&self) {
        self.record.faults.send(Fault::Stall).unwrap();
    }

    /// Says what the next requests for the stream are answered, one after the other.
    pub fn reply<const N: usize>(&self, replies: [Reply; N]) {
        self.record.replies.lock().unwrap().extend(replies);
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

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("record", &self.record).finish_non_exhaustive()
    }
}

async fn respond(
    State(Shared { answer, record }): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let last_event_id = ssekit::last_event_id(&headers, uri.query());
    if uri.path() != "/events" {
        return answer(uri.path(), last_event_id);
    }
    let header = headers.get(ssekit::LAST_EVENT_ID).map(|value| value.as_bytes().to_owned());
    let faults = record.faults.subscribe();
    record.asked.lock().unwrap().push(header);
    let reply = record.replies.lock().unwrap().pop_front();
    match reply.unwrap_or(Reply::Stream) {
        Reply::Stream => {}
        Reply::Away => return ssekit::reconnect_after(Duration::from_millis(50)),
        Reply::Error(status) => return Response::builder().status(status).body(Body::empty()).unwrap(),
    }
    let (head, body) = answer(uri.path(), last_event_id).into_parts();
    if head.status != StatusCode::OK {
        return Response::from_parts(head, body);
    }
    let fault = Box::pin(async move {
        let mut faults = faults;
        faults.recv().await
    });
    ssekit::response(stream::unfold(Some((body, fault)), |state| async {
        let (mut body, mut fault) = state?;
        tokio::select! {
            // Nothing that is published after a fault comes through.
            biased;
            fault = &mut fault => {
                if let Ok(Fault::Stall) = fault {
                    std::future::pending::<()>().await;
                }
                // Each ends on a cut, which is passed on as an error.
                Some((Err(Cut), None))
            }
            event = body.next() => Some((event?.map_err(|_| Cut), Some((body, fault)))),
        }
    }))
}
