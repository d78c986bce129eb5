use ssekit::{Bounds, Event, EventStream, Hub, replay::Ids};

#[tokio::test]
async fn what_was_received_is_sent_on() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::builder(Bounds::events(10)).ids(Ids::integers()).build();
    let upstream = [Ok::<_, std::io::Error>("id: 7\nevent: order\ndata: two coffees\n\n")];
    let mut events = EventStream::new(futures_util::stream::iter(upstream));
    while let Some(received) = events.next().await {
        let event = Event::try_from(received?)?;
        assert_eq!(hub.publish("orders", event)?, "7");
    }
    assert_eq!(hub.stats().published, 1);
    Ok(())
}
