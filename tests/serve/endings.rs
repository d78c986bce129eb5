//! How a stream that was handed over ends.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use ssekit::serve::Server;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    time::{Instant, advance},
};

use crate::{
    app::{App, Running},
    client::{Client, patiently},
    script::Step,
};

/// Sends two frames, then does `last`, and returns what comes after the head.
async fn ending(last: Step) -> Vec<u8> {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    client.head().await;
    let mut script = running.scripts.next().await;
    script.send("data: a\n\n");
    script.send("data: b\n\n");
    script.step(last);
    patiently(script.dropped()).await;
    client.rest().await
}

const BOTH: &[u8] = b"9\r\ndata: a\n\n\r\n9\r\ndata: b\n\n\r\n";

#[tokio::test]
async fn after_an_error_all_that_was_yielded_arrives_and_no_end() {
    assert_eq!(ending(Step::Fail).await, BOTH);
}

#[tokio::test]
async fn after_a_panic_all_that_was_yielded_arrives_and_no_end() {
    assert_eq!(ending(Step::Panic).await, BOTH);
}

#[tokio::test]
async fn trailers_end_the_stream_in_order() {
    assert_eq!(ending(Step::Trailers).await, [BOTH, b"0\r\n\r\n"].concat());
}

#[tokio::test]
async fn an_error_before_the_first_frame_leaves_the_head() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    running.scripts.next().await.step(Step::Fail);
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(client.rest().await, b"");
}

/// A socket that is closed with unread bytes resets the connection, and the last bytes are lost.
#[tokio::test]
async fn the_last_bytes_survive_a_client_that_goes_on_sending() {
    for _ in 0..20 {
        let running = Running::start(Server::new()).await;
        let mut client = Client::connect(running.address).await;
        client.get("/events").await;
        client.head().await;
        let mut script = running.scripts.next().await;
        script.send("data: last\n\n".repeat(1000));
        script.end();
        patiently(script.dropped()).await;
        // The server has nothing more to say.
        client.send(vec![b'x'; 10_000]).await;
        assert!(client.orderly_rest().await.ends_with("data: last\n\n\r\n0\r\n\r\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_waits_a_second_for_the_client_to_close() {
    let server = Server::new().max_connections(1);
    let app = App::new();
    let (stream, io) = duplex(1024);
    let mut client = Client::new(stream);
    server.spawn(io, app.clone()).await;
    client.get("/events").await;
    client.head().await;
    app.scripts.next().await.end();
    assert_eq!(client.orderly_rest().await, "0\r\n\r\n");
    // There is room for another connection when this one has ended.
    let start = Instant::now();
    server.spawn(duplex(1024).0, app.clone()).await;
    assert_eq!(start.elapsed().as_secs(), 1);

    let (stream, io) = duplex(1024);
    let mut client = Client::new(stream);
    server.spawn(io, app.clone()).await;
    client.get("/events").await;
    client.head().await;
    app.scripts.next().await.end();
    client.orderly_rest().await;
    let start = Instant::now();
    drop(client);
    server.spawn(duplex(1024).0, app).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// What a TLS stream does beside carrying bytes: its own buffer, and `close_notify` at shutdown.
struct Recorder {
    io: DuplexStream,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

impl Recorder {
    fn note(&self, call: &'static str) {
        let mut calls = self.calls.lock().unwrap();
        if calls.last() != Some(&call) {
            calls.push(call);
        }
    }
}

impl AsyncRead for Recorder {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.note("write");
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note("write");
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note("flush");
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note("shutdown");
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.note("drop");
    }
}

/// Returns the last calls on a stream that ends as `last` says.
async fn last_calls(last: Option<Step>) -> Vec<&'static str> {
    let (app, calls) = (App::new(), Arc::default());
    let (stream, io) = duplex(1024);
    let server = Server::new();
    server.spawn(Recorder { io, calls: Arc::clone(&calls) }, app.clone()).await;
    let mut client = Client::new(stream);
    client.get("/events").await;
    client.head().await;
    let mut script = app.scripts.next().await;
    match last {
        Some(step) => script.step(step),
        None => script.end(),
    }
    client.rest().await;
    drop(client);
    server.shut_down().await;
    calls.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_is_flushed_and_shut_down_and_a_cut_is_not_shut_down() {
    let calls = last_calls(None).await;
    assert!(
        calls.ends_with(&["write", "flush", "shutdown", "flush", "drop"])
            || calls.ends_with(&["write", "flush", "shutdown", "drop"]),
        "{calls:?}"
    );
    for step in [Step::Fail, Step::Panic] {
        let calls = last_calls(Some(step)).await;
        assert!(calls.ends_with(&["write", "flush", "drop"]), "{calls:?}");
    }
}

/// `advance` and the timers of the server follow the same clock.
#[tokio::test(start_paused = true)]
async fn a_stream_may_be_silent_for_days() {
    let (app, server) = (App::new(), Server::new());
    let (stream, io) = duplex(1024);
    server.spawn(io, app.clone()).await;
    let mut client = Client::new(stream);
    client.get("/events").await;
    client.head().await;
    let script = app.scripts.next().await;
    for _ in 0..3 {
        advance(Duration::from_secs(86_400)).await;
        script.send("data: a\n\n");
        assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n");
    }
}
