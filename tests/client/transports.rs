//! The usual forms of a transport compile under `tokio::spawn` and work: closures, async closures, async functions, with
//! any of the usual error types, hyper-util's client and reqwest's.
#![cfg(feature = "client")]

#[allow(dead_code, reason = "nothing waits for the client to leave here")]
use std::{
    convert::Infallible,
    error::Error,
    io,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::raw_connection::OK;
use crate::support::raw_server::RawServer;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{
    EventSource,
    client::{Policy, Update},
};

type BoxError = Box<dyn Error + Send + Sync>;

/// Reads the first event on a task of its own.
async fn first(mut source: EventSource<String>) -> String {
    let task = tokio::spawn(async move {
        while let Some(update) = source.next().await {
            match update {
                Ok(Update::Event(event)) => return event.data().to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
        "the end".to_owned()
    });
    task.await.unwrap()
}

fn response() -> Response<Full<Bytes>> {
    let response = Response::builder().header("content-type", "text/event-stream");
    response.body(Full::from("data: a\n\n")).unwrap()
}

fn request() -> Request<String> {
    Request::get("http://localhost/").body(String::new()).unwrap()
}

async fn function(_: Request<String>) -> Result<Response<Full<Bytes>>, BoxError> {
    Ok(response())
}

#[tokio::test]
async fn closures_with_any_usual_error_are_transports() {
    let source = EventSource::new(|_: Request<String>| async { Ok::<_, BoxError>(response()) }, request());
    assert_eq!(first(source).await, "a");
    let source = EventSource::new(|_: Request<String>| async { Ok::<_, Infallible>(response()) }, request());
    assert_eq!(first(source).await, "a");
    let source = EventSource::new(|_: Request<String>| async { Ok::<_, io::Error>(response()) }, request());
    assert_eq!(first(source).await, "a");
    let source = EventSource::new(|_: Request<String>| async { Ok::<_, &str>(response()) }, request());
    assert_eq!(first(source).await, "a");
    let source = EventSource::new(|_: Request<String>| async { Ok::<_, String>(response()) }, request());
    assert_eq!(first(source).await, "a");
}

#[tokio::test]
async fn async_closures_and_functions_are_transports() {
    assert_eq!(first(EventSource::new(function, request())).await, "a");
    let source = EventSource::new(async |request: Request<String>| function(request).await, request());
    assert_eq!(first(source).await, "a");
    let calls = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&calls);
    let transport = async move |request: Request<String>| {
        if shared.fetch_add(1, Ordering::Relaxed) == 0 {
            return Err("not yet".into());
        }
        function(request).await
    };
    let policy = Policy::browser().with_reconnection_time(Duration::ZERO);
    assert_eq!(first(EventSource::new(transport, request()).policy(policy)).await, "a");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn bodies_with_boxed_errors_are_read() {
    let transport = async |_: Request<String>| {
        let body: BoxBody<Bytes, BoxError> = BoxBody::new(Full::from("data: a\n\n").map_err(BoxError::from));
        let response = Response::builder().header("content-type", "text/event-stream");
        response.body(body)
    };
    assert_eq!(first(EventSource::new(transport, request())).await, "a");
}

#[tokio::test]
async fn hyper_util_s_client_is_a_transport_and_errors_name_their_causes() {
    let server = RawServer::bind().await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("http://{}/", server.address())).body(String::new()).unwrap();
    let client = move |request| client.request(request);
    let source = EventSource::new(client.clone(), request.clone());
    let serve = async { server.accept().await.send(format!("{OK}data: a\n\n")).await.unwrap() };
    let (event, ()) = tokio::join!(first(source), serve);
    assert_eq!(event, "a");

    drop(server);
    let mut source = EventSource::new(client, request);
    let Some(Ok(Update::Reconnecting { reason, .. })) = source.next().await else { panic!() };
    let text = reason.to_string();
    assert!(text.starts_with("client error (Connect): ") && text.contains("refused"), "{text}");
}

/// A transport that is not `Send` lives on a thread of its own, behind a channel.
#[tokio::test]
async fn a_transport_that_is_not_send_is_driven_on_a_thread_of_its_own() {
    use tokio::sync::{mpsc, oneshot};

    type Answer = oneshot::Sender<Result<Response<Full<Bytes>>, Infallible>>;
    let (requests, mut received) = mpsc::unbounded_channel::<(Request<String>, Answer)>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let local = Rc::new(response());
            while let Some((_, answer)) = received.recv().await {
                let local = Rc::clone(&local);
                let _ = answer.send(Ok((*local).clone()));
            }
        });
    });
    let transport = async move |request: Request<String>| {
        let (answer, answered) = oneshot::channel();
        requests.send((request, answer)).map_err(|_| "the thread is gone")?;
        Ok::<_, BoxError>(answered.await??)
    };
    assert_eq!(first(EventSource::new(transport, request())).await, "a");
    thread.join().unwrap();
}

