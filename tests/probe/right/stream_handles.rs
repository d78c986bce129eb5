use futures_util::StreamExt;
use ssekit::{Bounds, Hub, Subscribe};

#[tokio::test]
async fn a_stream_is_changed_and_ended_by_its_handle() {
    let hub = Hub::new(Bounds::events(10));
    let mut events = hub.subscribe("job-7").unwrap();
    let handle = events.handle();
    let stream = tokio::spawn(events.collect::<Vec<_>>());
    handle.add(["job-8"]);
    handle.remove(["job-7"]);
    hub.publish("job-7", "not for this client").unwrap();
    hub.publish("job-8", "two coffees").unwrap();
    handle.clone().end();
    let sent = stream.await.unwrap().concat();
    assert!(!String::from_utf8(sent).unwrap().contains("not for this client"));
    assert!(handle.has_ended());
}

#[tokio::test]
async fn a_stream_ends_with_any_future() {
    let hub = Hub::new(Bounds::events(10));
    let (logout, logged_out) = tokio::sync::oneshot::channel::<()>();
    let events = hub.subscribe("orders").unwrap().until(logged_out);
    let stream = tokio::spawn(events.collect::<Vec<_>>());
    logout.send(()).unwrap();
    stream.await.unwrap();
    assert_eq!(hub.stats().subscribers, 0);
}

#[test]
fn a_page_of_history_is_read_as_values() {
    let hub = Hub::new(Bounds::events(10));
    let first = hub.publish("orders", "one").unwrap();
    hub.publish("orders", "two").unwrap();
    let page = hub.topic("orders").history(None, 100);
    assert_eq!(page.events().len(), 2);
    let page = hub.topic("orders").history(&first, 100);
    assert_eq!(page.events()[0].data(), "two");
    assert!(hub.subscribe(Subscribe::to("orders").after(first)).unwrap().gap().is_none());
}
