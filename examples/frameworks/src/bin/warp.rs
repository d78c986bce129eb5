//! A resumable event stream with warp, over HTTP/1.1 and HTTP/2: `cargo run -p frameworks --bin warp`

use std::{env, error::Error, time::Duration};

use futures_util::FutureExt;
use socket2::SockRef;
use ssekit::{Bounds, Event, Hub, Subscribe, Text, hub::Close};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use warp::{
    Filter, Rejection, Reply, body,
    http::{HeaderMap, StatusCode},
    hyper::body::Bytes,
    reply,
};

fn subscribe(hub: Hub, headers: HeaderMap, query: String) -> impl Reply {
    let response =
        match hub.subscribe(Subscribe::to("orders").after(ssekit::last_event_id(&headers, Some(&query)))) {
            Ok(events) => ssekit::response(events.on_end(|| println!("gone")).keep_alive(keep_alive())),
            Err(refusal) => refusal.response(),
        };
    response.map(|body| reply::stream(body).into_response().into_body())
}

fn publish(hub: Hub, order: Bytes) -> impl Reply {
    let Ok(order) = Text::try_from(order) else {
        return reply::with_status("not UTF-8".into(), StatusCode::BAD_REQUEST);
    };
    match hub.publish("orders", Event::new(order)) {
        Ok(id) => reply::with_status(id.to_string(), StatusCode::OK),
        Err(error) => reply::with_status(error.to_string(), StatusCode::CONFLICT),
    }
}

/// In milliseconds, from the environment; by default 15 seconds, which is below the limits of most proxies.
fn keep_alive() -> Duration {
    Duration::from_millis(env::var("KEEP_ALIVE").ok().and_then(|time| time.parse().ok()).unwrap_or(15_000))
}

/// The routes of the service.
pub(crate) fn routes(hub: Hub) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone + Send {
    let hub = warp::any().map(move || hub.clone());
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let get = warp::get().and(hub.clone()).and(warp::header::headers_cloned()).and(query).map(subscribe);
    let post = warp::post().and(hub).and(body::content_length_limit(1 << 20)).and(body::bytes()).map(publish);
    warp::path!("orders").and(get.or(post))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let closed = close_on_signal(hub.clone()).shared();
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:3000".into())).await?;
    // Linux gives it to each connection that it accepts. Without it, a small event may wait some 40 ms for the one before.
    SockRef::from(&listener).set_tcp_nodelay(true)?;
    println!("listening on http://{}", listener.local_addr()?);
    let server = warp::serve(routes(hub)).incoming(listener).graceful(closed.clone());
    tokio::select! {
        () = server.run() => Ok(()),
        // A reader that has stalled never takes the end of its stream.
        () = closed.then(|()| tokio::time::sleep(Duration::from_secs(5))) => Ok(()),
    }
}

async fn close_on_signal(hub: Hub) {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
}
