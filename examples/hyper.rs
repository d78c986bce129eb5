//! A resumable event stream with a service for hyper, on the server that this crate brings. Run it, subscribe, publish:
//!
//! ```text
//! cargo run --features serve --example hyper
//! curl -N localhost:3000/orders
//! curl localhost:3000/orders -d 'two coffees'
//! ```

use std::{convert::Infallible, error::Error, time::Duration};

use http_body_util::{BodyExt, Limited};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use ssekit::{Body, Bounds, Event, Hub, Subscribe, Text, hub::Close, serve::Server};

async fn orders(hub: Hub, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.method() == Method::POST {
        return Ok(publish(&hub, request).await.unwrap_or_else(|error| {
            let mut response = Response::new(error.to_string().into());
            *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
            response
        }));
    }
    let last_event_id = ssekit::last_event_id(request.headers(), request.uri().query());
    Ok(match hub.subscribe(Subscribe::to("orders").after(last_event_id)) {
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
    let service = {
        let hub = hub.clone();
        service_fn(move |request| orders(hub.clone(), request))
    };
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
        hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
    };
    let drained = Server::new().serve_until(listener, service, stop).await;
    println!("{} connections were cut", drained.cut);
    Ok(())
}
