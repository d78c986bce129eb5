use std::time::Duration;

use futures_util::FutureExt;
use http::{HeaderMap, Response};
use ssekit::{Body, Bounds, Hub, Subscribe};

async fn events(hub: Hub, headers: HeaderMap, query: Option<&str>) -> Result<Response<Body>, Response<Body>> {
    let events = hub.subscribe(Subscribe::to("orders").after(ssekit::last_event_id(&headers, query)))?;
    Ok(ssekit::response(events.keep_alive(Duration::from_secs(15))))
}

#[test]
fn an_endpoint_answers_with_a_stream_or_with_the_refusal() {
    let hub = Hub::new(Bounds::events(10));
    let id = hub.publish("orders", "two coffees").unwrap();
    let query = format!("lastEventId={id}");
    let answer = events(hub.clone(), HeaderMap::new(), Some(&query)).now_or_never().unwrap();
    assert_eq!(answer.unwrap().headers()["content-type"], "text/event-stream");
    hub.finish("orders");
    let answer = events(hub, HeaderMap::new(), Some(&query)).now_or_never().unwrap();
    assert_eq!(answer.unwrap_err().status(), 204);
}
