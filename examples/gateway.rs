//! A gateway: follows an event stream as one client, and serves it on to many, with the IDs of the upstream.
//!
//! ```text
//! cargo run --features client --example gateway -- http://127.0.0.1:3000/events 127.0.0.1:3001
//! curl -N localhost:3001/events
//! ```
//!
//! Both ends resume: the gateway comes back to its upstream after the last event that it passed on, and its clients
//! come back to the gateway with IDs that the upstream gave. If the upstream reports a gap, or the gateway does not
//! know an ID, the clients get a `reset`. Each event of the upstream needs an ID of its own.

use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, Request, Response, Uri},
    routing::get,
    serve::ListenerExt,
};
use bytes::Bytes;
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ssekit::{
    Body, Bounds, Event, EventSource, Hub, ReceivedEvent, Subscribe,
    client::{EventSourceError, Update},
    hub::{Close, Notice},
    replay::Ids,
};
use tokio::net::TcpListener;

const TOPIC: &str = "upstream";

/// The hub that the events are served from. A clone is a handle on the same one.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Mutex<Hub>>);

impl Gateway {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(new_hub())))
    }

    fn hub(&self) -> Hub {
        self.0.lock().unwrap().clone()
    }

    /// Passes on what the upstream sends, until it says that there is nothing more.
    pub(crate) async fn follow(
        &self,
        mut upstream: EventSource<Empty<Bytes>>,
    ) -> Result<(), EventSourceError> {
        while let Some(update) = upstream.next().await {
            match update? {
                Update::Event(event) => self.pass_on(&event),
                Update::Reconnecting { delay, reason } => eprintln!("{reason}; again in {delay:.1?}"),
                _ => {}
            }
        }
        // Clients get the rest, and then a 204, too.
        self.hub().finish(TOPIC);
        Ok(())
    }

    fn pass_on(&self, received: &ReceivedEvent) {
        match Notice::of(received) {
            Some(Notice::Reset(_)) => self.start_over(),
            // The gateway's hub has notices of its own.
            Some(_) => {}
            None => {
                let event = Event::try_from(received).map_err(|error| error.to_string());
                let published = event
                    .and_then(|event| self.hub().publish(TOPIC, event).map_err(|error| error.to_string()));
                if let Err(error) = published {
                    eprintln!("not passed on: {error}");
                }
            }
        }
    }

    /// Tells all clients of a gap: a new hub does not know the IDs with which they come back.
    fn start_over(&self) {
        let old = std::mem::replace(&mut *self.0.lock().unwrap(), new_hub());
        old.close(Close::new().retry(Duration::from_millis(100), Duration::from_secs(1)));
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().route("/events", get(events)).with_state(self.clone())
    }
}

fn new_hub() -> Hub {
    // No order can be told from IDs that are somebody else's.
    Hub::builder(Bounds::events(10_000).with_bytes(64 << 20)).ids(Ids::unordered()).build()
}

async fn events(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response<Body> {
    match gateway
        .hub()
        .subscribe(Subscribe::to([TOPIC]).after(ssekit::last_event_id(&headers, query.as_deref())))
    {
        Ok(events) => ssekit::response(events.keep_alive(Duration::from_secs(15))),
        Err(refusal) => refusal.response(),
    }
}

/// Creates the client of the upstream.
pub(crate) fn upstream(uri: Uri) -> EventSource<Empty<Bytes>> {
    let mut connector = HttpConnector::new();
    // A request must not wait for the acknowledgement of the one before.
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    EventSource::new(move |request| client.request(request), request)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(address)) = (arguments.next(), arguments.next()) else {
        return Err("usage: gateway UPSTREAM_URL LISTEN_ADDRESS".into());
    };
    let gateway = Gateway::new();
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // An event must not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let server = axum::serve(listener, gateway.router());
    tokio::select! {
        // A gateway without its upstream has nothing to serve; after the upstream's end it serves what is left.
        Err(error) = gateway.follow(upstream(url.parse()?)) => Err(error.into()),
        served = server => Ok(served?),
    }
}
