//! A resumable event stream with poem, over HTTP/1.1 and HTTP/2: `cargo run -p frameworks --bin poem`

use std::{env, io, time::Duration};

use poem::{
    EndpointExt, Response, Route, Server, get, handler,
    http::{HeaderMap, StatusCode, Uri},
    listener::TcpAcceptor,
    web::Data,
};
use socket2::SockRef;
use ssekit::{Bounds, Event, Hub, Subscribe, hub::Close};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[handler]
async fn subscribe(Data(hub): Data<&Hub>, headers: &HeaderMap, uri: &Uri) -> Response {
    let response =
        match hub.subscribe(Subscribe::to("orders").after(ssekit::last_event_id(headers, uri.query()))) {
            Ok(events) => ssekit::response(events.on_end(|| println!("gone")).keep_alive(keep_alive())),
            Err(refusal) => refusal.response(),
        };
    response.into()
}

#[handler]
async fn publish(Data(hub): Data<&Hub>, order: String) -> poem::Result<String> {
    let published = hub.publish("orders", Event::new(order));
    published.map(|id| id.to_string()).map_err(|error| poem::Error::new(error, StatusCode::CONFLICT))
}

/// In milliseconds, from the environment; by default 15 seconds, which is below the limits of most proxies.
fn keep_alive() -> Duration {
    Duration::from_millis(env::var("KEEP_ALIVE").ok().and_then(|time| time.parse().ok()).unwrap_or(15_000))
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let app = Route::new().at("/orders", get(subscribe).post(publish)).data(hub.clone());
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:3000".into())).await?;
    // Linux gives it to each connection that it accepts. Without it, a small event may wait some 40 ms for the one before.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener)?);
    // A reader that has stalled never takes the end of its stream.
    let limit = Some(Duration::from_secs(5));
    server.run_with_graceful_shutdown(app, close_on_signal(hub), limit).await
}

async fn close_on_signal(hub: Hub) {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
}
