//! A hub for anyone: publish with POST, subscribe with GET, and see it in a browser.
//!
//! ```text
//! cargo run -p hub
//! curl -N 'localhost:3000/events?topic=news'
//! curl 'localhost:3000/events?topic=news&event=note' -d 'hello'
//! ```
//!
//! With `--data DIR` the history outlives the process: clients of a hub that is stopped or killed and started again
//! continue where they were.
//!
//! ```text
//! cargo run -p hub --features disk -- --data DIR
//! ```
//!
//! With `--redis URL` several hubs, each with a `--listen` of its own, are nodes of one service: an event published at
//! one is sent by all, and a client may come back to another one.
//!
//! ```text
//! cargo run -p hub --features redis -- --redis redis://127.0.0.1/
//! ```
//!
//! An event with a key replaces the topic's earlier one with that key: new clients that start with the oldest event get
//! the newest of each key, and those that come back get what changed. Deleting a key sends an event of the type
//! `removed`, whose data is the key as JSON. The history is to be had in pages, too.
//!
//! ```text
//! curl 'localhost:3000/events?topic=prices&key=tea' -d 'tea 2.50'
//! curl -N 'localhost:3000/events?topic=prices&from=oldest'
//! curl -X DELETE 'localhost:3000/events?topic=prices&key=tea'
//! curl 'localhost:3000/history?topic=prices&limit=10'
//! ```
//!
//! A stream with a `name` is present: other such streams, at all processes, get an event `here`, and `gone` when its name
//! has no stream left. A new one begins with all who are here. Each process repeats the names of its own streams every
//! 20 seconds. One that is killed removes none; the page forgets them after a minute.
//!
//! ```text
//! curl -N 'localhost:3000/events?topic=news&name=alice'
//! ```
//!
//! Cut the connection and come back with `-H 'Last-Event-ID: …'`: nothing is missing and nothing comes twice. The page
//! at `/` does the same with a button.

mod faults;
mod figures;
mod metrics;
mod options;
mod presence;
mod query;
mod routes;
mod serve;
mod source;

use std::{
    error::Error,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::{self, ExitCode},
    time::{SystemTime, UNIX_EPOCH},
};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{options::Options, source::Source};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "hub: {}", source::in_full(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    if let Some(remedy) = options.missing_feature() {
        return Err(remedy.into());
    }
    let listener = serve::listen(options.listen)?;
    let source = Source::open(&options).await?;
    // Unlike that of any other process on the log, before this one or on another machine.
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let node = format!("{}@{}", process::id(), started.as_nanos());
    let routes = routes::router(source.clone(), node, options.heartbeat, options.patience);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    greet(listener.local_addr()?);
    serve::until(listener, routes, source, options.patience, async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
    .await;
    Ok(())
}

/// Prints the address, for programs to read, and the commands to try next.
fn greet(address: SocketAddr) {
    let mut reachable = address;
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => reachable.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => reachable.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let text = format!(
        "listening on http://{address}\n\n\
         Open http://{reachable}/ in a browser, or run in two other terminals:\n\n  \
           curl -N 'http://{reachable}/events?topic=news'\n  \
           curl 'http://{reachable}/events?topic=news' -d 'hello'\n\n\
         Ctrl-C ends it.\n"
    );
    // A program may read one line and close the pipe.
    let _ = io::stdout().write_all(text.as_bytes());
}
