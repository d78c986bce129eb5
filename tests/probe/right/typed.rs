use serde::{Deserialize, Serialize};
use ssekit::{Bounds, Event, EventStream, Hub, TypedError};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    coffees: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Update {
    Created(Order),
    Removed { id: u64 },
}

#[tokio::test]
async fn an_enum_is_published_and_read_back() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::new(Bounds::events(10));
    hub.publish("orders", Event::typed(&Update::Created(Order { coffees: 2 }))?)?;
    let event = Event::typed(&Update::Removed { id: 7 })?;
    assert_eq!(event.encode(), "event: Removed\ndata: {\"id\":7}\n\n");
    hub.publish("orders", &event)?;

    let sent = [Ok::<_, std::io::Error>(event.encode()), Ok("event: moved\ndata: 8\n\n".into())];
    let mut events = EventStream::new(futures_util::stream::iter(sent));
    let mut unknown = Vec::new();
    while let Some(received) = events.next().await {
        match received?.typed::<Update>() {
            Ok(Update::Created(order)) => panic!("{order:?}"),
            Ok(Update::Removed { id }) => assert_eq!(id, 7),
            Err(TypedError::UnknownType(name)) => unknown.push(name),
            Err(error) => return Err(error.into()),
        }
    }
    assert_eq!(unknown, ["moved"]);
    Ok(())
}
