use ssekit::{Event, EventType};

#[test]
fn an_event_is_compared_and_read_in_a_test() {
    let event = Event::new("a").with_type(EventType::from_static("order")).with_id(7);
    assert_ne!(event, Event::new("a"));
    assert_eq!(event, Event::new("a").with_id(7).with_type(EventType::from_static("order")));
    assert_eq!(event.data().as_deref(), Some("a"));
    assert_eq!(event.event_type().map(|event_type| event_type.as_str()), Some("order"));
    assert!(event.id().is_some_and(|id| id == "7"));
}
