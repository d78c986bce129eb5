//! Reads an event stream with hyper-util's client, and comes back when it breaks off.
//!
//! ```text
//! cargo run --features tokio,http-body --example client_hyper -- http://127.0.0.1:3000/events
//! ```

use std::error::Error;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{EventSource, client::Change};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri: Uri = std::env::args().nth(1).ok_or("usage: client_hyper URL")?.parse()?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(uri).body(Empty::<Bytes>::new())?;

    let mut source = EventSource::connect(move |request| client.request(request), request);
    while let Some(change) = source.next().await {
        match change? {
            Change::Opened(response) => eprintln!("open: {}", response.status),
            Change::Event(event) => println!("{}: {}", event.event_type(), event.data()),
            Change::Reconnecting { delay, reason } => eprintln!("{reason}; again in {delay:.1?}"),
            other => eprintln!("{other:?}"),
        }
    }
    eprintln!("the server has nothing more to say");
    Ok(())
}
