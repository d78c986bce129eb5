//! Reads an event stream with hyper-util's client, and comes back when it breaks off.
//!
//! ```text
//! cargo run --features client --example client_hyper -- http://127.0.0.1:3000/events
//! ```

use std::error::Error;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ssekit::{EventSource, client::Update};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri: Uri = std::env::args().nth(1).ok_or("usage: client_hyper URL")?.parse()?;
    let mut connector = HttpConnector::new();
    // A request must not wait for the acknowledgement of the one before.
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let request = Request::get(uri).body(Empty::<Bytes>::new())?;

    let mut source = EventSource::new(move |request| client.request(request), request);
    while let Some(update) = source.next().await {
        match update? {
            Update::Opened(response) => eprintln!("open: {}", response.status),
            Update::Event(event) => println!("{}: {}", event.event_type(), event.data()),
            Update::Reconnecting { delay, reason } => eprintln!("{reason}; again in {delay:.1?}"),
            other => eprintln!("{other:?}"),
        }
    }
    eprintln!("the server has nothing more to say");
    Ok(())
}
