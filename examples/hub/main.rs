//! A hub for anyone: publish with POST, subscribe with GET, and see it in a browser.
//!
//! ```text
//! cargo run --all-features --example hub
//! curl -N 'localhost:3000/events?topic=news'
//! curl 'localhost:3000/events?topic=news&event=note' -d 'hello'
//! ```
//!
//! With `--redis redis://127.0.0.1/` several hubs, each with a `--listen` of its own, are nodes of one service: what is
//! published at one comes from all, and a client may come back to another one.
//!
//! With `--data DIR` the history outlives the process: clients of a hub that is stopped or killed and started again go on
//! where they were.
//!
//! Cut the connection and come back with `-H 'Last-Event-ID: …'`: nothing is missing and nothing comes twice. The page
//! at `/` does the same with a button.

mod faults;
mod query;
mod routes;
mod serve;
mod source;

use std::{error::Error, net::SocketAddr, time::Duration};

use clap::Parser;
#[cfg(feature = "disk")]
use ssekit::relay::DiskLog;
#[cfg(feature = "redis")]
use ssekit::relay::RedisLog;
#[cfg(any(feature = "disk", feature = "redis"))]
use ssekit::relay::Relay;
use ssekit::{Bounds, Hub, hub::HubBuilder};
use tokio::signal::unix::{SignalKind, signal};

use crate::source::Source;

/// A hub that publishes server-sent events and lets clients resume.
#[derive(Debug, Parser)]
#[command(name = "hub")]
struct Options {
    /// Address to listen on; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Events held for each topic.
    #[arg(long, default_value_t = 10_000)]
    replay_events: usize,
    /// Bytes held for each topic, and for all topics together.
    #[arg(long, default_value_t = 256 << 20)]
    replay_bytes: usize,
    /// How long an event is held, in seconds.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    replay_age: Option<Duration>,
    /// Silence after which a keep-alive is sent, in seconds.
    #[arg(long, value_name = "SECS", value_parser = seconds, default_value = "15")]
    heartbeat: Duration,
    /// How long a request's head or data may take to arrive, and how long a reader may take nothing, in seconds.
    #[arg(long, value_name = "SECS", value_parser = seconds, default_value = "30")]
    patience: Duration,
    /// Redis server, such as redis://127.0.0.1/, whose stream `ssekit` all hubs with this address share.
    #[cfg(feature = "redis")]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Folder that keeps the history, so that a restart resets nobody.
    #[cfg(feature = "disk")]
    #[arg(long, value_name = "DIR")]
    #[cfg_attr(feature = "redis", arg(conflicts_with = "redis"))]
    data: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let mut bounds = Bounds::events(options.replay_events).with_bytes(options.replay_bytes);
    if let Some(age) = options.replay_age {
        bounds = bounds.with_age(age);
    }
    let hub = Hub::builder(bounds).max_bytes(options.replay_bytes).retry(Duration::from_secs(1));
    let source = source(&options, hub).await?;
    let routes = routes::router(source.clone(), options.heartbeat, options.patience);

    let listener = serve::listen(options.listen)?;
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    println!("listening on http://{}", listener.local_addr()?);
    serve::until(listener, routes, source, options.patience, async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
    .await;
    Ok(())
}

/// Opens the log that the events come from, if there is one.
#[cfg_attr(not(feature = "disk"), expect(clippy::unused_async, reason = "opening a folder waits"))]
async fn source(options: &Options, hub: HubBuilder) -> Result<Source, Box<dyn Error>> {
    #[cfg(feature = "disk")]
    if let Some(folder) = &options.data {
        let mut kept = DiskLog::options();
        if let Some(age) = options.replay_age {
            kept = kept.max_age(age);
        }
        let opened = kept.open(folder).await.map_err(|error| source::in_full(&error))?;
        let (relay, tail) = Relay::new(opened, hub);
        tokio::spawn(tail.on_fault(|fault| eprintln!("disk: {fault}")).run());
        return Ok(Source::Kept(relay));
    }
    #[cfg(feature = "redis")]
    if let Some(url) = &options.redis {
        let (relay, tail) = Relay::new(RedisLog::open(url, "ssekit")?, hub);
        tokio::spawn(tail.on_fault(|fault| eprintln!("redis: {fault}")).run());
        return Ok(Source::Shared(relay));
    }
    #[cfg(not(any(feature = "disk", feature = "redis")))]
    let _ = options;
    Ok(Source::Local(hub.build()))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
