use ssekit::{
    Subscription,
    hub::Refusal,
    relay::{DiskLog, Relay},
};

async fn subscribe(relay: &Relay<DiskLog>) -> Result<Subscription, Refusal> {
    let orders = relay.subscribe("orders")?;
    Ok(orders)
}

fn main() {
    let _ = subscribe;
}
