//! A resumable event stream with actix-web. Run it, subscribe, publish:
//!
//! ```text
//! cargo run --features tokio --example actix
//! curl -N localhost:3000/orders
//! curl localhost:3000/orders -d 'two coffees'
//! ```

use std::{io, time::Duration};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use ssekit::{Bounds, Event, Hub, Subscribe, hub::Close};

async fn events(hub: web::Data<Hub>, request: HttpRequest) -> HttpResponse {
    let header = request.headers().get(ssekit::LAST_EVENT_ID).map(|value| value.as_bytes());
    let last_event_id = ssekit::last_event_id_from(header, Some(request.query_string()));
    let mut response = HttpResponse::Ok();
    for &header in ssekit::RESPONSE_HEADERS {
        response.insert_header(header);
    }
    match hub.subscribe(Subscribe::to("orders").after(last_event_id)) {
        Ok(events) => response.streaming(events.keep_alive(Duration::from_secs(15))),
        Err(refusal) if refusal.retry().is_none() => HttpResponse::NoContent().finish(),
        Err(refusal) => response.body(refusal.body()),
    }
}

async fn publish(hub: web::Data<Hub>, order: String) -> HttpResponse {
    match hub.publish("orders", Event::new(order)) {
        Ok(id) => HttpResponse::Ok().body(id.to_string()),
        Err(error) => HttpResponse::Conflict().body(error.to_string()),
    }
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let hub = web::Data::new(Hub::new(Bounds::events(10_000).with_bytes(64 << 20)));
    let data = hub.clone();
    let orders = || web::resource("/orders").get(events).post(publish);
    let server = HttpServer::new(move || App::new().app_data(data.clone()).service(orders()))
        // Else a small event may wait for the acknowledgement of what was sent before it, up to 40 ms.
        .tcp_nodelay(true)
        .disable_signals()
        .bind("127.0.0.1:3000")?
        .run();
    println!("listening on http://127.0.0.1:3000");
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        tokio::signal::ctrl_c().await.expect("signals can be received");
        hub.close(Close::new().retry(Duration::from_secs(1), Duration::from_secs(5)));
        handle.stop(true).await;
    });
    server.await
}
