//! Events with keys, their removal and pages of history, over real sockets.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

#[cfg(any(feature = "disk", feature = "redis"))]
use std::time::Duration;

use crate::support::hub_process::HubProcess;
use crate::support::subscriber::Subscriber;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
#[cfg(any(feature = "disk", feature = "redis"))]
use tokio::time::timeout;

async fn delete(hub: &HubProcess, path: &str) -> Response<Bytes> {
    hub.request(Request::delete(path).body(Full::default()).unwrap()).await
}

async fn history(hub: &HubProcess, query: &str) -> Value {
    let response = hub.get(&format!("/history?{query}")).await;
    assert_eq!(response.status(), StatusCode::OK, "{:?}", response.body());
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

/// Reads events, as type and data.
async fn read(stream: &mut Subscriber, count: usize) -> Vec<(String, String)> {
    let mut events = Vec::new();
    while events.len() < count {
        let event = stream.event().await.expect("the stream goes on");
        events.push((event.event_type().to_owned(), event.data().to_owned()));
    }
    events
}

fn messages(data: &[&str]) -> Vec<(String, String)> {
    data.iter().map(|data| ("message".to_owned(), (*data).to_owned())).collect()
}

#[tokio::test]
async fn a_new_client_gets_the_newest_event_of_each_key_and_one_that_resumes_what_changed() {
    let hub = HubProcess::start(&[]).await;
    let first = hub.publish("/events?topic=a&key=tea", "tea 1").await;
    for (key, data) in [("milk", "milk 1"), ("tea", "tea 2"), ("two%20words+%26", "words"), ("tea", "tea 3")]
    {
        hub.publish(&format!("/events?topic=a&key={key}"), data).await;
    }
    hub.publish("/events?topic=a", "plain").await;
    let expected = messages(&["milk 1", "words", "tea 3", "plain"]);
    let mut new = Subscriber::new(hub.address(), "/events?topic=a&from=oldest").await;
    new.position().await;
    assert_eq!(read(&mut new, 4).await, expected);
    let mut back = Subscriber::resume(hub.address(), "/events?topic=a", &first).await;
    assert_eq!(back.position().await, first);
    assert_eq!(read(&mut back, 4).await, expected);
    // The same key in another topic, or decoded otherwise, is the same one only in its topic.
    hub.publish("/events?topic=b&key=tea", "other").await;
    hub.publish("/events?topic=a&key=two+words%20%26", "more words").await;
    assert_eq!(read(&mut new, 1).await, messages(&["more words"]));
    assert_eq!(hub.stats().await.ring_events, 5);
    hub.stop().await;
}

#[tokio::test]
async fn a_removal_takes_the_value_from_the_history_and_is_sent_with_its_key() {
    let hub = HubProcess::start(&[]).await;
    let key = "a%22b%0A%C3%A9";
    hub.publish(&format!("/events?topic=a&key={key}"), "value").await;
    let last = hub.publish("/events?topic=a&key=other", "other").await;
    let mut live = Subscriber::new(hub.address(), "/events?topic=a").await;
    live.position().await;

    let removed = delete(&hub, &format!("/events?topic=a&key={key}")).await;
    assert_eq!(removed.status(), StatusCode::OK);
    let answer: Value = serde_json::from_slice(removed.body()).unwrap();
    let mut back = Subscriber::resume(hub.address(), "/events?topic=a", &last).await;
    back.position().await;
    for stream in [&mut live, &mut back] {
        let event = stream.event().await.unwrap();
        assert_eq!(event.event_type(), "removed");
        assert_eq!(event.json::<String>().unwrap(), "a\"b\n\u{e9}");
        assert_eq!(answer, json!({ "id": event.last_event_id() }));
    }
    let page = history(&hub, "topic=a").await;
    let data: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| &event["data"]).collect();
    assert_eq!(data, [&json!("other"), &json!("\"a\\\"b\\n\u{e9}\"")]);
    // An empty key is a key: it does not finish the topic.
    assert_eq!(delete(&hub, "/events?topic=a&key=").await.status(), StatusCode::OK);
    hub.publish("/events?topic=a", "more").await;
    hub.finish("/events?topic=a").await;
    assert_eq!(delete(&hub, "/events?topic=a&key=other").await.status(), StatusCode::CONFLICT);
    hub.stop().await;
}

#[tokio::test]
async fn pages_of_history_join_and_a_stream_goes_on_where_they_end() {
    let hub = HubProcess::start(&[]).await;
    let mut expected = Vec::new();
    for number in 0..5 {
        let event_type = if number % 2 == 0 { "message" } else { "note" };
        let data = number.to_string();
        let id = hub.publish(&format!("/events?topic=a&event={event_type}"), data.clone()).await;
        expected.push(json!({ "id": id, "type": event_type, "data": data }));
    }
    let (mut events, mut after) = (Vec::new(), String::new());
    for rest in [true, true, false] {
        let page = history(&hub, &format!("topic=a&after={after}&limit=2")).await;
        assert_eq!((&page["gap"], &page["has_more"]), (&Value::Null, &json!(rest)));
        events.extend_from_slice(page["events"].as_array().unwrap());
        page["position"].as_str().unwrap().clone_into(&mut after);
    }
    assert_eq!(events, expected);
    assert_eq!(history(&hub, "topic=a").await["events"], json!(expected));
    let last = hub.publish("/events?topic=a", "5").await;
    let mut stream = Subscriber::resume(hub.address(), "/events?topic=a", &after).await;
    assert_eq!(stream.position().await, after);
    assert_eq!(stream.event().await.unwrap().last_event_id(), last);
    assert_eq!(history(&hub, "topic=none").await["events"], json!([]));
    hub.stop().await;
}

