//! `ReplayBuffer` beside a `tokio::sync::broadcast` channel that an application has already. The channel goes on to deliver;
//! the buffer holds what a client missed.
//!
//! ```text
//! cargo run --features http-body,tokio --example broadcast
//! curl -N localhost:3000/orders
//! curl localhost:3000/orders -d 'two coffees'
//! curl -N localhost:3000/orders -H 'Last-Event-ID: …'
//! ```
//!
//! Both stand behind one lock. Publishing appends to the buffer and sends to the channel under it, so that both have the
//! same order. Subscribing reads the buffer and gets a receiver under it, so that each event is in exactly one of the two.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, Response, StatusCode},
    routing::get,
    serve::ListenerExt,
};
use futures_util::{Stream, StreamExt, stream};
use ssekit::{
    Body, Bounds, Event, EventId, EventType, KeepAlive, LastEventId, ReplayBuffer,
    replay::{PushError, Replay},
};
use tokio::sync::broadcast;

const POSITION: EventType = EventType::from_static("position");
const RESET: EventType = EventType::from_static("reset");

/// A handle on the feed. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct Feed(Arc<Mutex<Shared>>);

struct Shared {
    history: ReplayBuffer,
    live: broadcast::Sender<Bytes>,
}

impl Feed {
    /// Creates a feed on a channel. The history must hold more events than the channel, or a receiver that lags would come
    /// back to a gap.
    pub(crate) fn new(bounds: Bounds, live: broadcast::Sender<Bytes>) -> Self {
        Self(Arc::new(Mutex::new(Shared { history: ReplayBuffer::new(bounds), live })))
    }

    pub(crate) fn publish(&self, event: Event) -> Result<EventId, PushError> {
        let mut shared = self.lock();
        let id = shared.history.push(&event)?;
        // Encoded here, once for all receivers. Sending fails if there are none, which is no fault.
        drop(shared.live.send(event.with_id(id.clone()).encode()));
        Ok(id)
    }

    /// Returns what a client has missed, and then what comes.
    pub(crate) fn subscribe(
        &self,
        last_event_id: Option<LastEventId>,
    ) -> impl Stream<Item = Bytes> + Send + 'static {
        let mut shared = self.lock();
        let live = shared.live.subscribe();
        let missed = match last_event_id {
            Some(last) => shared.missed(&last),
            // Else a client that is cut before its first event would come back as a new one.
            None => vec![shared.notice(POSITION, "")],
        };
        drop(shared);
        stream::iter(missed).chain(stream::unfold(live, async |mut live| {
            // A receiver that lags ends its stream. The client comes back with its last event ID, and the buffer has the
            // rest. Whoever ignores the error skips events.
            live.recv().await.ok().map(|event| (event, live))
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn missed(&mut self, last: &LastEventId) -> Vec<Bytes> {
        match last.as_id().map(|id| self.history.after(id)) {
            Some(Replay::After(events)) => events.collect(),
            // Without an ID, so that a client that is cut here comes back to the same gap.
            Some(Replay::Evicted(events)) => {
                let gap = Event::new(r#"{"reason": "evicted"}"#).with_type(RESET).encode();
                [gap].into_iter().chain(events).collect()
            }
            // An ID from before a restart, or no ID at all: it begins as a new client does.
            Some(Replay::Unknown) | None => vec![self.notice(RESET, r#"{"reason": "unknown"}"#)],
        }
    }

    /// Tells a client where it is: just after the newest event.
    fn notice(&self, kind: EventType, data: &'static str) -> Bytes {
        let latest = self.history.latest().expect("IDs that the buffer makes have a first one");
        Event::new(data).with_type(kind).with_id(latest).encode()
    }
}

/// The routes of a service on a feed.
pub(crate) fn router(feed: Feed) -> Router {
    Router::new().route("/orders", get(events).post(publish)).with_state(feed)
}

async fn events(State(feed): State<Feed>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response<Body> {
    let events = feed.subscribe(ssekit::last_event_id(&headers, query.as_deref()));
    ssekit::response(KeepAlive::new(events, Duration::from_secs(15)))
}

async fn publish(State(feed): State<Feed>, order: String) -> Result<String, (StatusCode, String)> {
    let published = feed.publish(Event::new(order));
    published.map(|id| id.to_string()).map_err(|error| (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (live, _) = broadcast::channel(256);
    let feed = Feed::new(Bounds::events(10_000).with_bytes(64 << 20), live);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    Ok(axum::serve(listener, router(feed)).await?)
}
