//! `Body` through hyper and real sockets: what was sent before an error arrives, and then the connection breaks.
#![cfg(all(feature = "http-body", feature = "tokio"))]

use std::{convert::Infallible, io, sync::Mutex, time::Duration};

use futures_util::{Stream, stream};
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Bytes, client, server, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ssekit::{Body, Event};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

type Items = Vec<Result<Event, io::Error>>;

fn lost() -> io::Error {
    io::Error::other("source lost")
}

fn response(items: Items) -> Response<Body> {
    ssekit::response(stream::iter(items))
}

/// What was received when the connection broke.
#[derive(Debug, PartialEq)]
struct Received {
    status: u16,
    text: String,
    is_whole: bool,
}

/// Serves one connection with the response, by HTTP/1.1 or by HTTP/2.
async fn serve(response: Response<Body>, is_http2: bool) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let response = Mutex::new(Some(response));
    tokio::spawn(async move {
        let io = TokioIo::new(listener.accept().await.unwrap().0);
        let service = service_fn(move |_| {
            let response = response.lock().unwrap().take().expect("there is one request");
            async move { Ok::<_, Infallible>(response) }
        });
        // An error is what is expected.
        let _ = if is_http2 {
            server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await
        } else {
            server::conn::http1::Builder::new().serve_connection(io, service).await
        };
    });
    TcpStream::connect(address).await.unwrap()
}

async fn over_http1(items: Items) -> Received {
    let mut socket = serve(response(items), false).await;
    socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let Some((head, mut rest)) = text.split_once("\r\n\r\n") else { panic!("no head in {text:?}") };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut received = Received { status, text: String::new(), is_whole: false };
    while let Some((size, chunk)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        received.is_whole = size == 0;
        received.text.push_str(&chunk[..size]);
        rest = &chunk[size + 2..];
    }
    received
}

async fn over_http2(items: Items) -> Received {
    let io = TokioIo::new(serve(response(items), true).await);
    let (mut sender, connection) =
        client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://a/").body(Empty::new()).unwrap();
    let response = sender.send_request(request).await.expect("the head arrives");
    let mut received = Received { status: response.status().into(), text: String::new(), is_whole: true };
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                received.text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
            }
            Err(_) => {
                received.is_whole = false;
                break;
            }
        }
    }
    received
}

async fn over_both(items: impl Fn() -> Items) -> Received {
    let both = async {
        let received = over_http1(items()).await;
        let other = over_http2(items()).await;
        assert!(received == other, "HTTP/1.1 and HTTP/2 differ");
        received
    };
    timeout(Duration::from_secs(60), both).await.expect("the connection breaks")
}

#[tokio::test]
async fn all_that_came_before_an_error_arrives_and_then_the_connection_breaks() {
    let received = over_both(|| vec![Ok(Event::new("a")), Ok(Event::new("b")), Err(lost())]).await;
    let text = "data: a\n\ndata: b\n\n:\n".to_owned();
    assert_eq!(received, Received { status: 200, text, is_whole: false });
}

#[tokio::test]
async fn the_head_arrives_before_an_error_that_comes_at_once() {
    let received = over_both(|| vec![Err(lost())]).await;
    assert_eq!(received, Received { status: 200, text: ":\n".to_owned(), is_whole: false });
}

#[tokio::test]
async fn more_than_sockets_and_windows_hold_arrives_before_an_error() {
    let large = || Event::new("x".repeat(200_000));
    let count = 100;
    let received = over_both(|| (0..count).map(|_| Ok(large())).chain([Err(lost())]).collect()).await;
    assert_eq!((received.status, received.is_whole), (200, false));
    assert_eq!(received.text.len(), count * (200_000 + "data: \n\n".len()) + ":\n".len());
}

#[tokio::test]
async fn a_client_that_goes_while_an_error_waits_lets_the_body_go() {
    /// Sends for ever, and fails.
    fn endless(dropped: tokio::sync::oneshot::Sender<()>) -> impl Stream<Item = Result<Event, io::Error>> {
        stream::unfold((0, dropped), |(sent, dropped)| async move {
            let item = if sent < 100 { Ok(Event::new("x".repeat(200_000))) } else { Err(lost()) };
            Some((item, (sent + 1, dropped)))
        })
    }
    for is_http2 in [false, true] {
        let (dropped, gone) = tokio::sync::oneshot::channel();
        let mut socket = serve(ssekit::response(endless(dropped)), is_http2).await;
        if is_http2 {
            let io = TokioIo::new(socket);
            let (mut sender, connection) =
                client::conn::http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), io).await.unwrap();
            let connection = tokio::spawn(connection);
            let request = Request::get("http://a/").body(Empty::new()).unwrap();
            drop(sender.send_request(request).await.unwrap());
            connection.abort();
        } else {
            socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            socket.read_exact(&mut [0; 100]).await.unwrap();
            drop(socket);
        }
        timeout(Duration::from_secs(60), gone).await.expect("the stream is dropped").unwrap_err();
    }
}