#[cfg(feature = "reqwest")]
mod with_reqwest {
    use ssekit::{EventStream, EventStreamError, client::EventSourceError};

    use super::*;

    fn client() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    #[tokio::test]
    async fn its_client_takes_requests_of_either_kind() {
        let server = RawServer::bind().await;
        let url = format!("http://{}/", server.address());
        let serve = async || {
            let mut connection = server.accept().await;
            assert_eq!(connection.header("accept"), Some("text/event-stream"));
            assert_eq!(connection.header("x-token"), Some("secret"));
            connection.send(format!("{OK}id: 7\ndata: a\n\n")).await.unwrap();
            drop(connection);
            let mut again = server.accept().await;
            assert_eq!((again.header("last-event-id"), again.header("x-token")), (Some("7"), Some("secret")));
            again.send("HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        };
        let policy = || {
            Policy::default()
                .with_reconnection_time_bounds(Duration::from_millis(1), Duration::from_millis(1))
                .with_jitter(false)
        };
        let read = async |mut source: EventSource<_>| {
            let mut events = 0;
            while let Some(update) = source.next().await {
                events += usize::from(matches!(update.unwrap(), Update::Event(_)));
            }
            assert_eq!(events, 1);
        };
        let request = client().get(&url).header("x-token", "secret").build().unwrap();
        tokio::join!(read(EventSource::new(client(), request).policy(policy())), serve());

        let request = Request::get(&url).header("x-token", "secret").body(String::new()).unwrap();
        let mut source = EventSource::new(client(), request).policy(policy());
        let read = tokio::spawn(async move {
            let mut events = 0;
            while let Some(update) = source.next().await {
                events += usize::from(matches!(update.unwrap(), Update::Event(_)));
            }
            events
        });
        let (events, ()) = tokio::join!(read, serve());
        assert_eq!(events.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_request_that_it_cannot_make_fails_for_good() {
        let source = EventSource::new(client(), Request::get("/relative").body(String::new()).unwrap());
        let error = first(source).await;
        assert!(error.contains("builder error") && error.contains("relative URL"), "{error}");

        let stream = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, io::Error>("x")]));
        let request = client().post("http://localhost/").body(stream).build().unwrap();
        let mut source = EventSource::new(client(), request);
        let error = source.next().await.unwrap().unwrap_err();
        assert!(matches!(error, EventSourceError::Failed(_)));
        assert!(error.to_string().contains("a stream"), "{error}");
        assert!(source.next().await.is_none());
    }

    #[tokio::test]
    async fn its_response_is_an_event_stream_as_it_is() {
        let server = RawServer::bind().await;
        let url = format!("http://{}/", server.address());
        let serve = async |answer: String| server.accept().await.send(answer).await.unwrap();

        let read = async {
            let response = client().get(&url).send().await.unwrap();
            let mut events = EventStream::new(response.bytes_stream());
            events.next().await.unwrap().unwrap().data().to_owned()
        };
        let (data, ()) = tokio::join!(read, serve(format!("{OK}data: a\n\n")));
        assert_eq!(data, "a");

        let read = async {
            let mut events = EventStream::from(client().get(&url).send().await.unwrap());
            (events.next().await, events.next().await)
        };
        let (read, ()) = tokio::join!(read, serve(format!("{OK}data: a\n\ndata: b")));
        assert_eq!(read.0.unwrap().unwrap().data(), "a");
        assert!(matches!(read.1, Some(Err(EventStreamError::Incomplete(_)))));

        let encoded = OK.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
        let read = async {
            let mut events = EventStream::from(client().get(&url).send().await.unwrap());
            (events.next().await, events.next().await)
        };
        let (read, ()) = tokio::join!(read, serve(encoded));
        assert!(matches!(read, (Some(Err(EventStreamError::ContentEncoding)), None)));
    }
}
