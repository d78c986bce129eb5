//! A resumable event stream with axum, over HTTP/1.1 and HTTP/2: `cargo run -p frameworks --bin axum`

use std::{env, error::Error, future::IntoFuture, time::Duration};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, Response, StatusCode},
    routing::get,
    serve::ListenerExt,
};
use futures_util::FutureExt;
use ssekit::{Body, Bounds, Event, Hub, Subscribe, hub::Close};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

async fn subscribe(
    State(hub): State<Hub>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, Response<Body>> {
    let last_event_id = ssekit::last_event_id(&headers, query.as_deref());
    let events = hub.subscribe(Subscribe::to("orders").after(last_event_id))?;
    Ok(ssekit::response(events.on_end(|| println!("gone")).keep_alive(keep_alive())))
}

async fn publish(State(hub): State<Hub>, order: String) -> Result<String, (StatusCode, String)> {
    let published = hub.publish("orders", Event::new(order));
    published.map(|id| id.to_string()).map_err(|error| (StatusCode::CONFLICT, error.to_string()))
}

/// In milliseconds, from the environment; by default 15 seconds, which is below the limits of most proxies.
fn keep_alive() -> Duration {
    Duration::from_millis(env::var("KEEP_ALIVE").ok().and_then(|time| time.parse().ok()).unwrap_or(15_000))
}

/// The routes of the service.
pub(crate) fn app(hub: Hub) -> Router {
    Router::new().route("/orders", get(subscribe).post(publish)).with_state(hub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:3000".into())).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let closed = close_on_signal(hub.clone()).shared();
    let server = axum::serve(listener, app(hub)).with_graceful_shutdown(closed.clone());
    tokio::select! {
        ended = server.into_future() => Ok(ended?),
        // A reader that has stalled never takes the end of its stream.
        () = closed.then(|()| tokio::time::sleep(Duration::from_secs(5))) => Ok(()),
    }
}

async fn close_on_signal(hub: Hub) {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
}
