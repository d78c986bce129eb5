//! Which streams are handed over, and when.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use ssekit::serve::Server;
use tokio::io::duplex;

use crate::{
    app::{App, BIG, Running},
    client::{Client, is_handed_over, patiently},
};

#[tokio::test]
async fn an_event_stream_is_handed_over_and_sent_frame_by_frame() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    // The head does not wait for a frame.
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"), "{head}");
    assert!(is_handed_over(&head), "{head}");
    let mut script = running.scripts.next().await;
    for data in ["data: a\n\n", "data: b\n\n"] {
        script.send(data);
        assert_eq!(client.until("\n\n\r\n").await, format!("9\r\n{data}\r\n"));
    }
    script.end();
    assert_eq!(client.orderly_rest().await, "0\r\n\r\n");
}

#[tokio::test]
async fn the_switch_leaves_all_streams_with_hyper() {
    let running = Running::start(Server::new().hand_over(false)).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    assert!(!is_handed_over(&client.head().await));
    let mut script = running.scripts.next().await;
    script.send("data: a\n\n");
    script.end();
    assert_eq!(client.until("0\r\n\r\n").await, "9\r\ndata: a\n\n\r\n0\r\n\r\n");
    client.get("/text").await;
    assert!(client.head().await.contains("content-length: 4\r\n"));
}

#[tokio::test]
async fn a_request_on_a_reused_connection_is_handed_over() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    for _ in 0..2 {
        client.get("/text").await;
        client.until("text").await;
    }
    client.get("/events").await;
    assert!(is_handed_over(&client.head().await));
    running.scripts.next().await.send("data: a\n\n");
    assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n");
}

#[tokio::test]
async fn a_request_behind_a_large_answer_is_handed_over_after_its_last_byte() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\nGET /events HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(client.head().await.contains(&format!("content-length: {BIG}\r\n")));
    let big = client.until("HTTP/1.1 200 OK\r\n").await;
    assert_eq!(big.bytes().filter(|&byte| byte == b'x').count(), BIG);
    assert!(is_handed_over(&client.head().await));
    running.scripts.next().await.send("data: a\n\n");
    assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n");
}

/// Taking a connection apart drops what hyper has still to write.
#[tokio::test]
async fn an_earlier_answer_is_written_to_its_last_byte() {
    let (app, server) = (App::new(), Server::new());
    // Not even the head of the earlier answer fits, as long as the client does not read.
    let (stream, io) = duplex(16);
    server.spawn(io, app.clone()).await;
    let mut client = Client::new(stream);
    // The service answers before the body comes, so that hyper reads on with that answer in its buffer.
    client.send("POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await;
    patiently(app.early.notified()).await;
    client.send("bodyGET /events HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let script = patiently(app.scripts.next()).await;
    script.send("data: a\n\n");
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 204 No Content\r\ndate: "), "{head}");
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && is_handed_over(&head), "{head}");
    assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n");
}

#[tokio::test]
async fn bytes_behind_the_request_are_discarded() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    let pipelined = "GET /text HTTP/1.1\r\nhost: a\r\n\r\n";
    client.send(format!("GET /events HTTP/1.1\r\nhost: a\r\n\r\n{pipelined}")).await;
    client.head().await;
    let mut script = running.scripts.next().await;
    client.send(pipelined).await;
    script.send("data: a\n\n");
    script.end();
    assert_eq!(client.orderly_rest().await, "9\r\ndata: a\n\n\r\n0\r\n\r\n");
}

#[tokio::test]
async fn more_than_64_kib_behind_the_request_end_the_connection() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    client.head().await;
    let mut script = running.scripts.next().await;
    client.send(vec![b'x'; 64 * 1024]).await;
    script.send("data: a\n\n");
    assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n");
    assert!(!script.is_dropped());
    client.send("x").await;
    patiently(script.dropped()).await;
    client.rest().await;
}

#[tokio::test]
async fn bytes_that_came_together_with_the_request_count() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    let request = b"GET /events HTTP/1.1\r\nhost: a\r\n\r\n";
    // All at once, so that much of it is in hyper's buffer.
    client.send([&request[..], &vec![b'x'; 64 * 1024 + 1]].concat()).await;
    patiently(running.scripts.next().await.dropped()).await;
}

