//! An answer of the `llm` example comes whole, whoever leaves, comes back or comes late.
#![cfg(all(feature = "http-body", feature = "json", feature = "tokio"))]

#[expect(dead_code, reason = "a program, of which only the routes are used here")]
#[path = "../../examples/llm.rs"]
mod llm;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use crate::support::subscriber::Subscriber;
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{Bounds, Hub};
use tokio::sync::mpsc;

/// The service, and the model of its next answer.
struct Service {
    address: SocketAddr,
    hub: Hub,
    tokens: mpsc::Sender<String>,
}

impl Service {
    /// Starts a service and asks it for an answer, which is then said token by token.
    async fn asked() -> Self {
        Self::asked_of(Hub::new(Bounds::events(100))).await
    }

    async fn asked_of(hub: Hub) -> Self {
        let (tokens, said) = mpsc::channel(1);
        let said = Arc::new(Mutex::new(Some(said)));
        let model = move |prompt| {
            assert_eq!(prompt, "why?");
            let said = said.lock().unwrap().take().unwrap();
            stream::unfold(said, async |mut said| {
                let token = said.recv().await?;
                assert_ne!(token, FATAL);
                Some((token, said))
            })
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = llm::router(hub.clone(), model);
        tokio::spawn(async { axum::serve(listener, routes).await });
        let service = Self { address, hub, tokens };
        let asked = service.request(Method::POST, "/answers", "why?").await;
        assert_eq!(
            (asked.status(), asked.headers()["location"].as_bytes()),
            (StatusCode::CREATED, &b"/answers/1"[..])
        );
        service
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        body: &'static str,
    ) -> Response<hyper::body::Incoming> {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let client = Client::builder(TokioExecutor::new()).build_http();
        client.request(request.body(Full::<Bytes>::from(body)).unwrap()).await.unwrap()
    }

    async fn say(&self, token: &str) {
        self.tokens.send(token.to_owned()).await.unwrap();
    }

    async fn listen(&self, last_event_id: &str) -> Subscriber {
        let mut listener = Subscriber::resume(self.address, "/answers/1", last_event_id).await;
        if listener.head().status == StatusCode::OK {
            listener.position().await;
        }
        listener
    }
}

/// Reads one more token.
async fn token(listener: &mut Subscriber) -> String {
    listener.event().await.expect("the answer ends").data().to_owned()
}

#[tokio::test]
async fn who_leaves_gets_the_rest_and_then_nothing_more() {
    let service = Service::asked().await;
    let mut listener = service.listen("").await;
    service.say("Because ").await;
    assert_eq!(token(&mut listener).await, "Because ");
    let seen = listener.last_event_id().to_owned();
    drop(listener);

    service.say("networks ").await;
    service.say("do.").await;
    let mut listener = service.listen(&seen).await;
    assert_eq!(token(&mut listener).await, "networks ");
    assert_eq!(token(&mut listener).await, "do.");
    let Service { address, hub, tokens } = service;
    drop(tokens);
    let end = listener.event().await.unwrap();
    assert_eq!((end.event_type(), end.data()), ("end", "complete"));
    assert_eq!(listener.event().await, None);

    let stopped = Subscriber::resume(address, "/answers/1", end.last_event_id()).await;
    assert_eq!(stopped.head().status, StatusCode::NO_CONTENT);
    assert_eq!(hub.stats().gaps, 0);
}

#[tokio::test]
async fn two_can_listen_and_a_latecomer_gets_it_whole() {
    let service = Service::asked().await;
    let (mut one, mut other) = (service.listen("").await, service.listen("").await);
    service.say(" a").await;
    assert_eq!(token(&mut one).await, " a");
    assert_eq!(token(&mut other).await, " a");
    service.say("b\n").await;

    let address = service.address;
    drop(service.tokens);
    for listener in [&mut one, &mut other] {
        assert_eq!(listener.rest().await, ["b\n", "complete"]);
    }
    let mut late = Subscriber::new(address, "/answers/1").await;
    late.position().await;
    assert_eq!(late.rest().await, [" a", "b\n", "complete"]);
}

#[tokio::test]
async fn an_answer_nobody_listens_to_goes_on() {
    let service = Service::asked().await;
    // Each is taken only when the one before it is published.
    for word in ["un", "heard", "!"] {
        service.say(word).await;
    }
    let address = service.address;
    drop(service.tokens);

    let mut late = Subscriber::new(address, "/answers/1").await;
    late.position().await;
    assert_eq!(late.rest().await, ["un", "heard", "!", "complete"]);
}

#[tokio::test]
async fn only_cancelling_stops_the_model() {
    let service = Service::asked().await;
    let mut listener = service.listen("").await;
    service.say("Well, ").await;
    assert_eq!(token(&mut listener).await, "Well, ");
    drop(listener);
    service.say("you see, ").await;

    let mut listener = service.listen("").await;
    assert_eq!([token(&mut listener).await, token(&mut listener).await], ["Well, ", "you see, "]);
    for _ in 0..2 {
        let cancelled = service.request(Method::DELETE, "/answers/1", "").await;
        assert_eq!(cancelled.status(), StatusCode::NO_CONTENT);
    }
    assert_eq!(listener.rest().await, ["cancelled"]);
    service.tokens.closed().await;
}

#[tokio::test]
async fn a_latecomer_learns_that_an_answer_is_cut() {
    let service = Service::asked_of(Hub::new(Bounds::events(3))).await;
    for token in 0..10 {
        service.say(&token.to_string()).await;
    }
    let address = service.address;
    drop(service.tokens);
    // It has ended when a stream of it has.
    let mut last = Subscriber::new(address, "/answers/1").await;
    while last.event().await.is_some() {}

    let mut late = Subscriber::new(address, "/answers/1").await;
    let cut = late.event().await.unwrap();
    assert_eq!((cut.event_type(), cut.last_event_id()), ("cut", ""));
    late.reset("evicted").await;
    assert_eq!(late.rest().await, ["8", "9", "complete"]);
    let stopped = Subscriber::resume(address, "/answers/1", late.last_event_id()).await;
    assert_eq!(stopped.head().status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_answer_ends_though_the_model_panics() {
    let service = Service::asked().await;
    let mut listener = service.listen("").await;
    service.say("Well, ").await;
    assert_eq!(token(&mut listener).await, "Well, ");
    service.say(FATAL).await;
    assert_eq!(listener.rest().await, [""; 0]);
    let stopped = Subscriber::resume(service.address, "/answers/1", listener.last_event_id()).await;
    assert_eq!(stopped.head().status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_answer_that_was_never_asked_for_is_not_found() {
    let service = Service::asked().await;
    for path in ["/answers/0", "/answers/2"] {
        assert_eq!(service.request(Method::GET, path, "").await.status(), StatusCode::NOT_FOUND);
        assert_eq!(service.request(Method::DELETE, path, "").await.status(), StatusCode::NOT_FOUND);
    }
}

/// A token at which the model panics.
const FATAL: &str = "panic";
