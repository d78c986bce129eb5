//! What the hub answers to requests that it understands, over real sockets.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

use std::{collections::BTreeSet, time::Duration};

use crate::support::hub_process::{HubProcess, Stats};
use crate::support::subscriber::{Block, PATIENCE, Subscriber};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ssekit::{Bounds, ReceivedEvent};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_stream_begins_with_the_reconnection_time_and_its_position() {
    let hub = HubProcess::start(&[]).await;
    let mut stream = Subscriber::new(hub.address(), "/events?topic=a").await;
    assert_eq!(stream.head().status, StatusCode::OK);
    assert_stream_headers(&stream.head().headers);
    assert_eq!(stream.block().await, Some(Block::Retry(Duration::from_secs(1))));
    let position = stream.position().await;
    assert!(position.ends_with("-0"), "{position}");
    hub.stop().await;
}

#[tokio::test]
async fn an_event_comes_as_it_was_posted() {
    let hub = HubProcess::start(&[]).await;
    let mut stream = Subscriber::new(hub.address(), "/events?topic=a+b%26c").await;
    stream.position().await;
    let posts = [
        ("", "hello", "message", "hello"),
        ("&event=note", "hello", "note", "hello"),
        ("&event=two+words%21", "", "two words!", ""),
        ("", " \u{feff}a\r\nb\rc\n\n", "message", " \u{feff}a\nb\nc\n\n"),
        ("", "data: x\n\nid: 1", "message", "data: x\n\nid: 1"),
    ];
    for (parameter, sent, event_type, data) in posts {
        let response = hub.post(&format!("/events?topic=a%20b%26c{parameter}"), sent).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        let event = stream.event().await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(answer, serde_json::json!({ "id": event.last_event_id() }));
        assert_eq!((event.event_type(), event.data()), (event_type, data));
    }
    hub.stop().await;
}

#[tokio::test]
async fn without_a_topic_it_is_the_default_one() {
    let hub = HubProcess::start(&[]).await;
    let mut named = Subscriber::new(hub.address(), "/events?topic=default").await;
    let mut unnamed = Subscriber::new(hub.address(), "/events").await;
    let mut other = Subscriber::new(hub.address(), "/events?topic=other").await;
    for stream in [&mut named, &mut unnamed, &mut other] {
        stream.position().await;
    }
    hub.publish("/events", "a").await;
    hub.publish("/events?topic=other", "b").await;
    hub.publish("/events?topic=default", "c").await;
    for (stream, expected) in [(&mut named, "a"), (&mut unnamed, "a"), (&mut other, "b")] {
        assert_eq!(stream.event().await.unwrap().data(), expected);
    }
    for stream in [&mut named, &mut unnamed] {
        assert_eq!(stream.event().await.unwrap().data(), "c");
    }
    hub.stop().await;
}

