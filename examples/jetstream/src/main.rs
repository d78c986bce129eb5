//! A client that leaves one node and goes on at another, over NATS JetStream.
//!
//! ```text
//! nats-server --jetstream &
//! cargo run -p ssekit-jetstream -- nats://127.0.0.1:4222
//! ```

use std::error::Error;

use futures_util::StreamExt;
use ssekit::{Bounds, Event, Hub, LastEventId, Subscribe, relay::Relay};
use ssekit_jetstream::JetStreamLog;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or("nats://127.0.0.1:4222".into());
    let (a, b) = (node(&url).await?, node(&url).await?);

    let mut client = a.subscribe(["orders"]).await?;
    print(client.next().await);
    let first = b.publish("orders", Event::new("published at B")).await?;
    print(client.next().await);
    drop(client);

    a.publish("orders", Event::new("published while the client was away")).await?;
    let mut client = b.subscribe(Subscribe::to("orders").after(Some(LastEventId::from(first)))).await?;
    print(client.next().await);
    print(client.next().await);
    Ok(())
}

async fn node(url: &str) -> Result<Relay<JetStreamLog>, Box<dyn Error>> {
    let log = JetStreamLog::open(async_nats::connect(url).await?, "events").await?;
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(1_000)));
    tokio::spawn(tail.on_fault(|fault| eprintln!("{fault}")).run());
    Ok(relay)
}

fn print(piece: Option<bytes::Bytes>) {
    print!("{}", String::from_utf8_lossy(&piece.unwrap_or_default()));
}
