use std::borrow::Cow;

use ssekit::{Bounds, Event, EventType, Hub, Text};

const ORDER: EventType = EventType::from_static("order");

#[test]
fn texts_and_events_are_published() {
    let hub = Hub::new(Bounds::events(10_000));
    let (text, event) = (String::from("text"), Event::new("event"));
    hub.publish("orders", "two coffees").unwrap();
    hub.publish("orders", &text).unwrap();
    hub.publish("orders", text).unwrap();
    hub.publish("orders", Cow::Borrowed("two coffees")).unwrap();
    hub.publish("orders", Box::<str>::from("two coffees")).unwrap();
    hub.publish("orders", Text::from_static("two coffees")).unwrap();
    hub.publish("orders", &event).unwrap();
    hub.publish("orders", event).unwrap();
    hub.publish("orders", format!("{} coffees", 2)).unwrap();
    hub.publish("orders", 42.to_string()).unwrap();
    assert_eq!(hub.publish_all("orders", vec!["one", "two"]).unwrap().len(), 2);
    assert_eq!(hub.stats().published, 12);
}

#[test]
fn a_value_is_published_as_json_with_a_type_and_an_id() -> Result<(), Box<dyn std::error::Error>> {
    #[derive(serde::Serialize)]
    struct Order {
        coffees: u32,
    }
    let order = Order { coffees: 2 };
    let event = Event::json(&order)?.with_type(ORDER).with_id(7);
    assert_eq!(event.encode(), "id: 7\nevent: order\ndata: {\"coffees\":2}\n\n");
    let hub = Hub::builder(Bounds::events(10)).ids(ssekit::replay::Ids::integers()).build();
    assert_eq!(hub.publish("orders", event)?, "7");
    Ok(())
}

#[test]
fn a_function_may_ask_for_whatever_the_hub_takes() {
    fn publish(hub: &Hub, event: impl Into<Event>) {
        hub.publish("orders", event).unwrap();
    }
    let hub = Hub::new(Bounds::events(10));
    publish(&hub, "two coffees");
    publish(&hub, Event::new("two coffees"));
    assert_eq!(hub.stats().published, 2);
}
