//! Reads an event stream with reqwest, and comes back when it breaks off, with a fresh token each time.
//!
//! ```text
//! TOKEN=secret cargo run --features tokio,http-body --example client_reqwest -- http://127.0.0.1:3000/events
//! ```

use std::error::Error;

use futures_util::StreamExt;
use http::{Request, Response, Uri, header::AUTHORIZATION};
use ssekit::{EventSource, client::Change};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let uri: Uri = std::env::args().nth(1).ok_or("usage: client_reqwest URL")?.parse()?;
    // reqwest follows redirects, and drops the token when one leads to another origin.
    let client = reqwest::Client::new();

    let mut source =
        EventSource::connect(move |request| send(client.clone(), request), Request::get(uri).body("")?);
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

async fn send(
    client: reqwest::Client,
    mut request: Request<&'static str>,
) -> Result<Response<reqwest::Body>, Box<dyn Error + Send + Sync>> {
    // Here a real program would await its token service.
    if let Ok(token) = std::env::var("TOKEN") {
        request.headers_mut().insert(AUTHORIZATION, format!("Bearer {token}").try_into()?);
    }
    Ok(client.execute(request.try_into()?).await?.into())
}
