//! What a user types first, in the forms that come to mind.
#![cfg(all(feature = "http-body", feature = "tokio"))]

use std::{borrow::Cow, time::Duration};

use futures_util::{FutureExt, StreamExt};
use http::{HeaderMap, Response};
use ssekit::{
    Body, Bounds, Event, EventId, EventType, Hub, LastEventId, Subscribe,
    hub::{RefusalReason, Start, Topics},
};

const ORDER: EventType = EventType::from_static("order");

#[test]
fn whatever_is_text_or_an_event_is_published() {
    let hub = Hub::new(Bounds::events(100));
    let (owned, event) = (String::from("b"), Event::new("f").with_type(ORDER));
    hub.publish("orders", "a").unwrap();
    hub.publish("orders", &owned).unwrap();
    hub.publish("orders", owned).unwrap();
    hub.publish("orders", Cow::Borrowed("d")).unwrap();
    hub.publish("orders", Box::<str>::from("e")).unwrap();
    hub.publish("orders", &event).unwrap();
    hub.publish("orders", event).unwrap();
    hub.publish_all("orders", ["g", "h"]).unwrap();
    hub.topic("orders").publish("i").unwrap();
    assert_eq!(hub.stats().published, 10);
}

#[test]
fn topics_are_a_name_or_any_collection_of_names() {
    let hub = Hub::new(Bounds::events(100));
    let (name, names) = (String::from("a"), vec![String::from("b"), String::from("a")]);
    let clients = [
        hub.subscribe("a"),
        hub.subscribe(&name),
        hub.subscribe(name.clone()),
        hub.subscribe(["a", "b"]),
        hub.subscribe([name.clone(), name]),
        hub.subscribe(&["a", "b"][..]),
        hub.subscribe(vec!["a"]),
        hub.subscribe(&names),
        hub.subscribe(&names[..]),
        hub.subscribe(names),
        hub.subscribe((0..3).map(|shop| format!("orders of {shop}")).collect::<Topics>()),
        hub.subscribe(Subscribe::to("a")),
    ];
    assert_eq!(hub.stats().subscribers, clients.iter().filter(|client| client.is_ok()).count());
}

#[test]
fn a_client_resumes_from_whatever_holds_its_last_event_id() {
    let hub = Hub::new(Bounds::events(100));
    let id = hub.publish("orders", "a").unwrap();
    let headers = HeaderMap::from_iter([("last-event-id".parse().unwrap(), id.as_str().parse().unwrap())]);
    let resuming = [
        Subscribe::to("orders").after(ssekit::last_event_id(&headers, None)),
        Subscribe::to("orders").after(&id),
        Subscribe::to("orders").after(LastEventId::from(id.clone())),
        Subscribe::to("orders").after(id),
    ];
    for resuming in resuming {
        assert!(hub.subscribe(resuming).unwrap().gap().is_none());
    }
    assert_eq!(hub.stats().resumed, 4);
    let new = Subscribe::to("orders").after(ssekit::last_event_id(&HeaderMap::new(), None));
    assert!(hub.subscribe(new.start(Start::Now)).is_ok());
    assert_eq!(hub.stats().resumed, 4);
}

#[test]
fn a_refusal_is_an_answer() {
    async fn events(hub: &Hub, last: EventId) -> Result<Response<Body>, Response<Body>> {
        let lifetime = Duration::from_secs(60)..=Duration::from_secs(120);
        let events = hub.subscribe(Subscribe::to("job").after(last).lifetime(lifetime))?;
        Ok(ssekit::response(events.keep_alive(Duration::from_secs(15))))
    }
    let hub = Hub::new(Bounds::events(100));
    let last = hub.publish("job", "done").unwrap();
    assert_eq!(events(&hub, last.clone()).now_or_never().unwrap().unwrap().status(), 200);
    hub.finish("job");
    assert_eq!(
        hub.subscribe(Subscribe::to("job").after(&last)).unwrap_err().reason(),
        RefusalReason::Finished
    );
    assert_eq!(events(&hub, last).now_or_never().unwrap().unwrap_err().status(), 204);
}

#[test]
fn a_lifetime_that_ends_before_it_begins_is_the_shorter_one() {
    let hub = Hub::new(Bounds::events(100));
    let lifetime = Duration::from_secs(1)..=Duration::ZERO;
    let mut client = hub.subscribe(Subscribe::to("a").lifetime(lifetime)).unwrap();
    assert!(client.next().now_or_never().flatten().is_some(), "its position");
    assert_eq!(client.next().now_or_never(), Some(None));
}
