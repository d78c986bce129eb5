//! Requests that are wrong, too large or nonsense: the hub says so, publishes nothing, and goes on.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

use crate::support::hub_process::{HubProcess, Stats};
use crate::support::subscriber::{PATIENCE, Subscriber};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A hub with a subscriber, who must see nothing of what goes wrong.
struct Bystander {
    hub: HubProcess,
    stream: Subscriber,
    before: Stats,
}

impl Bystander {
    async fn new() -> Self {
        let hub = HubProcess::start(&[]).await;
        hub.publish("/events?topic=a", "before").await;
        let mut stream = Subscriber::new(hub.address(), "/events?topic=a&from=oldest").await;
        stream.position().await;
        assert_eq!(stream.event().await.unwrap().data(), "before");
        let before = hub.stats().await;
        Self { hub, stream, before }
    }

    /// The statistics are what they were, with so many gaps told since, and the next event comes next.
    async fn sees_nothing(mut self, gaps: u64) {
        let expected = Stats { gaps: self.before.gaps + gaps, ..self.before };
        let stats = self.hub.stats_when(PATIENCE, |stats| stats.subscribers <= expected.subscribers).await;
        assert_eq!(stats, expected);
        self.hub.publish("/events?topic=a", "after").await;
        assert_eq!(self.stream.event().await.unwrap().data(), "after");
        self.hub.stop().await;
    }
}

#[tokio::test]
async fn a_type_that_no_line_can_hold_is_a_bad_request() {
    let bystander = Bystander::new().await;
    for event_type in ["%FF", "a%C3", "a%0D", "a%0Ab", "%0D%0Adata: injected", "position", "reset"] {
        let path = format!("/events?topic=a&event={}", event_type.replace(' ', "%20"));
        let response = bystander.hub.post(&path, "data").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{event_type}");
        assert!(!response.body().is_empty(), "{event_type}");
    }
    bystander.sees_nothing(0).await;
}

#[tokio::test]
async fn data_that_is_not_utf_8_is_a_bad_request() {
    let bystander = Bystander::new().await;
    for data in [&b"\xFF"[..], b"a\xC3", b"\xED\xA0\x80", b"\xC0\x80"] {
        let response = bystander.hub.post("/events?topic=a", data).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{data:?}");
    }
    bystander.sees_nothing(0).await;
}

