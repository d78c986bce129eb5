//! The head of a stream that was handed over is the one that hyper writes.

use std::convert::Infallible;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use ssekit::serve::Server;
use tokio::io::duplex;

use crate::{client::Client, script::scripted};

/// Returns the head that the server writes, and the one that hyper writes when the connection is to close.
async fn heads(headers: &HeaderMap) -> (String, String) {
    let respond = |headers: HeaderMap| {
        service_fn(move |_: Request<Incoming>| {
            let (script, body) = scripted();
            script.send("data: a\n\n");
            let mut response = Response::new(body);
            *response.headers_mut() = headers.clone();
            async move { Ok::<_, Infallible>(response) }
        })
    };
    let (ours, stream) = duplex(64 * 1024);
    let server = Server::new();
    server.spawn(stream, respond(headers.clone())).await;
    let (hypers, stream) = duplex(64 * 1024);
    let connection = http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), respond(headers.clone()));
    let connection = tokio::spawn(connection);
    let mut heads = Vec::new();
    for stream in [ours, hypers] {
        let mut client = Client::new(stream);
        client.get("/").await;
        heads.push(client.head().await);
    }
    connection.abort();
    drop(server);
    (heads.remove(0), heads.remove(0))
}

fn headers(lines: &[(&'static str, &'static [u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    headers
}

#[tokio::test]
async fn it_is_byte_for_byte_that_of_hyper() {
    const TYPE: (&str, &[u8]) = ("content-type", b"text/event-stream");
    for lines in [
        &[TYPE][..],
        &[
            ("x-first", b"1"),
            TYPE,
            ("cache-control", b"no-cache, no-transform"),
            ("x-accel-buffering", b"no"),
        ],
        &[("set-cookie", b"a=1"), TYPE, ("set-cookie", b"b=2"), ("vary", b"origin"), ("set-cookie", b"c=3")],
        &[TYPE, ("connection", b"x-one")],
        &[("connection", b"x-one"), TYPE, ("connection", b"x-two, x-three"), ("x-last", b"")],
        &[("connection", b"Close"), TYPE],
        &[("connection", b"x-one, close"), TYPE, ("connection", b"x-two")],
        &[("connection", b"keep-alive"), TYPE],
        &[("connection", b""), TYPE],
        &[("connection", b"caf\xe9"), TYPE],
        &[TYPE, ("date", b"Sun, 06 Nov 1994 08:49:37 GMT")],
        &[("date", b"yesterday"), ("date", b"today"), TYPE],
        &[("content-type", b"text/html"), ("x-latin", b"caf\xe9".as_slice()), TYPE],
        &[("content-type", b"text/event-stream; charset=utf-8"), ("x-tab", b"a\tb")],
    ] {
        // `x-latin` is not UTF-8, and the client here wants UTF-8.
        let lines: Vec<_> = lines.iter().copied().filter(|(_, value)| value.is_ascii()).collect();
        let headers = headers(&lines);
        loop {
            let (ours, hypers) = heads(&headers).await;
            // The date may have changed in between.
            if date(&ours) == date(&hypers) {
                assert_eq!(ours, hypers);
                assert!(ours.to_lowercase().contains("close"), "it was handed over: {ours}");
                break;
            }
        }
    }
}

fn date(head: &str) -> Option<&str> {
    head.lines().find(|line| line.starts_with("date: "))
}
