//! A resumable event stream with salvo, over HTTP/1.1 and HTTP/2: `cargo run -p frameworks --bin salvo`

use std::{env, error::Error, time::Duration};

use salvo::{affix_state, conn::tcp::TcpAcceptor, http::ResBody, prelude::*};
use socket2::SockRef;
use ssekit::{Bounds, Event, Hub, Subscribe, Text, hub::Close};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[handler]
async fn subscribe(depot: &Depot, request: &Request, response: &mut Response) {
    let hub = depot.get_typed::<Hub>().expect("it is injected");
    let last_event_id = ssekit::last_event_id(request.headers(), request.uri().query());
    let reply = match hub.subscribe(Subscribe::to("orders").after(last_event_id)) {
        Ok(events) => ssekit::response(events.on_end(|| println!("gone")).keep_alive(keep_alive())),
        Err(refusal) => refusal.response(),
    };
    *response = reply.map(ResBody::stream).into();
}

#[handler]
async fn publish(depot: &Depot, request: &mut Request) -> Result<String, StatusError> {
    let hub = depot.get_typed::<Hub>().expect("it is injected");
    let order = request.payload().await.map_err(|_| StatusError::bad_request())?;
    let order = Text::try_from(order.clone()).map_err(|_| StatusError::bad_request())?;
    let published = hub.publish("orders", Event::new(order));
    published.map(|id| id.to_string()).map_err(|error| StatusError::conflict().cause(error))
}

/// In milliseconds, from the environment; by default 15 seconds, which is below the limits of most proxies.
fn keep_alive() -> Duration {
    Duration::from_millis(env::var("KEEP_ALIVE").ok().and_then(|time| time.parse().ok()).unwrap_or(15_000))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let orders = Router::with_path("orders").get(subscribe).post(publish);
    let app = Router::new().hoop(affix_state::inject(hub.clone())).push(orders);
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:3000".into())).await?;
    // Linux gives it to each connection that it accepts. Without it, a small event may wait some 40 ms for the one before.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let server = Server::new(TcpAcceptor::try_from(listener)?);
    let handle = server.handle();
    tokio::spawn(async move {
        close_on_signal(hub).await;
        // A reader that has stalled never takes the end of its stream.
        handle.stop_graceful(Duration::from_secs(5));
    });
    Ok(server.try_serve(app).await?)
}

async fn close_on_signal(hub: Hub) {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
}
