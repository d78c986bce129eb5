//! `Event::encode` in a handler, without any feature of the crate: the answer to an upload tells how far the work is.
//!
//! ```text
//! cargo run --example encode
//! curl -N localhost:3000/imports --data-binary @Cargo.toml
//! ```
//!
//! The stream ends with the work, and nobody resumes it, so it needs neither IDs nor a history. What is left of an event
//! stream is its headers and its events, each whole and in a chunk of its own.

use std::{convert::Infallible, error::Error};

use axum::{Router, body::Body, response::Response, routing::post, serve::ListenerExt};
use futures_util::{Stream, StreamExt, stream};
use ssekit::{Event, EventType, RESPONSE_HEADERS};

const DONE: EventType = EventType::from_static("done");

/// The routes of the service.
pub(crate) fn router() -> Router {
    Router::new().route("/imports", post(import))
}

async fn import(table: String) -> Response {
    let chunks = progress(table).map(|event| Ok::<_, Infallible>(event.encode()));
    let mut response = Response::new(Body::from_stream(chunks));
    for &(name, value) in RESPONSE_HEADERS {
        response.headers_mut().insert(name, value.parse().expect("it is a header's value"));
    }
    response
}

/// Imports a line of the table each time that the client has taken the event before.
fn progress(table: String) -> impl Stream<Item = Event> {
    let lines: Vec<String> = table.lines().map(str::to_owned).collect();
    let done = Event::new(lines.len().to_string()).with_type(DONE);
    stream::iter(lines).map(Event::new).chain(stream::iter([done]))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|socket| drop(socket.set_nodelay(true)));
    Ok(axum::serve(listener, router()).await?)
}
