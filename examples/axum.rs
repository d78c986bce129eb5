//! A resumable event stream with axum. Run it, subscribe, publish:
//!
//! ```text
//! cargo run --features http-body,tokio --example axum
//! curl -N localhost:3000/orders
//! curl localhost:3000/orders -d 'two coffees'
//! ```

use std::{error::Error, time::Duration};

use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, Response, StatusCode},
    routing::get,
    serve::ListenerExt,
};
use ssekit::{Body, Bounds, Event, EventType, Hub, Subscribe, hub::Close};

const ORDER: EventType = EventType::from_static("order");

async fn events(
    State(hub): State<Hub>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response<Body>, Response<Body>> {
    let last_event_id = ssekit::last_event_id(&headers, query.as_deref());
    let events = hub.subscribe(Subscribe::to("orders").after(last_event_id))?;
    Ok(ssekit::response(events.keep_alive(Duration::from_secs(15))))
}

async fn publish(State(hub): State<Hub>, order: String) -> Result<String, (StatusCode, String)> {
    match hub.publish("orders", Event::new(order).with_type(ORDER)) {
        Ok(id) => Ok(id.to_string()),
        Err(error) => Err((StatusCode::CONFLICT, error.to_string())),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let app = Router::new().route("/orders", get(events).post(publish)).with_state(hub.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    // TCP_NODELAY: else a small event may wait for the acknowledgement of what was sent before it, up to 40 ms.
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    let shutdown = async move {
        tokio::signal::ctrl_c().await.expect("signals can be received");
        hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(shutdown).await?)
}
