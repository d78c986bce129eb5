//! Two nodes of one service, on one Redis, in one terminal: a client leaves one and goes on at the other.
//!
//! ```text
//! redis-server --port 6390 --save '' &
//! cargo run --all-features --example nodes -- redis://127.0.0.1:6390/
//! ```

use std::{error::Error, time::Duration};

use futures_util::StreamExt;
use ssekit::{
    Bounds, Event, Hub, LastEventId, Subscribe, Subscription,
    relay::{RedisLog, Relay},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or("redis://127.0.0.1/".into());
    let (a, b) = (node("A", &url)?, node("B", &url)?);

    let mut client = a.subscribe(["orders"]).await?;
    let first = b.publish("orders", Event::new("one, published at B")).await?;
    println!("client at A\n{}", until(&mut client, "one").await);

    drop(client);
    println!("the client's connection to A breaks\n");
    a.publish("orders", Event::new("two, published at A while the client is away")).await?;
    let mut client = b.subscribe(Subscribe::to("orders").after(Some(LastEventId::from(first)))).await?;
    b.publish("orders", Event::new("three, published at B")).await?;
    println!("client at B\n{}", until(&mut client, "three").await);

    // Finished at one node, ended at all.
    a.finish("orders").await?;
    while client.next().await.is_some() {}
    println!("the topic is finished, and so is the stream");
    println!("A: {:?}\nB: {:?}", a.stats(), b.stats());
    Ok(())
}

fn node(name: &'static str, url: &str) -> Result<Relay<RedisLog>, Box<dyn Error>> {
    // A log of its own for each run, since its topic ends finished.
    let log = RedisLog::open(url, format!("ssekit-example-{}", std::process::id()))?
        .max_age(Duration::from_secs(60));
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(1_000)));
    tokio::spawn(tail.on_fault(move |fault| eprintln!("{name}: {fault}")).run());
    Ok(relay)
}

/// Reads until an event whose data begins like this, and returns what came, indented.
async fn until(client: &mut Subscription, data: &str) -> String {
    let mut text = String::new();
    while !text.contains(&format!("data: {data}")) {
        let Some(piece) = client.next().await else { break };
        text += &String::from_utf8_lossy(&piece);
    }
    text.lines().map(|line| format!("    {line}\n")).collect()
}
