//! Prints the events of a stream as they come, and comes back when it breaks off.
//!
//! ```text
//! cargo run --features tokio,http-body --example tail -- http://127.0.0.1:3000/events
//! cargo run --features tokio,http-body --example tail -- URL --last-event-id 42 --json
//! ```
//!
//! Events go to standard output, the state of the connection to standard error. The exit status is 0 when the
//! server says that there is nothing more (204) and 1 when the connection fails for good; Ctrl-C prints the last
//! event ID, to go on from there.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use bytes::Bytes;
use clap::Parser;
use futures_util::StreamExt;
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{EventSource, ReceivedEvent, client::Change};

#[derive(Parser)]
#[command(about = "Prints the events of a stream as they come")]
struct Arguments {
    /// Where the stream is, over plain HTTP
    url: Uri,
    /// The last event ID to begin with
    #[arg(long, value_name = "ID")]
    last_event_id: Option<String>,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match tail(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("* {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn tail(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(arguments.url).body(Empty::<Bytes>::new())?;
    let mut source = EventSource::connect(move |request| client.request(request), request)
        .with_last_event_id(arguments.last_event_id.unwrap_or_default());

    eprintln!("* connecting");
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let change = tokio::select! {
            change = source.next() => change,
            _ = &mut interrupt => {
                source.close();
                eprintln!("* closed; the last event ID is {:?}", source.last_event_id());
                return Ok(());
            }
        };
        let Some(change) = change.transpose()? else { break };
        match change {
            Change::Opened(response) => eprintln!("* open: {}", response.status),
            Change::Event(event) if arguments.json => print_json(&event)?,
            Change::Event(event) => print_text(&event)?,
            Change::LimitExceeded(exceeded) => eprintln!("* an event is lost: {exceeded}"),
            Change::Reconnecting { delay, reason } => {
                eprintln!("* {}; connecting again in {delay:.1?}", chain(&reason));
            }
            Change::LastEventIdWithheld(id) => eprintln!("* no header can carry the last event ID {id:?}"),
            other => eprintln!("* {other:?}"),
        }
    }
    eprintln!("* the server has nothing more");
    Ok(())
}

fn print_json(event: &ReceivedEvent) -> io::Result<()> {
    let line = serde_json::json!({
        "type": event.event_type(),
        "data": event.data(),
        "last_event_id": event.last_event_id(),
    });
    writeln!(io::stdout().lock(), "{line}")
}

fn print_text(event: &ReceivedEvent) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match event.last_event_id() {
        "" => writeln!(out, "[{}]", event.event_type())?,
        id => writeln!(out, "[{} {id}]", event.event_type())?,
    }
    writeln!(out, "{}", event.data())
}

/// Joins an error and what caused it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
