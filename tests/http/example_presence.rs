//! The `presence` example knows who is here, and its streams end with their tokens.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

#[expect(dead_code, reason = "a program, of which only the routes are used here")]
#[path = "../../examples/presence.rs"]
mod presence;

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::support::subscriber::Subscriber;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use presence::Session;
use ssekit::{Bounds, Hub};

/// The service, and the sessions that are valid: user and time left by token.
struct Service {
    address: SocketAddr,
    sessions: Arc<Mutex<HashMap<String, (String, Duration)>>>,
}

impl Service {
    async fn start() -> Self {
        let sessions = Arc::new(Mutex::new(HashMap::<String, (String, Duration)>::new()));
        let known = Arc::clone(&sessions);
        let authenticate = move |token: &str| {
            let (user, left) = known.lock().unwrap().get(token)?.clone();
            Some(Session { user, left })
        };
        let routes = presence::router(Hub::new(Bounds::events(100)), authenticate);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, routes).await });
        Self { address, sessions }
    }

    fn log_in(&self, token: &str, user: &str, left: Duration) {
        self.sessions.lock().unwrap().insert(token.to_owned(), (user.to_owned(), left));
    }

    async fn open(&self, token: &str, last_event_id: &str) -> Subscriber {
        Subscriber::resume(self.address, &format!("/present?token={token}"), last_event_id).await
    }

    async fn log_out(&self, token: &str) -> StatusCode {
        let request = Request::delete(format!("http://{}/present?token={token}", self.address));
        let client = Client::builder(TokioExecutor::new()).build_http();
        client.request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap().status()
    }
}

/// Reads the next change.
async fn change(stream: &mut Subscriber) -> String {
    loop {
        let event = stream.event().await.expect("the stream ends");
        if event.event_type() != "position" {
            return format!("{} {}", event.event_type(), event.data());
        }
    }
}

/// Waits until the stream has ended as the server wanted.
async fn end(stream: &mut Subscriber) {
    while stream.event().await.is_some() {}
    assert!(!stream.is_broken());
}

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_user_is_here_from_the_first_tab_to_the_last_and_a_client_that_resumes_gets_what_changed() {
    let service = Service::start().await;
    for (token, user) in [("a", "alice"), ("b", "bob"), ("c", "carol")] {
        service.log_in(token, user, LONG);
    }
    let mut watching = service.open("a", "").await;
    assert_eq!(change(&mut watching).await, "here alice");
    let (first, mut second) = (service.open("b", "").await, service.open("b", "").await);
    assert_eq!(change(&mut watching).await, "here bob");
    let seen = watching.last_event_id().to_owned();
    assert_eq!([change(&mut second).await, change(&mut second).await], ["here alice", "here bob"]);

    // One of two tabs is closed: nothing changes. What comes next is carol.
    drop(first);
    let carol = service.open("c", "").await;
    assert_eq!(change(&mut watching).await, "here carol");
    drop(carol);
    assert_eq!(change(&mut watching).await, "gone carol");
    drop(second);
    assert_eq!(change(&mut watching).await, "gone bob");

    let mut back = service.open("a", &seen).await;
    assert_eq!([change(&mut back).await, change(&mut back).await], ["gone carol", "gone bob"]);
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_the_next_request_is_refused() {
    let service = Service::start().await;
    service.log_in("a", "alice", LONG);
    service.log_in("short", "bob", Duration::from_millis(20));
    let mut watching = service.open("a", "").await;
    assert_eq!(change(&mut watching).await, "here alice");
    let mut stream = service.open("short", "").await;
    end(&mut stream).await;
    assert_eq!([change(&mut watching).await, change(&mut watching).await], ["here bob", "gone bob"]);

    service.sessions.lock().unwrap().remove("short");
    for token in ["short", "", "nobody"] {
        assert_eq!(service.open(token, "").await.head().status, StatusCode::UNAUTHORIZED);
    }
    // With a new token the client goes on where it was.
    assert!(!stream.last_event_id().is_empty());
    service.log_in("new", "bob", LONG);
    let mut renewed = service.open("new", stream.last_event_id()).await;
    let mut changes = change(&mut renewed).await;
    while changes != "here bob" {
        assert_eq!(changes, "gone bob");
        changes = change(&mut renewed).await;
    }
}

#[tokio::test]
async fn logging_out_ends_all_streams_of_the_user_and_no_other() {
    let service = Service::start().await;
    service.log_in("a", "alice", LONG);
    service.log_in("b", "bob", LONG);
    let mut watching = service.open("a", "").await;
    assert_eq!(change(&mut watching).await, "here alice");
    let mut tabs = [service.open("b", "").await, service.open("b", "").await];
    assert_eq!(change(&mut watching).await, "here bob");
    assert_eq!(service.log_out("b").await, StatusCode::NO_CONTENT);
    for tab in &mut tabs {
        end(tab).await;
    }
    assert_eq!(change(&mut watching).await, "gone bob");
    assert_eq!(service.log_out("nobody").await, StatusCode::UNAUTHORIZED);
}
