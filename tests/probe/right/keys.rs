use futures_util::{FutureExt, StreamExt};
use ssekit::{Bounds, Event, Hub, Subscribe, hub::Start};

#[test]
fn a_new_client_gets_one_value_for_each_key() -> Result<(), Box<dyn std::error::Error>> {
    #[derive(serde::Serialize)]
    struct Quote {
        price: f64,
    }
    let hub = Hub::new(Bounds::events(10));
    for price in [1.07, 1.08] {
        hub.publish("prices", Event::json(&Quote { price })?.with_key("EURUSD"))?;
    }
    hub.publish("prices", Event::new("").with_removed_key("EURGBP"))?;
    let mut events = hub.subscribe(Subscribe::to("prices").start(Start::Oldest))?;
    let mut text = String::new();
    while let Some(Some(block)) = events.next().now_or_never() {
        text.push_str(std::str::from_utf8(&block)?);
    }
    assert!(text.contains("1.08") && !text.contains("1.07"), "{text}");
    Ok(())
}

#[test]
fn a_label_decides_which_client_gets_an_event_and_is_not_sent() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::new(Bounds::events(10));
    let tenant = String::from("tenant-3");
    let mut events =
        hub.subscribe(Subscribe::to("orders").filter(move |event| event.label() == Some(&tenant)))?;
    hub.publish("orders", Event::new("mine").with_label("tenant-3"))?;
    hub.publish("orders", Event::new("theirs").with_label("tenant-4"))?;
    let mut text = String::new();
    while let Some(Some(block)) = events.next().now_or_never() {
        text.push_str(std::str::from_utf8(&block)?);
    }
    assert!(text.contains("mine") && !text.contains("theirs") && !text.contains("tenant"), "{text}");
    Ok(())
}
