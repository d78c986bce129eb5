//! A client that leaves one node and goes on at another, over PostgreSQL, while transactions publish.
//!
//! ```text
//! cargo run -p ssekit-postgres -- "host=127.0.0.1 user=postgres"
//! ```

use std::error::Error;

use futures_util::StreamExt;
use ssekit::{Bounds, Event, Hub, LastEventId, Subscribe, relay::Relay};
use ssekit_postgres::PostgresLog;
use tokio_postgres::NoTls;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = std::env::args().nth(1).unwrap_or("host=/var/run/postgresql user=postgres".into());
    let (log, a) = node(&config).await?;
    let (_, b) = node(&config).await?;

    let mut client = a.subscribe(["orders"]).await?;
    print(client.next().await);
    let first = b.publish("orders", Event::new("published at B")).await?;
    print(client.next().await);
    drop(client);

    let (mut database, connection) = tokio_postgres::connect(&config, NoTls).await?;
    tokio::spawn(connection);
    for (event, commits) in [("this never happened", false), ("published with the change", true)] {
        let transaction = database.transaction().await?;
        // Your changes go here.
        log.publish_in(&transaction, "orders", event).await?;
        if commits {
            transaction.commit().await?;
        } else {
            transaction.rollback().await?;
        }
    }
    let mut client = b.subscribe(Subscribe::to("orders").after(Some(LastEventId::from(first)))).await?;
    print(client.next().await);
    print(client.next().await);
    Ok(())
}

async fn node(config: &str) -> Result<(PostgresLog, Relay<PostgresLog>), Box<dyn Error>> {
    let log = PostgresLog::open(config.parse()?, "events").await?;
    let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(1_000)));
    tokio::spawn(tail.on_fault(|fault| eprintln!("{fault}")).run());
    Ok((log, relay))
}

fn print(piece: Option<bytes::Bytes>) {
    print!("{}", String::from_utf8_lossy(&piece.unwrap_or_default()));
}
