//! What a client receives is the same whether a stream is handed over or stays with hyper, whatever the client sends.
//!
//! Both servers get the same bytes in the same pieces. The one that hands over says nothing more after its first event
//! stream; up to there all responses agree but for `connection: close`.

use std::{
    cell::Cell,
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    io, panic,
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use ssekit::serve::{RequestBody, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    time::timeout,
};

/// Serves a client that sends these bytes, in pieces of this length, then nothing more, and reads to the end.
pub(crate) fn check(sent: &[u8], piece: usize, buffer: usize) {
    let receive = |hand_over: bool| {
        // Its clock goes on when nobody has anything to do, so that no time limit takes time.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime can be had").block_on(received(
            sent,
            piece.max(1),
            buffer.max(1),
            hand_over,
        ))
    };
    watch_panics();
    let (ours, hypers) = (receive(true), receive(false));
    assert!(!PANICKED.get(), "a task of the server panicked. Sent: {}", sent.escape_ascii());
    if sent.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
        return;
    }
    let context = || {
        let [ours, hypers] = [&ours, &hypers].map(|wire| wire.escape_ascii());
        format!("sent: {}\nours: {ours}\nhyper's: {hypers}", sent.escape_ascii())
    };
    let (ours, hypers) = (parse(&ours), parse(&hypers));
    for (at, our) in ours.iter().enumerate() {
        let last = at + 1 == ours.len();
        let Some(hyper) = hypers.get(at) else {
            // hyper forgets a head that was not written when the body fails.
            assert!(last && our.is_failing(), "{}", context());
            return;
        };
        assert_eq!(our.head, hyper.head, "{}", context());
        if our.is_failing() {
            assert!(last && !our.complete, "{}", context());
            assert!(our.body.starts_with(&hyper.body), "{}", context());
            return;
        }
        assert_eq!((&our.body, our.complete), (&hyper.body, hyper.complete), "{}", context());
        if our.closes && !hyper.closes {
            assert!(last, "{}", context());
            return;
        }
    }
    // A request that asks for the end of the connection is the last one anyhow.
    let ended = ours.last().is_some_and(|response| response.closes);
    assert!(ended || ours.len() == hypers.len(), "{}", context());
}

/// Notes each panic of a thread, since a runtime keeps the panics of its tasks.
fn watch_panics() {
    static WATCHING: Once = Once::new();
    WATCHING.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICKED.set(true);
            print(info);
        }));
    });
}

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

async fn received(sent: &[u8], piece: usize, buffer: usize, hand_over: bool) -> Vec<u8> {
    let server = Server::new().half_close(true).hand_over(hand_over);
    let (client, stream) = duplex(buffer);
    server.spawn(stream, Service).await;
    let (mut reader, mut writer) = split(client);
    let send = async {
        for piece in sent.chunks(piece) {
            // The server may have gone, and need not have read all.
            if writer.write_all(piece).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        let _ = writer.shutdown().await;
    };
    let mut received = Vec::new();
    let receive = async {
        let _ = reader.read_to_end(&mut received).await;
    };
    // The server ends each connection, whatever hyper does.
    timeout(FOR_EVER, join(send, receive)).await.expect("the connection ends");
    received
}

async fn join(send: impl Future<Output = ()>, receive: impl Future<Output = ()>) {
    let (mut send, mut receive) = (Box::pin(send), Box::pin(receive));
    let mut sent = false;
    std::future::poll_fn(|cx| {
        sent = sent || send.as_mut().poll(cx).is_ready();
        receive.as_mut().poll(cx)
    })
    .await;
}

/// Answers as the path says.
#[derive(Clone)]
struct Service;

/// A body that the path describes, letter by letter: `d` is an event, `D` a large one, `0` an empty frame, `p` a pause,
/// `x` an error.
struct Described(VecDeque<u8>);

impl tower_service::Service<Request<RequestBody>> for Service {
    type Response = Response<Described>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        Box::pin(async { Ok(answer(request).await) })
    }
}

