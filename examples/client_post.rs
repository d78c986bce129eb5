//! Calls a tool of a Model Context Protocol server (streamable HTTP) and prints what it answers: a POST that is
//! answered by an event stream, and resumed by GET after the connection broke off.
//!
//! ```text
//! cargo run --features client --example client_post -- http://127.0.0.1:3000/mcp '{"jsonrpc":"2.0","id":1,"method":"tools/call"}'
//! ```
//!
//! The POST is never sent twice: as long as no event ID was seen, a broken connection is an error. Versions of the
//! protocol from 2026-07-28 on have no resumption; their servers send no IDs.

use std::error::Error;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header::CONTENT_TYPE};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ssekit::{EventSource, client::Update};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(uri), Some(call)) = (arguments.next(), arguments.next()) else {
        return Err("usage: client_post URL MESSAGE".into());
    };
    let mut source = call_tool(uri.parse()?, call);
    while let Some(update) = source.next().await {
        match update? {
            Update::Event(event) => {
                println!("{}", event.data());
                // The response to the request is the last message of its stream.
                if is_response(event.data()) {
                    break;
                }
            }
            Update::Reconnecting { delay, reason } => eprintln!("{reason}; resuming in {delay:.1?}"),
            _ => {}
        }
    }
    Ok(())
}

/// Creates the client: its first request is the POST, each one that resumes is a GET.
pub(crate) fn call_tool(uri: Uri, call: String) -> EventSource<Full<Bytes>> {
    let mut connector = HttpConnector::new();
    // A request must not wait for the acknowledgement of the one before.
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);

    let mut get = Request::new(Full::default());
    *get.uri_mut() = uri;
    let mut post = get.clone();
    *post.method_mut() = Method::POST;
    post.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *post.body_mut() = Full::from(call);
    EventSource::new(move |request| client.request(request), post.clone())
        .request(move |attempt| if attempt.last_event_id.is_empty() { post.clone() } else { get.clone() })
}

/// Returns whether a message answers a request: it has a result or an error, where a notification has a method.
pub(crate) fn is_response(message: &str) -> bool {
    let message: serde_json::Value = serde_json::from_str(message).unwrap_or_default();
    message.get("result").is_some() || message.get("error").is_some()
}
