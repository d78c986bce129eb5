//! A resumable event stream with hyper, over HTTP/1.1 and HTTP/2: `cargo run -p frameworks --bin hyper`

use std::{env, error::Error, time::Duration};

use futures_util::TryFutureExt;
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Response,
    body::Incoming,
    http,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
};
use ssekit::{Body, Bounds, Event, Hub, Subscribe, Text, hub::Close};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

type Answer = Result<Response<Body>, Box<dyn Error + Send + Sync>>;

async fn orders(hub: Hub, request: Request<Incoming>) -> Answer {
    if request.method() == Method::POST {
        let order = Limited::new(request.into_body(), 1 << 20).collect().await?.to_bytes();
        let id = hub.publish("orders", Event::new(Text::try_from(order)?))?;
        return Ok(Response::new(id.to_string().into()));
    }
    let last_event_id = ssekit::last_event_id(request.headers(), request.uri().query());
    Ok(match hub.subscribe(Subscribe::to("orders").after(last_event_id)) {
        Ok(events) => ssekit::response(events.on_end(|| println!("gone")).keep_alive(keep_alive())),
        Err(refusal) => refusal.response(),
    })
}

/// In milliseconds, from the environment; by default 15 seconds, which is below the limits of most proxies.
fn keep_alive() -> Duration {
    Duration::from_millis(env::var("KEEP_ALIVE").ok().and_then(|time| time.parse().ok()).unwrap_or(15_000))
}

/// The service of a connection.
pub(crate) fn service(
    hub: Hub,
) -> impl Service<Request<Incoming>, Response = Response<Body>, Error = http::Error, Future: Send> + Clone + Send
{
    service_fn(move |request| {
        let answer = orders(hub.clone(), request);
        answer.or_else(async |error| Response::builder().status(400).body(error.to_string().into()))
    })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:3000".into())).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let (mut terminate, connections) = (signal(SignalKind::terminate())?, GracefulShutdown::new());
    loop {
        let (socket, _) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = tokio::signal::ctrl_c() => break,
            _ = terminate.recv() => break,
        };
        drop(socket.set_nodelay(true));
        let server = auto::Builder::new(TokioExecutor::new());
        let connection = server.serve_connection(TokioIo::new(socket), service(hub.clone())).into_owned();
        tokio::spawn(connections.watch(connection));
    }
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
    // A reader that has stalled never takes the end of its stream.
    tokio::time::timeout(Duration::from_secs(5), connections.shutdown()).await.unwrap_or_default();
    Ok(())
}