async fn answer(request: Request<RequestBody>) -> Response<Described> {
    let letters: VecDeque<u8> = request.uri().path().bytes().collect();
    let has = |letter: u8| letters.contains(&letter);
    let mut response = Response::new(Described(letters.clone()));
    let headers = response.headers_mut();
    if [Method::HEAD, Method::CONNECT].contains(request.method()) {
        headers.insert("x-bare", HeaderValue::from_static("1"));
    }
    if has(b'x') {
        headers.insert("x-failing", HeaderValue::from_static("1"));
    }
    if has(b'e') {
        headers.insert("content-type", HeaderValue::from_static("text/event-stream"));
    }
    if has(b'z') {
        headers.insert("content-encoding", HeaderValue::from_static("identity"));
    }
    if has(b'c') {
        headers.append("connection", HeaderValue::from_static("x-option"));
        headers.append("connection", HeaderValue::from_static("x-other"));
    }
    if has(b'n') {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    if has(b'r') {
        let mut body = request.into_body();
        while let Some(Ok(_)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {}
    }
    response
}

impl Body for Described {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            return Poll::Ready(match self.0.pop_front() {
                None => None,
                Some(b'd') => Some(Ok(Frame::data(Bytes::from_static(b"data: d\n\n")))),
                Some(b'D') => Some(Ok(Frame::data(Bytes::from(vec![b':'; 3_000])))),
                Some(b'0') => Some(Ok(Frame::data(Bytes::new()))),
                Some(b'x') => Some(Err(io::Error::other("the path says so"))),
                Some(b'p') => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(_) => continue,
            });
        }
    }
}

/// One response.
#[derive(Debug)]
struct Parsed {
    /// The status line and all headers but `date` and `connection`, in order.
    head: Vec<String>,
    closes: bool,
    body: Vec<u8>,
    complete: bool,
}

impl Parsed {
    fn is_failing(&self) -> bool {
        self.head.iter().any(|line| line.starts_with("x-failing"))
    }
}

/// Parses what a server has sent. Anything that is no sequence of responses, of which the last may be cut, is an error.
fn parse(mut wire: &[u8]) -> Vec<Parsed> {
    let mut parsed = Vec::new();
    while let Some(end) = wire.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
        let text = std::str::from_utf8(&wire[..end]).expect("a head is text");
        wire = &wire[end + 4..];
        assert!(text.starts_with("HTTP/1."), "no status line: {text:?}");
        if text.starts_with("HTTP/1.1 100 ") {
            continue;
        }
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let bodiless = value("x-bare: ").is_some() || text[9..].starts_with("204");
        let (body, complete) = match (value("content-length: "), value("transfer-encoding: ")) {
            _ if bodiless => (Vec::new(), true),
            (Some(length), None) => {
                let length: usize = length.parse().expect("a length is a number");
                let (body, rest) = wire.split_at(length.min(wire.len()));
                wire = rest;
                (body.to_vec(), body.len() == length)
            }
            (None, Some("chunked")) => chunked(&mut wire),
            (None, None) => (std::mem::take(&mut wire).to_vec(), true),
            other => panic!("framed in no way that is known: {other:?}"),
        };
        let closes = value("connection: ").is_some_and(|options| options.contains("close"));
        let varies = |line: &&str| line.starts_with("date: ") || line.starts_with("connection: ");
        let head = text.lines().filter(|line| !varies(line)).map(str::to_owned).collect();
        parsed.push(Parsed { head, closes, body, complete });
    }
    parsed
}

fn chunked(wire: &mut &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = wire.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = std::str::from_utf8(&wire[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
        let rest = &wire[end + 2..];
        if rest.len() < size + 2 {
            body.extend_from_slice(&rest[..size.min(rest.len())]);
            break;
        }
        assert_eq!(&rest[size..size + 2], b"\r\n", "a chunk is followed by the end of a line");
        *wire = &rest[size + 2..];
        if size == 0 {
            return (body, true);
        }
        body.extend_from_slice(&rest[..size]);
    }
    *wire = &[];
    (body, false)
}

/// Longer than any time limit of the server.
const FOR_EVER: Duration = Duration::from_secs(86_400);
