//! Reads an event stream with reqwest, and comes back when it breaks off: with a fresh token after a 401, and at
//! once when a line comes on standard input.
//!
//! ```text
//! TOKEN=secret cargo run --features reqwest --example client_reqwest -- http://127.0.0.1:3000/events
//! ```

use std::{error::Error, io};

use http::{Request, StatusCode, header::AUTHORIZATION};
use ssekit::{
    EventSource,
    client::{DisconnectReason, EventSourceHandle, Update, Verdict},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: client_reqwest URL")?;
    // reqwest follows redirects, and drops the token when one leads to another origin.
    let client = reqwest::Client::new();
    let first = Request::get(url).body("")?;
    let again = first.clone();

    let mut source = EventSource::new(client, first)
        .request(move |attempt| {
            let mut request = again.clone();
            let is_refused = matches!(attempt.reason, Some(DisconnectReason::Status(response)) if response.status() == 401);
            if let Some(token) = token(is_refused) {
                request.headers_mut().insert(AUTHORIZATION, token);
            }
            request
        })
        .decide(|failure| match failure.status() {
            // Once; a fresh token that is refused, too, is final.
            Some(StatusCode::UNAUTHORIZED) if failure.attempts() == 0 => Verdict::Reconnect,
            _ => failure.default(),
        });
    reconnect_on_a_line(source.handle());
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

/// A real program would have a token service, and ask it anew if the last token was refused.
fn token(_is_refused: bool) -> Option<http::HeaderValue> {
    let token = std::env::var("TOKEN").ok()?;
    format!("Bearer {token}").try_into().ok()
}

/// Any task or thread can steer the client, here one that waits for input.
fn reconnect_on_a_line(handle: EventSourceHandle) {
    std::thread::spawn(move || {
        for _ in io::stdin().lines().map_while(Result::ok) {
            handle.reconnect();
        }
    });
}
