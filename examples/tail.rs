//! Prints the events of a stream as they come, and comes back when it breaks off.
//!
//! ```text
//! cargo run --features client --example tail -- http://127.0.0.1:3000/events
//! cargo run --features client --example tail -- URL --from 42 --json --header 'authorization: Bearer secret'
//! cargo run --features client --example tail -- URL --method POST --data '{"stream": true}'
//! ```
//!
//! Events go to standard output; comments, the state of the connection and why it was lost go to standard error.
//! The exit status is 0 when the server says that there is nothing more (204), or when the answer to a POST is
//! complete, and 1 when the connection fails for good; Ctrl-C prints the last event ID, to go on from there.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use bytes::Bytes;
use clap::Parser;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ssekit::{EventSource, ReceivedEvent, client::Update};

#[derive(Parser)]
#[command(about = "Prints the events of a stream as they come")]
struct Arguments {
    /// Where the stream is, over plain HTTP
    url: Uri,
    /// Begin after the event with this ID
    #[arg(long, value_name = "ID")]
    from: Option<String>,
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
    /// Send this header; can be given several times
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// Use this method; a POST is sent again only to resume after an ID
    #[arg(long, default_value = "GET")]
    method: Method,
    /// Send this body
    #[arg(long, default_value = "")]
    data: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match tail(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("* {error}");
            ExitCode::FAILURE
        }
    }
}

async fn tail(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let mut connector = HttpConnector::new();
    // A request must not wait for the acknowledgement of the one before.
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let mut request = Request::builder()
        .method(arguments.method)
        .uri(arguments.url)
        .body(Full::<Bytes>::from(arguments.data))?;
    request.headers_mut().extend(arguments.header);
    let mut source = EventSource::new(move |request| client.request(request), request)
        .after(arguments.from.unwrap_or_default())
        .comments()
        .reconnection_times()
        .last_event_ids();

    eprintln!("* connecting");
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let update = tokio::select! {
            update = source.next() => update,
            _ = &mut interrupt => {
                source.close();
                eprintln!("* closed; the last event ID is {:?}", source.last_event_id());
                return Ok(());
            }
        };
        match update.transpose()? {
            Some(Update::Event(event)) if arguments.json => print_json(&event)?,
            Some(Update::Event(event)) => print_text(&event)?,
            Some(update) => print_state(&update),
            None => break,
        }
    }
    eprintln!("* the server has nothing more");
    Ok(())
}

fn print_state(update: &Update) {
    match update {
        Update::Opened(response) => eprintln!("* open: {}", response.status),
        Update::Comment(text) => eprintln!(":{text}"),
        Update::ReconnectionTime(time) => eprintln!("* the reconnection time is {time:?}"),
        Update::LastEventId(id) => eprintln!("* the last event ID is {id:?}"),
        Update::LimitExceeded(exceeded) => eprintln!("* an event is lost: {exceeded}"),
        Update::Reconnecting { delay, reason } => eprintln!("* {reason}; connecting again in {delay:.1?}"),
        Update::LastEventIdWithheld(id) => eprintln!("* no header can carry the last event ID {id:?}"),
        other => eprintln!("* {other:?}"),
    }
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

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header has a colon")?;
    let name = name.trim().parse().map_err(|error| format!("{error}"))?;
    Ok((name, value.trim().parse().map_err(|error| format!("{error}"))?))
}
