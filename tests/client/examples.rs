//! The examples of clients, over real sockets: a POST that is resumed by GET, and a gateway.
#![cfg(feature = "client")]

#[expect(dead_code, reason = "a program, of which only the client is used here")]
#[path = "../../examples/client_post.rs"]
mod client_post;
#[expect(dead_code, reason = "a program, of which only the gateway is used here")]
#[path = "../../examples/gateway.rs"]
mod gateway;

use std::time::Duration;

use crate::support::raw_connection::OK;
use crate::support::raw_server::RawServer;
use bytes::Bytes;
use gateway::Gateway;
use http_body_util::Empty;
use ssekit::{
    EventSource,
    client::{EventSourceError, Policy, Update},
    hub::Notice,
};
use tokio::{join, net::TcpListener};

/// Comes back at once.
fn quick() -> Policy {
    Policy::default()
        .with_reconnection_time_bounds(Duration::from_millis(1), Duration::from_millis(1))
        .with_backoff(Duration::ZERO, Duration::ZERO)
}

#[tokio::test]
async fn a_post_that_is_answered_by_a_stream_is_resumed_by_get() {
    let server = RawServer::bind().await;
    let uri = format!("http://{}/mcp", server.address()).parse().unwrap();
    let mut source = client_post::call_tool(uri, "{}".to_owned()).policy(quick());
    let serve = async {
        let mut post = server.accept().await;
        assert_eq!((post.method(), post.header("content-type")), ("POST", Some("application/json")));
        assert_eq!(post.header("last-event-id"), None);
        post.send(format!("{OK}id: s-1\ndata: {{\"method\": \"progress\"}}\n\nid: s-2\ndata: {{\"res"))
            .await
            .unwrap();
        drop(post);
        let mut get = server.accept().await;
        assert_eq!((get.method(), get.header("last-event-id")), ("GET", Some("s-1")));
        assert_eq!(get.header("content-type"), None);
        get.send(format!("{OK}id: s-2\ndata: {{\"result\": 7}}\n\n")).await.unwrap();
        get.closed().await;
    };
    let read = async {
        let mut messages = Vec::new();
        while let Some(update) = source.next().await {
            if let Update::Event(event) = update.unwrap() {
                messages.push(event.data().to_owned());
                if client_post::is_response(event.data()) {
                    break;
                }
            }
        }
        drop(source);
        messages
    };
    let (messages, ()) = join!(read, serve);
    assert_eq!(messages, [r#"{"method": "progress"}"#, r#"{"result": 7}"#]);
}

#[tokio::test]
async fn a_post_that_breaks_before_an_id_is_an_error() {
    let server = RawServer::bind().await;
    let uri = format!("http://{}/mcp", server.address()).parse().unwrap();
    let mut source = client_post::call_tool(uri, "{}".to_owned()).policy(quick());
    let serve =
        async { server.accept().await.send(format!("{OK}data: {{\"method\": 1}}\n\ndata: {{")).await };
    let read = async {
        loop {
            if let Err(error) = source.next().await.expect("the answer is whole") {
                return error;
            }
        }
    };
    let (error, served) = join!(read, serve);
    served.unwrap();
    assert!(matches!(error, EventSourceError::NotResent(_)), "{error}");
}

/// Reads the data and the IDs of so many events, notices left out.
async fn read(client: &mut EventSource<Empty<Bytes>>, count: usize) -> Vec<String> {
    let mut events = Vec::new();
    while events.len() < count {
        match client.next().await.expect("the stream goes on").unwrap() {
            Update::Event(event) => match Notice::of(&event) {
                None => events.push(format!("{} {}", event.last_event_id(), event.data())),
                Some(Notice::Reset(_)) => events.push("reset".to_owned()),
                Some(_) => {}
            },
            Update::Opened(_) | Update::Reconnecting { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    events
}

#[tokio::test]
async fn a_gateway_keeps_the_upstream_s_ids_and_both_ends_resume() {
    let server = RawServer::bind().await;
    let gateway = Gateway::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn({
        let router = gateway.router();
        async { axum::serve(listener, router).await }
    });
    let source = gateway::upstream(format!("http://{}/", server.address()).parse().unwrap()).policy(quick());
    let follow = gateway.follow(source);
    let mut client = gateway::upstream(format!("http://{address}/events").parse().unwrap()).policy(quick());

    let talk = async {
        // The client is there before the first event.
        let mut first = server.accept().await;
        first.send(OK).await.unwrap();
        while !matches!(client.next().await, Some(Ok(Update::Opened(_)))) {}
        first.send("id: x-1\ndata: a\n\nid: y-2\nevent: b\ndata: b\n\nid: lost\n").await.unwrap();
        assert_eq!(read(&mut client, 2).await, ["x-1 a", "y-2 b"]);
        // The upstream breaks off; what it sends after the last ID reaches the same client.
        drop(first);
        let mut second = server.accept().await;
        assert_eq!(second.header("last-event-id"), Some("y-2"));
        second.send(format!("{OK}id: z-3\ndata: c\n\n")).await.unwrap();
        assert_eq!(read(&mut client, 1).await, ["z-3 c"]);
        // The client resumes from an ID of the upstream's.
        client.reconnect_after("x-1");
        assert_eq!(read(&mut client, 2).await, ["y-2 b", "z-3 c"]);
        // A gap at the upstream is a gap for the client.
        second.send("id: w-9\nevent: reset\ndata: {\"reason\": \"evicted\"}\n\n").await.unwrap();
        assert_eq!(read(&mut client, 1).await, ["reset"]);
        second.send("id: w-10\ndata: d\n\n").await.unwrap();
        assert_eq!(read(&mut client, 1).await, ["w-10 d"]);
        // The end of the upstream is the end of the client.
        drop(second);
        let mut third = server.accept().await;
        assert_eq!(third.header("last-event-id"), Some("w-10"));
        third.send("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        while let Some(update) = client.next().await {
            assert!(!matches!(update.unwrap(), Update::Event(event) if Notice::of(&event).is_none()));
        }
    };
    let (followed, ()) = join!(follow, talk);
    followed.unwrap();
    served.abort();
}
