//! A resumable event stream with hyper alone. Run it, subscribe, publish:
//!
//! ```text
//! cargo run --features http-body,tokio --example hyper
//! curl -N localhost:3000/orders
//! curl localhost:3000/orders -d 'two coffees'
//! ```

use std::{convert::Infallible, error::Error, time::Duration};

use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::GracefulShutdown};
use ssekit::{Body, Bounds, Event, Hub, Text, hub::Close};

async fn orders(hub: Hub, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.method() == Method::POST {
        return Ok(publish(&hub, request).await.unwrap_or_else(|error| {
            let mut response = Response::new(error.to_string().into());
            *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
            response
        }));
    }
    let last_event_id = ssekit::last_event_id(request.headers(), request.uri().query());
    Ok(match hub.resume(["orders"], last_event_id) {
        Ok(events) => ssekit::response(events.keep_alive(Duration::from_secs(15))),
        Err(refusal) => refusal.response(),
    })
}

async fn publish(
    hub: &Hub,
    request: Request<Incoming>,
) -> Result<Response<Body>, Box<dyn Error + Send + Sync>> {
    let order = Limited::new(request.into_body(), 1 << 20).collect().await?.to_bytes();
    let id = hub.publish("orders", Event::new(Text::try_from(order)?))?;
    Ok(Response::new(id.to_string().into()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let connections = GracefulShutdown::new();
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = tokio::signal::ctrl_c() => break,
        };
        // Else a small event may wait for the acknowledgement of what was sent before it, up to 40 ms.
        socket.set_nodelay(true)?;
        let hub = hub.clone();
        let service = service_fn(move |request| orders(hub.clone(), request));
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        tokio::spawn(connections.watch(connection));
    }
    hub.close(Close::new().with_retry(Duration::from_secs(1), Duration::from_secs(5)));
    connections.shutdown().await;
    Ok(())
}
