//! Nobody is waited for without a limit.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::{body::Incoming, service::service_fn};
use ssekit::serve::Server;
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex, join},
    time::{Instant, sleep},
};

use crate::{app::App, client::Client, script::Script};

const LIMIT: Duration = Duration::from_secs(7);

/// Opens a connection with a buffer of 16 bytes, asks for `path`, and lets the server write what fits.
async fn stream(server: &Server, app: &App, path: &str) -> (Client<DuplexStream>, Script) {
    let (stream, io) = duplex(16);
    server.spawn(io, app.clone()).await;
    let mut client = Client::new(stream);
    client.get(path).await;
    (client, app.scripts.next().await)
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut() {
    for hand_over in [true, false] {
        let (app, server) = (App::new(), Server::new().write_timeout(LIMIT).hand_over(hand_over));
        let start = Instant::now();
        let (_client, mut script) = stream(&server, &app, "/events").await;
        script.send("data: a\n\n");
        script.dropped().await;
        // tokio's timers have a resolution of one millisecond.
        assert_eq!(start.elapsed().as_millis() / 10, LIMIT.as_millis() / 10, "handed over: {hand_over}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_a_little_now_and_then_is_not_cut() {
    let (app, server) = (App::new(), Server::new().write_timeout(LIMIT));
    let (mut client, mut script) = stream(&server, &app, "/events").await;
    script.send("data: a\n\n".repeat(10));
    script.end();
    let mut received = String::new();
    let mut bytes = [0; 10];
    while !received.ends_with("0\r\n\r\n") {
        sleep(LIMIT - Duration::from_secs(1)).await;
        let len = client.io.read(&mut bytes).await.unwrap();
        assert!(len > 0, "cut after {received:?}");
        received.push_str(std::str::from_utf8(&bytes[..len]).unwrap());
    }
    let (_, body) = received.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, format!("5A\r\n{}\r\n0\r\n\r\n", "data: a\n\n".repeat(10)));
}

/// Serves a stream on which the client has sent `bytes`, and returns how long the server keeps the connection.
async fn kept(bytes: &[u8]) -> Duration {
    let (stream, io) = duplex(4096);
    let server = Server::new().head_timeout(LIMIT);
    let start = Instant::now();
    server.spawn(io, App::new()).await;
    let mut client = Client::new(stream);
    client.send(bytes).await;
    client.rest().await;
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_client_has_a_limited_time_for_the_first_bytes_and_for_the_head() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for bytes in [&b""[..], b"PRI", b"G", b"GET / HTTP/1.1\r\nhost: a\r\n", PREFACE] {
        let kept = kept(bytes).await;
        assert_eq!(kept.as_secs(), LIMIT.as_secs(), "after {}", bytes.escape_ascii());
    }
    // The second request has the same time.
    assert_eq!(kept(b"GET /text HTTP/1.1\r\nhost: a\r\n\r\n").await.as_secs(), LIMIT.as_secs());
    assert_eq!(kept(b"GET /text HTTP/1.1\r\nhost: a\r\n\r\nGET").await.as_secs(), LIMIT.as_secs());
}

/// A body that is always ready.
struct Torrent {
    left: usize,
    sent: Arc<AtomicUsize>,
}

impl Body for Torrent {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        self.sent.fetch_add(1, Ordering::Relaxed);
        // Every other one is empty, and so is never written.
        let data = if left % 2 == 0 { Bytes::from_static(b"data: a\n\n") } else { Bytes::new() };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}

#[tokio::test]
async fn a_body_that_is_always_ready_lets_other_tasks_run() {
    const FRAMES: usize = 100_000;
    let sent = Arc::new(AtomicUsize::new(0));
    let body = Arc::clone(&sent);
    let service = service_fn(move |_: Request<Incoming>| {
        let mut response = Response::new(Torrent { left: FRAMES, sent: Arc::clone(&body) });
        response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
        async { Ok::<_, std::convert::Infallible>(response) }
    });
    // A sink takes everything at once, so that nothing but the server's own bound makes it yield. The request is
    // there, and then nothing comes.
    let (mut request, reader) = duplex(1024);
    tokio::io::AsyncWriteExt::write_all(&mut request, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let server = Server::new();
    server.spawn(join(reader, Sink), service).await;
    // The runtime has one thread.
    let turns = tokio::spawn(async move {
        let mut turns = 0;
        while sent.load(Ordering::Relaxed) < FRAMES {
            yield_now().await;
            turns += 1;
        }
        turns
    });
    let turns = turns.await.unwrap();
    assert!(turns > FRAMES / 1000, "only {turns} turns");
}

/// Goes to the end of the runtime's queue. tokio's own function waits for longer.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

struct Sink;

impl tokio::io::AsyncWrite for Sink {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// hyper 1.12 forgets the second request, which it has read before it has written the first answer.
#[tokio::test(start_paused = true)]
async fn a_request_behind_a_body_that_nobody_read_is_answered() {
    let (app, server) = (App::new(), Server::new());
    let (stream, io) = duplex(16);
    server.spawn(io, app.clone()).await;
    let (reader, mut writer) = tokio::io::split(stream);
    let mut client = Client::new(tokio::io::join(reader, tokio::io::sink()));
    let first = "POST /unread HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc";
    let second = "GET /text HTTP/1.1\r\nhost: a\r\n\r\n";
    let sending = tokio::spawn(async move {
        let sent =
            tokio::io::AsyncWriteExt::write_all(&mut writer, [first, second].concat().as_bytes()).await;
        (sent, writer)
    });
    let script = app.scripts.next().await;
    script.send("data: a\n\n");
    drop(script);
    client.until("0\r\n\r\n").await;
    client.until("text").await;
    drop(sending);
}

#[tokio::test(start_paused = true)]
async fn a_connection_may_stay_in_use_for_longer_than_a_head_may_take() {
    let server = Server::new().head_timeout(LIMIT);
    let (stream, io) = duplex(4096);
    server.spawn(io, App::new()).await;
    let mut client = Client::new(stream);
    for _ in 0..10 {
        sleep(LIMIT / 2).await;
        client.get("/text").await;
        client.until("text").await;
    }
}
