//! What goes wrong with event streams, and what mends it: each test makes a symptom of the guide's page
//! *Troubleshooting* happen, and shows that the remedy on the page ends it.
#![cfg(all(feature = "client", feature = "serve"))]

mod delays;
mod dropped;
mod duplicates;
mod hammering;
mod memory;
mod shutdown;

#[path = "../support"]
mod support {
    pub(crate) mod memory_log;
}

use std::{
    convert::Infallible,
    future::{Ready, ready},
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use http::{Request, Response};
use ssekit::{
    Body, Bounds, EventSource, Hub, LastEventId,
    client::{Connect, EventSourceError, Policy, Update},
    hub::Notice,
};
use tokio::time::timeout;

fn hub() -> Hub {
    Hub::new(Bounds::events(100))
}

/// A client of a service in the same process. `handler` gets the client's last event ID.
fn client(
    mut handler: impl FnMut(Option<LastEventId>) -> Response<Body> + Send + 'static,
) -> EventSource<()> {
    EventSource::new(
        Handler(move |request: Request<()>| handler(ssekit::last_event_id(request.headers(), None))),
        Request::new(()),
    )
}

/// A service whose streams are those of the topic `orders`.
fn router(hub: &Hub) -> Router {
    let events = async |State(hub): State<Hub>| ssekit::response(hub.subscribe("orders").unwrap());
    Router::new().route("/", get(events)).with_state(hub.clone())
}

/// A transport that answers at once.
struct Handler<F>(F);

impl<F: FnMut(Request<()>) -> Response<Body> + Send + 'static> Connect<()> for Handler<F> {
    type Body = Body;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn connect(&mut self, request: Request<()>) -> Self::Future {
        ready(Ok((self.0)(request)))
    }
}

/// The rules that a browser follows, and no wait between two requests.
fn browser() -> Policy {
    Policy::browser().with_reconnection_time_bounds(Duration::ZERO, Duration::ZERO)
}

/// Reads the data of so many events. A gap reads as `reset`; positions are left out.
async fn data(source: &mut EventSource<()>, count: usize) -> Vec<String> {
    let mut read = Vec::new();
    while read.len() < count {
        if let Update::Event(event) = update(source).await {
            match Notice::of(&event) {
                None => read.push(event.data().to_owned()),
                Some(Notice::Reset(_)) => read.push("reset".to_owned()),
                Some(_) => {}
            }
        }
    }
    read
}

/// Reads until the client is open.
async fn opened(source: &mut EventSource<()>) {
    while !matches!(update(source).await, Update::Opened(_)) {}
}

/// Reads until the client has ended, and returns why if it failed.
async fn ended(source: &mut EventSource<()>) -> Option<EventSourceError> {
    for _ in 0..MANY {
        match source.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Some(error),
            None => return None,
        }
    }
    panic!("the client comes back again and again");
}

/// Reads the next update of a client that goes on.
async fn update(source: &mut EventSource<()>) -> Update {
    let update = timeout(PATIENCE, source.next()).await.expect("nothing comes");
    update.expect("the client has ended").unwrap()
}

/// More updates than a client has that ends.
const MANY: usize = 1000;
/// Longer than anything takes that comes, on any clock.
const PATIENCE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
