//! A log in PostgreSQL, for ssekit's relay. It publishes in your transactions: an event exists exactly if the change does.
//!
//! ```no_run
//! # async fn example(mut client: tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use ssekit::{Bounds, Event, Hub, relay::Relay};
//! use ssekit_postgres::PostgresLog;
//!
//! let log = PostgresLog::open("host=/var/run/postgresql user=shop".parse()?, "shop_events").await?;
//! let (relay, tail) = Relay::new(log.clone(), Hub::builder(Bounds::events(10_000)));
//! tokio::spawn(tail.on_fault(|fault| eprintln!("{fault}")).run());
//!
//! let transaction = client.transaction().await?;
//! let row = transaction.query_one("INSERT INTO orders (what) VALUES ('two coffees') RETURNING id", &[]).await?;
//! log.publish_in(&transaction, "orders", Event::new(format!("order {}", row.get::<_, i64>(0)))).await?;
//! transaction.commit().await?;
//!
//! relay.publish("news", Event::new("outside of a transaction")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Any other program, or a trigger of a table, publishes in the same way with SQL:
//!
//! ```sql
//! INSERT INTO shop_events.outbox (topic, fields) VALUES ('orders', json_build_object('data', 'two coffees'))
//! ```
//!
//! # How no reader skips an event
//!
//! Transactions commit in another order than they draw numbers from a sequence: if 7 commits after 8, a reader that has
//! seen 8 never looks for 7. So an event draws its number when its transaction *commits*: what you publish is a row in
//! `outbox` until then, and a deferred trigger moves it to `entries`. The trigger first takes a lock of the log, which
//! PostgreSQL holds until the transaction has ended and its rows are visible. So the order of the numbers is the order
//! of the commits.
//!
//! The costs: commits that publish to one log run one after the other, each with its own sync of the disk, but
//! transactions wait for each other only in their commit, not from the first publish on. `NOTIFY` makes them wait in
//! the same way. Publishing outside of a transaction shares commits, up to 256 events in each. An event of a
//! transaction is written twice, the first time to an unlogged table.
//!
//! There are two other ways. A lock from the first publish on gives the ID at once, but one slow transaction stops all
//! publishers, and two that lock rows of yours in another order are a deadlock. Positions of a transaction number and a
//! sequence, of which readers take only those below the oldest transaction that runs (`pg_snapshot_xmin`), need no lock,
//! but a long transaction anywhere in the server delays all events, and a restored copy counts transactions anew.
//!
//! # What holds
//!
//! - `NOTIFY` only wakes the tail. The table is the truth, and it is read once a second without a notification, too.
//! - An ID is a number and a random tag, so an ID from before an older copy was put back is *unknown*.
//! - With `synchronous_commit = on`, the default, an acknowledged event survives a crash and a power failure of the
//!   server. With `off` it may not; the tail may have delivered it then, and its clients get *unknown*.
//! - Keys of `publish_once` and finished topics are known while the log holds their entries.
//! - A transaction at `REPEATABLE READ` or above may publish to a topic that was finished after it began. Publishing
//!   in a prepared transaction fails, because `NOTIFY` does.
//! - PostgreSQL's text has no NUL: a topic or a key with one is refused. Data with one is kept.
//!
//! The connection is without TLS: pass your own `MakeTlsConnect` where [`PostgresLog`] passes `NoTls`.

mod error;
mod ids;
mod log;
mod options;
mod record;
mod session;
mod statements;
mod writer;

pub use self::{error::PostgresError, ids::TaggedNumbers, log::PostgresLog, options::PostgresLogOptions};