#[tokio::test]
async fn several_topics_come_in_one_order_with_one_last_event_id() {
    let hub = HubProcess::start(&[]).await;
    let mut stream = Subscriber::new(hub.address(), "/events?topic=a&topic=b&topic=a").await;
    let start = stream.position().await;
    let mut expected = Vec::new();
    for (topic, data) in [("a", "1"), ("b", "2"), ("c", "3"), ("b", "4"), ("a", "5"), ("c", "6"), ("a", "7")]
    {
        let id = hub.publish(&format!("/events?topic={topic}"), data).await;
        if topic != "c" {
            expected.push((id, data.to_owned()));
        }
    }
    let id_and_data = |event: ReceivedEvent| (event.last_event_id().to_owned(), event.data().to_owned());
    for event in &expected {
        assert_eq!(stream.event().await.map(id_and_data).as_ref(), Some(event));
    }
    // Each ID resumes across both topics, and so does a position.
    for (at, id) in std::iter::once(&start).chain(expected.iter().map(|(id, _)| id)).enumerate() {
        let mut stream = Subscriber::resume(hub.address(), "/events?topic=b&topic=a", id).await;
        assert_eq!(&stream.position().await, id);
        for event in &expected[at..] {
            assert_eq!(stream.event().await.map(id_and_data).as_ref(), Some(event));
        }
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_new_client_starts_now_or_with_the_oldest_event() {
    let hub = HubProcess::start(&["--replay-events", "3"]).await;
    for data in ["1", "2", "3", "4"] {
        hub.publish("/events?topic=a", data).await;
    }
    let mut now = Subscriber::new(hub.address(), "/events?topic=a").await;
    let mut also_now = Subscriber::new(hub.address(), "/events?topic=a&from=now").await;
    let mut oldest = Subscriber::new(hub.address(), "/events?topic=a&from=oldest").await;
    for stream in [&mut now, &mut also_now] {
        stream.position().await;
    }
    oldest.reset("evicted").await;
    hub.publish("/events?topic=a", "5").await;
    for data in ["2", "3", "4"] {
        assert_eq!(oldest.event().await.unwrap().data(), data);
    }
    for stream in [&mut now, &mut also_now, &mut oldest] {
        assert_eq!(stream.event().await.unwrap().data(), "5");
    }
    hub.stop().await;
}

#[tokio::test]
async fn the_header_comes_before_the_parameter() {
    let hub = HubProcess::start(&[]).await;
    let first = hub.publish("/events?topic=a", "1").await;
    let second = hub.publish("/events?topic=a", "2").await;
    hub.publish("/events?topic=a", "3").await;
    let path = format!("/events?topic=a&last_event_id={first}");
    let mut by_parameter = Subscriber::new(hub.address(), &path).await;
    assert_eq!(by_parameter.position().await, first);
    assert_eq!(by_parameter.event().await.unwrap().data(), "2");
    let mut by_header = Subscriber::resume(hub.address(), &path, &second).await;
    assert_eq!(by_header.position().await, second);
    assert_eq!(by_header.event().await.unwrap().data(), "3");
    hub.stop().await;
}

#[tokio::test]
async fn a_finished_topic_gives_what_is_left_and_ends_and_then_stops_its_clients() {
    let hub = HubProcess::start(&[]).await;
    let mut live = Subscriber::new(hub.address(), "/events?topic=job").await;
    live.position().await;
    let first = hub.publish("/events?topic=job", "1").await;
    let last = hub.publish("/events?topic=job", "2").await;
    hub.finish("/events?topic=job").await;
    assert_eq!(live.rest().await, ["1", "2"]);

    let mut left = Subscriber::resume(hub.address(), "/events?topic=job", &first).await;
    assert_eq!(left.head().status, StatusCode::OK);
    assert_eq!(left.position().await, first);
    assert_eq!(left.rest().await, ["2"]);
    let mut all = Subscriber::new(hub.address(), "/events?topic=job&from=oldest").await;
    all.position().await;
    assert_eq!(all.rest().await, ["1", "2"]);

    for id in [&*last, ""] {
        let mut nothing = Subscriber::resume(hub.address(), "/events?topic=job", id).await;
        assert_eq!(nothing.head().status, StatusCode::NO_CONTENT, "{id:?}");
        assert_eq!(nothing.rest().await, [""; 0]);
    }
    let mut unknown = Subscriber::resume(hub.address(), "/events?topic=job", "nonsense").await;
    let told = unknown.reset("unknown").await;
    assert_eq!(unknown.rest().await, [""; 0]);
    let nothing = Subscriber::resume(hub.address(), "/events?topic=job", &told).await;
    assert_eq!(nothing.head().status, StatusCode::NO_CONTENT);

    assert_eq!(hub.post("/events?topic=job", "3").await.status(), StatusCode::CONFLICT);
    hub.finish("/events?topic=job").await;
    hub.finish("/events?topic=never+used").await;
    let nothing = Subscriber::new(hub.address(), "/events?topic=never+used&from=oldest").await;
    assert_eq!(nothing.head().status, StatusCode::NO_CONTENT);
    hub.publish("/events?topic=another", "4").await;
    assert_eq!(hub.stats().await.published, 3);
    hub.stop().await;
}

#[tokio::test]
async fn a_stream_of_several_topics_ends_when_all_are_finished() {
    let hub = HubProcess::start(&[]).await;
    let mut stream = Subscriber::new(hub.address(), "/events?topic=a&topic=b").await;
    stream.position().await;
    hub.publish("/events?topic=a", "1").await;
    hub.finish("/events?topic=a").await;
    assert_eq!(stream.event().await.unwrap().data(), "1");
    hub.publish("/events?topic=b", "2").await;
    assert_eq!(stream.event().await.unwrap().data(), "2");
    let both = Subscriber::resume(hub.address(), "/events?topic=a&topic=b", stream.last_event_id()).await;
    assert_eq!(both.head().status, StatusCode::OK);
    hub.publish("/events?topic=b", "3").await;
    hub.finish("/events?topic=b").await;
    assert_eq!(stream.rest().await, ["3"]);
    let both = Subscriber::resume(hub.address(), "/events?topic=a&topic=b", stream.last_event_id()).await;
    assert_eq!(both.head().status, StatusCode::NO_CONTENT);
    hub.stop().await;
}

#[tokio::test]
async fn the_statistics_are_exact() {
    let hub = HubProcess::start(&["--replay-events", "3"]).await;
    let body = hub.get("/stats").await.into_body();
    let stats: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&body).unwrap();
    let expected =
        "delivered gaps lagged published resumed ring_bytes ring_events subscribers topics uptime_s";
    assert_eq!(stats.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected.split(' ').collect());
    assert!(stats.values().all(serde_json::Value::is_u64), "{stats:?}");

    let mut both = Subscriber::new(hub.address(), "/events?topic=a&topic=b").await;
    let mut one = Subscriber::new(hub.address(), "/events?topic=a").await;
    let mut ids = Vec::new();
    for (topic, data) in [("a", "1"), ("a", "22"), ("b", "333"), ("a", "4444"), ("a", "55555")] {
        ids.push(hub.publish(&format!("/events?topic={topic}"), data).await);
    }
    for (stream, count) in [(&mut both, 5), (&mut one, 4)] {
        stream.position().await;
        for _ in 0..count {
            stream.event().await.unwrap();
        }
    }
    let text = |n: usize, data: &str| format!("id: {}\ndata: {data}\n\n", ids[n]).len();
    let texts = text(1, "22") + text(2, "333") + text(3, "4444") + text(4, "55555");
    let mut expected = Stats {
        subscribers: 2,
        topics: 2,
        published: 5,
        delivered: 9,
        lagged: 0,
        resumed: 0,
        gaps: 0,
        ring_events: 4,
        ring_bytes: (texts + 4 * Bounds::EVENT_OVERHEAD) as u64,
    };
    assert_eq!(hub.stats().await, expected);

    drop(both);
    let mut resumed = Subscriber::resume(hub.address(), "/events?topic=b&topic=c", &ids[1]).await;
    resumed.position().await;
    resumed.event().await.unwrap();
    let mut unknown = Subscriber::resume(hub.address(), "/events?topic=a", format!("{}0", ids[0])).await;
    unknown.reset("unknown").await;
    hub.publish("/events?topic=a", "6").await;
    for stream in [&mut one, &mut unknown] {
        stream.event().await.unwrap();
    }
    let mut evicted = Subscriber::resume(hub.address(), "/events?topic=a", &ids[0]).await;
    evicted.reset("evicted").await;
    for _ in 0..3 {
        evicted.event().await.unwrap();
    }
    let texts = text(2, "333") + text(3, "4444") + text(4, "55555") + text(4, "6");
    expected = Stats {
        subscribers: 4,
        topics: 3,
        published: 6,
        delivered: 9 + 1 + 2 + 3,
        resumed: 1,
        gaps: 2,
        ring_bytes: (texts + 4 * Bounds::EVENT_OVERHEAD) as u64,
        ..expected
    };
    // Of the one that was dropped, the hub hears in its own time.
    assert_eq!(hub.stats_when(PATIENCE, |stats| stats.subscribers == 4).await, expected);
    hub.stop().await;
}

#[tokio::test]
async fn a_silence_is_filled() {
    let hub = HubProcess::start(&["--heartbeat", "0.05"]).await;
    let mut stream = Subscriber::new(hub.address(), "/events?topic=quiet").await;
    let position = stream.position().await;
    for _ in 0..3 {
        assert_eq!(stream.block().await, Some(Block::Comment));
    }
    let id = hub.publish("/events?topic=another", "1").await;
    let event = stream.event().await.unwrap();
    assert_eq!((event.event_type(), event.data(), event.last_event_id()), ("position", "", &*id));
    assert_ne!(id, position);
    hub.stop().await;
}

#[tokio::test]
async fn an_old_event_is_not_held() {
    let hub = HubProcess::start(&["--replay-age", "0.05"]).await;
    let id = hub.publish("/events?topic=a", "1").await;
    let gone = |stats: &Stats| stats.ring_events == 0;
    let expire = async {
        // Each that comes makes the hub look.
        while !gone(&hub.stats().await) {
            Subscriber::resume(hub.address(), "/events?topic=a", &id).await.position().await;
        }
    };
    tokio::time::timeout(PATIENCE, expire).await.expect("the event is still held");
    hub.stop().await;
}

#[tokio::test]
async fn other_methods_paths_and_types() {
    let hub = HubProcess::start(&[]).await;
    let send = |method: Method, path: &'static str| {
        let request = Request::builder().method(method).uri(path).header("accept", "text/html");
        hub.request(request.body(Full::default()).unwrap())
    };
    let page = send(Method::GET, "/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert!(page.body().starts_with(b"<!DOCTYPE html>") || page.body().starts_with(b"<!doctype html>"));
    assert_eq!(send(Method::GET, "/nothing").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(send(Method::GET, "/events/").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(send(Method::PUT, "/events").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(Method::POST, "/stats").await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(send(Method::GET, "/events").await.status(), StatusCode::NOT_ACCEPTABLE);

    let head = hub.request(Request::head("/events").body(Full::default()).unwrap()).await;
    assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0));
    assert_stream_headers(head.headers());
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 0).await;
    hub.stop().await;
}

#[tokio::test]
async fn http_2_with_prior_knowledge() {
    let hub = HubProcess::start(&[]).await;
    let socket = TcpStream::connect(hub.address()).await.unwrap();
    let (mut requests, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{}/events", hub.address());
    let get =
        |id: &str| Request::get(&uri).header("last-event-id", id).body(Full::<Bytes>::default()).unwrap();
    let post = |data: &'static str| Request::post(&uri).body(Full::<Bytes>::from(data)).unwrap();

    // Two streams and the requests that feed them, on one connection.
    let mut streams = [
        requests.send_request(get("")).await.unwrap(),
        requests.send_request(get(&"x".repeat(64 << 10))).await.unwrap(),
    ];
    for stream in &streams {
        assert_eq!(stream.status(), StatusCode::OK);
        assert_stream_headers(stream.headers());
    }
    let [position, reset] = &mut streams;
    assert!(text(position).await.contains("event: position\n"));
    assert!(text(reset).await.contains("data: {\"reason\": \"unknown\"}\n"));
    for data in ["1", "2"] {
        assert_eq!(requests.send_request(post(data)).await.unwrap().status(), StatusCode::CREATED);
        for stream in &mut streams {
            assert!(text(stream).await.ends_with(&format!("\ndata: {data}\n\n")));
        }
    }
    // A stream that is given up is freed, though the connection stays.
    let [given_up, mut kept] = streams;
    drop(given_up);
    hub.stats_when(PATIENCE, |stats| stats.subscribers == 1).await;
    requests.send_request(post("3")).await.unwrap();
    assert!(text(&mut kept).await.ends_with("\ndata: 3\n\n"));
    hub.stop().await;
    assert!(text(&mut kept).await.contains("retry: "));
    assert_eq!(kept.into_body().collect().await.unwrap().to_bytes(), "");
}

#[track_caller]
fn assert_stream_headers(headers: &HeaderMap) {
    for &(name, value) in ssekit::RESPONSE_HEADERS {
        assert_eq!(headers[name], value);
    }
}

/// Reads one frame of a body.
async fn text(response: &mut Response<Incoming>) -> String {
    let frame = response.body_mut().frame().await.expect("the stream ends").unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}