#[tokio::test]
async fn a_page_of_history_names_its_gap() {
    let hub = HubProcess::start(&["--replay-events", "3"]).await;
    let first = hub.publish("/events?topic=a", "0").await;
    for number in 1..5 {
        hub.publish("/events?topic=a", number.to_string()).await;
    }
    for (query, gap) in
        [("", "evicted"), (&format!("&after={first}"), "evicted"), ("&after=other-1", "unknown")]
    {
        let page = history(&hub, &format!("topic=a{query}")).await;
        assert_eq!(page["gap"], gap, "{query}");
        assert_eq!(page["events"].as_array().unwrap().len(), 3, "{query}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn keys_and_pages_that_are_wrong_are_a_bad_request_and_change_nothing() {
    let hub = HubProcess::start(&[]).await;
    hub.publish("/events?topic=a&key=tea", "tea").await;
    let before = hub.stats().await;
    let long = format!("topic=a&key={}", "x".repeat(257));
    for query in ["topic=a&key=%FF", &long, "topic=a&key=a&key=b", "topic=a&topic=b&key=tea"] {
        let path = format!("/events?{query}");
        assert_eq!(hub.post(&path, "data").await.status(), StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(delete(&hub, &path).await.status(), StatusCode::BAD_REQUEST, "{query}");
    }
    for query in [
        "limit=0",
        "limit=1001",
        "limit=",
        "limit=-1",
        "limit=x",
        "limit=99999999999999999999999",
        "after=%FF",
        "topic=a&topic=b",
    ] {
        let response = hub.get(&format!("/history?{query}")).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        assert!(!response.body().is_empty(), "{query}");
    }
    assert_eq!(hub.stats().await, before);
    assert_eq!(history(&hub, "topic=a&limit=1000").await["events"][0]["data"], "tea");
    hub.stop().await;
}

/// A hub that holds few events, on a log: keys, pages from the hub and from the log, and statistics.
#[cfg(any(feature = "disk", feature = "redis"))]
async fn keys_and_pages_on_a_log(log: [&str; 2]) {
    let hub = HubProcess::start(&[log[0], log[1], "--replay-events", "3"]).await;
    let first = hub.publish("/events?topic=a&key=tea", "tea 1").await;
    hub.publish("/events?topic=a&key=tea", "tea 2").await;
    assert_eq!(delete(&hub, "/events?topic=a&key=other").await.status(), StatusCode::OK);
    let mut back = Subscriber::resume(hub.address(), "/events?topic=a", &first).await;
    back.position().await;
    let mut expected = messages(&["tea 2"]);
    expected.push(("removed".to_owned(), "\"other\"".to_owned()));
    assert_eq!(read(&mut back, 2).await, expected);

    let mut expected = Vec::new();
    for number in 0..20 {
        hub.publish("/events?topic=busy", "between").await;
        let data = number.to_string();
        let id = hub.publish("/events?topic=b", data.clone()).await;
        expected.push(json!({ "id": id, "type": "message", "data": data }));
    }
    // This process has read all of it.
    let last = expected[19]["id"].as_str().unwrap();
    let mut live = Subscriber::new(hub.address(), "/events?topic=b&from=oldest").await;
    while live.event().await.unwrap().last_event_id() != last {}

    for limit in [1, 7, 1000] {
        let (mut events, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = history(&hub, &format!("topic=b&after={after}&limit={limit}")).await;
            assert_eq!(page["gap"], Value::Null);
            events.extend_from_slice(page["events"].as_array().unwrap());
            page["position"].as_str().unwrap().clone_into(&mut after);
            pages += 1;
            if page["has_more"] == false {
                break;
            }
            assert!(pages < 50, "no end of pages");
        }
        assert_eq!(events, expected);
        assert_eq!(after, last);
    }
    let page = history(&hub, "topic=b&after=nonsense").await;
    assert_eq!((&page["gap"], page["events"].as_array().unwrap().len()), (&json!("unknown"), 20));
    // The stream counts once it reads from the hub again.
    let figures = async {
        loop {
            let topic: Value = serde_json::from_slice(hub.get("/topics?topic=b").await.body()).unwrap();
            if topic["subscribers"] == 1 {
                return (topic["events"].clone(), topic["finished"].clone());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let figures = timeout(Duration::from_secs(30), figures).await.expect("it reads from the hub");
    assert_eq!(figures, (json!(3), json!(false)));
    hub.stop().await;
}

#[cfg(feature = "disk")]
#[tokio::test]
async fn a_hub_on_disk_has_keys_and_all_pages_of_what_is_there() {
    let folder = crate::support::temporary_folder::TemporaryFolder::new();
    keys_and_pages_on_a_log(["--data", folder.path().to_str().unwrap()]).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn a_hub_on_redis_has_keys_and_all_pages_of_what_is_there() {
    let server = crate::support::redis_server::RedisServer::start();
    keys_and_pages_on_a_log(["--redis", &server.url()]).await;
}