#[tokio::test]
async fn topics_that_are_wrong_or_too_many_are_a_bad_request() {
    let bystander = Bystander::new().await;
    let long = format!("topic={}", "x".repeat(257));
    let many = vec!["topic=x"; 101].join("&");
    for query in ["topic=%FF", "from=nowhere", &long, &many] {
        let response = bystander.hub.get(&format!("/events?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    for query in ["topic=a&topic=b", "topic=%FF", &long] {
        let path = format!("/events?{query}");
        assert_eq!(bystander.hub.post(&path, "data").await.status(), StatusCode::BAD_REQUEST, "{query}");
        let finish = Request::delete(&path).body(Full::default()).unwrap();
        assert_eq!(bystander.hub.request(finish).await.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    bystander.sees_nothing(0).await;
}

#[tokio::test]
async fn ten_thousand_topics_in_one_query_are_refused() {
    let bystander = Bystander::new().await;
    let query = |count: usize| (0..count).map(|n| format!("&topic=t{n}")).collect::<String>();
    let request = |count| format!("GET /events?{} HTTP/1.1\r\nhost: hub\r\n\r\n", query(count));
    assert_eq!(answer(&bystander.hub, request(100)).await, "200");
    assert_eq!(answer(&bystander.hub, request(101)).await, "400");
    assert_eq!(answer(&bystander.hub, request(5_000)).await, "400");
    assert_eq!(answer(&bystander.hub, request(10_000)).await, "414");
    bystander.sees_nothing(0).await;
}

#[tokio::test]
async fn data_over_one_mebibyte_is_too_large() {
    let bystander = Bystander::new().await;
    for over in [1, 1024, 3 << 20] {
        let data = Bytes::from(vec![b'x'; (1 << 20) + over]);
        let response = bystander.hub.post("/events?topic=a", data).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{over}");
    }
    // One that waits to be told to go on is told not to.
    let head = "POST /events?topic=a HTTP/1.1\r\nhost: hub\r\nexpect: 100-continue\r\n";
    let waiting = format!("{head}content-length: 1048577\r\n\r\n");
    assert_eq!(answer(&bystander.hub, waiting).await, "413");
    // One that does not say how much it is going to send is told in the end.
    let head = "POST /events?topic=a HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunked = format!("{head}100001\r\n{}\r\n0\r\n\r\n", "x".repeat(0x10_0001));
    assert_eq!(answer(&bystander.hub, chunked).await, "413");
    bystander.sees_nothing(0).await;
}

#[tokio::test]
async fn data_of_exactly_one_mebibyte_passes() {
    let hub = HubProcess::start(&[]).await;
    let mut stream = Subscriber::new(hub.address(), "/events").await;
    stream.position().await;
    let data = "x".repeat(1 << 20);
    let id = hub.publish("/events", data.clone()).await;
    let event = stream.event().await.unwrap();
    assert!(event.data() == data, "{} bytes", event.data().len());
    assert_eq!(event.last_event_id(), id);
    hub.stop().await;
}

#[tokio::test]
async fn a_last_event_id_that_is_none_of_ours_is_unknown() {
    let bystander = Bystander::new().await;
    let id = bystander.stream.last_event_id().to_owned();
    let (epoch, _) = id.split_once('-').unwrap();
    let long = "x".repeat(64 << 10);
    let not_ours = [
        &b"\xFF\xFE"[..],
        long.as_bytes(),
        &long.as_bytes()[..257],
        b"nonsense",
        b"1",
        b"-1",
        epoch.as_bytes(),
        &[id.as_bytes(), b"\t."].concat(),
        &[epoch.as_bytes(), b"-01"].concat(),
        &[epoch.as_bytes(), b"-2"].concat(),
        &[epoch.as_bytes(), b"-340282366920938463463374607431768211456"].concat(),
        b"000000000000-1",
        "\u{e9}\u{1f600}".as_bytes(),
    ];
    for value in not_ours {
        let shown = String::from_utf8_lossy(&value[..value.len().min(40)]);
        let mut stream = Subscriber::resume(bystander.hub.address(), "/events?topic=a", value).await;
        assert_eq!(stream.head().status, StatusCode::OK, "{shown}");
        let told = stream.reset("unknown").await;
        assert_eq!(told, id, "{shown}");
        // What it was told is ours.
        let mut stream = Subscriber::resume(bystander.hub.address(), "/events?topic=a", &told).await;
        assert_eq!(stream.position().await, told);
    }
    let path = format!("/events?topic=a&last_event_id={}", "%FF".repeat(10_000));
    Subscriber::new(bystander.hub.address(), &path).await.reset("unknown").await;

    let gaps = not_ours.len() as u64 + 1;
    let before = bystander.before;
    let resumed = before.resumed + not_ours.len() as u64;
    Bystander { before: Stats { resumed, ..before }, ..bystander }.sees_nothing(gaps).await;
}

#[tokio::test]
async fn what_is_not_http_ends_its_own_connection_only() {
    let bystander = Bystander::new().await;
    for garbage in
        ["\0\0\0\0\r\n\r\n", "GET /events\r\n\r\n", "GET /events HTTP/1.1\r\nlast-event-id: \x01\r\n\r\n"]
    {
        assert_eq!(answer(&bystander.hub, garbage.to_owned()).await, "400", "{garbage:?}");
    }
    let endless = format!("GET /events HTTP/1.1\r\nx: {}", "x".repeat(200 << 10));
    assert_eq!(answer(&bystander.hub, endless).await, "431");
    // Half a request, and half a body, and then nothing but the end.
    for half in ["GET /eve", "POST /events?topic=a HTTP/1.1\r\nhost: hub\r\ncontent-length: 10\r\n\r\nhalf"] {
        let mut socket = TcpStream::connect(bystander.hub.address()).await.unwrap();
        socket.write_all(half.as_bytes()).await.unwrap();
        socket.shutdown().await.unwrap();
        timeout(PATIENCE, socket.read_to_end(&mut Vec::new())).await.expect("it stays open").unwrap();
    }
    bystander.sees_nothing(0).await;
}

/// Sends bytes on a connection of their own, and returns the status of the answer.
async fn answer(hub: &HubProcess, request: String) -> String {
    let (mut read, mut write) = TcpStream::connect(hub.address()).await.unwrap().into_split();
    // The hub may answer, and close, before it has read it all.
    let sending = tokio::spawn(async move {
        write.write_all(request.as_bytes()).await.unwrap_or_default();
        write
    });
    let mut head = Vec::new();
    while head.len() < "HTTP/1.1 200".len() {
        let read = timeout(PATIENCE, read.read_buf(&mut head)).await.expect("no answer");
        assert_ne!(read.unwrap(), 0, "closed without an answer");
    }
    sending.abort();
    let head = String::from_utf8_lossy(&head);
    head.strip_prefix("HTTP/1.1 ").expect("not an answer").get(..3).unwrap().to_owned()
}
