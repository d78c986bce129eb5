use std::{collections::BTreeSet, time::Duration};

use ssekit::{Bounds, Hub, Subscribe, hub::Topics};

#[test]
fn a_client_subscribes_to_a_name_or_to_names() {
    let hub = Hub::new(Bounds::events(10));
    let (name, names) = (String::from("orders"), vec![String::from("orders"), String::from("news")]);
    let set = BTreeSet::from(["orders", "news"]);
    let clients = [
        hub.subscribe("orders"),
        hub.subscribe(&name),
        hub.subscribe(name),
        hub.subscribe(["orders", "news"]),
        hub.subscribe(&names),
        hub.subscribe(names),
        hub.subscribe(set.iter().copied().collect::<Topics>()),
        hub.subscribe(Subscribe::to("orders")),
    ];
    assert!(clients.iter().all(Result::is_ok));
}

#[test]
fn options_are_set_in_one_expression() {
    let hub = Hub::new(Bounds::events(10));
    let last_event_id = hub.publish("orders", "two coffees").unwrap();
    let (min, max) = (Duration::from_secs(60), Duration::from_secs(90));
    let tenant = String::from("tenant-3");
    let events = hub.subscribe(
        Subscribe::to(["orders", "news"])
            .after(last_event_id)
            .filter(move |event| event.event_type() != Some(&tenant))
            .lifetime(min..=max),
    );
    assert!(events.unwrap().gap().is_none());
}
