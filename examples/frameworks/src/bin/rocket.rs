//! A resumable event stream with Rocket, over HTTP/1.1 and HTTP/2: `cargo run -p frameworks --bin rocket`

use std::{env, time::Duration};

use rocket::{Request, Response, State, fairing::AdHoc, get, http::Status, post, response, routes};
use ssekit::{Bounds, Event, Hub, Subscribe, hub::Close};
use tokio_util::io::StreamReader;

/// A responder, because those see both the request's headers and the response's.
struct Orders<'a>(&'a Hub);

impl<'r> response::Responder<'r, 'static> for Orders<'_> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let header = request.headers().get(ssekit::LAST_EVENT_ID);
        let query = request.uri().query().map(|query| query.as_str());
        let response = match self
            .0
            .subscribe(Subscribe::to("orders").after(ssekit::last_event_id_from(header, query)))
        {
            Ok(events) => ssekit::response(events.on_end(|| println!("gone")).keep_alive(keep_alive())),
            Err(refusal) => refusal.response(),
        };
        let mut reply = Response::build();
        for (name, value) in response.headers() {
            reply.raw_header(name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
        reply.status(Status::new(response.status().as_u16()));
        reply.streamed_body(StreamReader::new(response.into_body())).ok()
    }
}

#[get("/orders")]
fn subscribe(hub: &State<Hub>) -> Orders<'_> {
    Orders(hub)
}

#[post("/orders", data = "<order>")]
fn publish(hub: &State<Hub>, order: String) -> Result<String, response::status::Conflict<String>> {
    let published = hub.publish("orders", Event::new(order));
    published.map(|id| id.to_string()).map_err(|error| response::status::Conflict(error.to_string()))
}

/// In milliseconds, from the environment; by default 15 seconds, which is below the limits of most proxies.
fn keep_alive() -> Duration {
    Duration::from_millis(env::var("KEEP_ALIVE").ok().and_then(|time| time.parse().ok()).unwrap_or(15_000))
}

#[rocket::launch]
fn rocket() -> _ {
    let hub = Hub::new(Bounds::events(10_000).with_bytes(64 << 20));
    let close = Close::new().retry(Duration::from_secs(1), Duration::from_secs(5));
    let listening = AdHoc::on_liftoff("listening", |rocket| {
        Box::pin(async {
            println!("listening on http://{}:{}", rocket.config().address, rocket.config().port);
        })
    });
    // Rocket receives the signals, and cuts after five seconds what has not ended.
    let closed = hub.clone();
    let closing = AdHoc::on_shutdown("closing", |_| Box::pin(async move { closed.close(close) }));
    rocket::build().manage(hub).mount("/", routes![subscribe, publish]).attach(listening).attach(closing)
}
