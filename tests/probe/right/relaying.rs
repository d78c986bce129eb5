use ssekit::{
    Bounds, Event, Hub, Subscribe,
    relay::{DiskLog, Relay},
};

#[tokio::test]
async fn a_relay_is_used_as_a_hub_with_await() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("ssekit-probe-{}", std::process::id()));
    let log = DiskLog::open(&folder).await?;
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(100)));
    let tail = tokio::spawn(tail.run());
    let id = relay.publish("orders", "two coffees").await?;
    relay.publish("orders", Event::new("two teas")).await?;
    let orders = relay.subscribe("orders").await?;
    let resumed = relay.subscribe(Subscribe::to(["orders", "news"]).after(id)).await?;
    assert!(resumed.gap().is_none());
    drop((orders, resumed));
    relay.close(ssekit::hub::Close::new());
    tail.await?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
