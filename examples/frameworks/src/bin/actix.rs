//! A resumable event stream with actix-web, over HTTP/1.1 and HTTP/2: `cargo run -p frameworks --bin actix`

use std::{env, io, net::TcpListener, time::Duration};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, http::StatusCode, web};
use ssekit::{Bounds, Event, Hub, Subscribe, hub::Close};
use tokio::signal::unix::{SignalKind, signal};

async fn subscribe(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    let header = request.headers().get_all(ssekit::LAST_EVENT_ID);
    let last_event_id = ssekit::last_event_id_from(header, Some(request.query_string()));
    let response = match hub.subscribe(Subscribe::to("orders").after(last_event_id)) {
        Ok(events) => ssekit::response(events.on_end(|| println!("gone")).keep_alive(keep_alive())),
        Err(refusal) => refusal.response(),
    };
    // actix-web has types of an older `http`.
    let status = StatusCode::from_u16(response.status().as_u16()).expect("it is a status");
    let mut reply = HttpResponse::build(status);
    for (name, value) in response.headers() {
        reply.insert_header((name.as_str(), value.as_bytes()));
    }
    reply.streaming(response.into_body())
}

async fn publish(hub: web::Data<Hub>, order: String) -> HttpResponse {
    match hub.publish("orders", Event::new(order)) {
        Ok(id) => HttpResponse::Ok().body(id.to_string()),
        Err(error) => HttpResponse::Conflict().body(error.to_string()),
    }
}

/// In milliseconds, from the environment; by default 15 seconds, which is below the limits of most proxies.
fn keep_alive() -> Duration {
    Duration::from_millis(env::var("KEEP_ALIVE").ok().and_then(|time| time.parse().ok()).unwrap_or(15_000))
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let hub = web::Data::new(Hub::new(Bounds::events(10_000).with_bytes(64 << 20)));
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:3000".into()))?;
    println!("listening on http://{}", listener.local_addr()?);
    let closed = close_on_signal(Hub::clone(&hub));
    let orders = || web::resource("/orders").get(subscribe).post(publish);
    let app = move || App::new().app_data(hub.clone()).service(orders());
    // Else a client that closes its connection is taken for one that has only said all it had to say.
    let server = HttpServer::new(app).h1_allow_half_closed(false).tcp_nodelay(true);
    server.shutdown_signal(closed).shutdown_timeout(5).listen_auto_h2c(listener)?.run().await
}

async fn close_on_signal(hub: Hub) {
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be received");
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
}