#[tokio::test]
async fn a_body_must_have_been_read_to_its_end() {
    let running = Running::start(Server::new()).await;
    let length = "content-length: 4\r\n\r\nbody";
    let chunked = "transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
    let none = "content-length: 0\r\n\r\n";
    for (path, body, expected) in [
        ("/read", length, true),
        ("/read", chunked, true),
        ("/read", none, true),
        ("/unread", length, false),
        ("/unread", chunked, false),
        ("/unread", none, true),
    ] {
        let mut client = Client::connect(running.address).await;
        client.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\n{body}")).await;
        assert_eq!(is_handed_over(&client.head().await), expected, "{path} {body}");
        let script = running.scripts.next().await;
        script.send("data: a\n\n");
        assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n", "{path} {body}");
    }
}

#[tokio::test]
async fn continue_is_sent_before_the_head() {
    let running = Running::start(Server::new()).await;
    let request = "expect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    let mut client = Client::connect(running.address).await;
    client.send(format!("POST /read HTTP/1.1\r\nhost: a\r\n{request}")).await;
    assert_eq!(client.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body").await;
    assert!(is_handed_over(&client.head().await));

    // Nobody has asked for the body, so the client may or may not send it.
    let mut client = Client::connect(running.address).await;
    client.send(format!("POST /unread HTTP/1.1\r\nhost: a\r\n{request}")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    drop(running.scripts.next().await);
    let mut script = running.scripts.next().await;
    script.send("data: a\n\n");
    assert_eq!(client.until("\n\n\r\n").await, "9\r\ndata: a\n\n\r\n");
    script.end();
}

#[tokio::test]
async fn what_is_not_a_plain_event_stream_stays_with_hyper() {
    let running = Running::start(Server::new()).await;
    for (request, answer) in [
        ("HEAD /events HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /events HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK"),
        ("GET /events HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", "HTTP/1.0 200 OK"),
        ("GET /events HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n", "HTTP/1.1 200 OK"),
        ("CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /created HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 201 Created"),
        ("GET /html HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /length HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /known HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /empty HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /chunked HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /encoded HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /trailer HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /upgradable HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 OK"),
        ("GET /reason HTTP/1.1\r\nhost: a\r\n\r\n", "HTTP/1.1 200 Fine"),
    ] {
        let mut client = Client::connect(running.address).await;
        client.send(request).await;
        let head = client.head().await;
        assert!(head.starts_with(answer), "{request}: {head}");
        assert!(!is_handed_over(&head), "{request}: {head}");
    }
}

#[tokio::test]
async fn a_client_that_closes_after_the_answer_is_handed_over_too() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.send("GET /events HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    client.head().await;
    let mut script = running.scripts.next().await;
    script.send("data: a\n\n");
    script.end();
    assert_eq!(client.orderly_rest().await, "9\r\ndata: a\n\n\r\n0\r\n\r\n");
}

#[tokio::test]
async fn upgrades_work() {
    let running = Running::start(Server::new()).await;
    let mut client = Client::connect(running.address).await;
    client.send("GET /upgrade HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: loud\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    client.send("hello").await;
    assert_eq!(client.orderly_rest().await, "HELLO");
}

#[tokio::test]
async fn frames_arrive_whole_whatever_their_size() {
    let headers = HeaderMap::from_iter([(http::header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))]);
    let running = Running::with_headers(Server::new(), headers).await;
    let mut client = Client::connect(running.address).await;
    client.get("/events").await;
    client.head().await;
    let mut script = running.scripts.next().await;
    let mut expected = Vec::new();
    // An empty frame would end the body, and the largest do not fit into a socket's buffer.
    for len in [0, 1, 15, 16, 17, 0, 4096, 65_536, 3 << 20, 0] {
        script.send(Bytes::from(vec![b'a'; len]));
        if len > 0 {
            expected.extend_from_slice(format!("{len:X}\r\n{}\r\n", "a".repeat(len)).as_bytes());
        }
    }
    for _ in 0..1000 {
        script.send("data: many\n\n");
        expected.extend_from_slice(b"C\r\ndata: many\n\n\r\n");
    }
    script.end();
    expected.extend_from_slice(b"0\r\n\r\n");
    assert!(client.orderly_rest().await.as_bytes() == expected);
}
