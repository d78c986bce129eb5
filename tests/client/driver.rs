//! What `EventSource` makes of its parts: requests, bodies and timers, without sockets.
#![cfg(feature = "client")]

use std::{
    convert::Infallible,
    future::{pending, ready},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use crate::support::counting_waker::CountingWaker;
use crate::support::manual_timer::ManualTimer;
use bytes::Bytes;
use futures_core::FusedStream;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::{HeaderMap, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use http_body_util::{Full, StreamBody};
use ssekit::{
    EventSource,
    client::{
        Attempt, DisconnectReason, EventSourceError, Policy, ReadyState, TransportError, Update, Verdict,
        opens_event_stream,
    },
};
use tokio::sync::mpsc::{self, UnboundedSender};

type Answer<B> = Result<Response<B>, Infallible>;

fn answer<B>(body: B) -> Answer<B> {
    Ok(Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
}

fn get() -> Request<()> {
    Request::get("http://localhost/").body(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn comes_back_on_a_runtime_s_clock() {
    let client = |_: Request<()>| ready(answer(Full::<Bytes>::from("retry: 60000\nid: 1\ndata: a\n\n")));
    let mut source = EventSource::new(client, get()).seed(1);
    let start = tokio::time::Instant::now();
    let mut opened = 0;
    while opened < 3 {
        opened += usize::from(matches!(source.next().await, Some(Ok(Update::Opened(_)))));
    }
    assert!(start.elapsed() >= Duration::from_secs(108), "{:?}", start.elapsed());
    assert!(start.elapsed() <= Duration::from_secs(121), "{:?}", start.elapsed());
}

#[tokio::test]
async fn headers_of_the_application_s_request_are_kept_but_for_the_last_event_id() {
    let seen: Arc<Mutex<Vec<HeaderMap>>> = Arc::default();
    let client = {
        let seen = Arc::clone(&seen);
        move |request: Request<()>| {
            seen.lock().unwrap().push(request.headers().clone());
            ready(answer(Full::<Bytes>::from("retry: 0\nid: 1\ndata\n\n")))
        }
    };
    let request = Request::get("http://localhost/")
        .header("accept", "application/json, text/event-stream")
        .header("cache-control", "no-store")
        .header("last-event-id", "forged")
        .header("last-event-id", "twice")
        .header("authorization", "Bearer t")
        .body(())
        .unwrap();
    let mut source = EventSource::new(client, request).policy(Policy::browser());
    while seen.lock().unwrap().len() < 2 {
        source.next().await;
    }
    for (headers, id) in seen.lock().unwrap().iter().zip([None, Some("1")]) {
        assert_eq!(headers["accept"], "application/json, text/event-stream");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["authorization"], "Bearer t");
        let ids: Vec<_> = headers.get_all("last-event-id").iter().collect();
        assert_eq!(ids, id.as_slice());
    }
}

#[tokio::test]
async fn the_request_of_each_attempt_knows_its_number_the_reason_and_the_last_event_id() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let client = {
        let seen = Arc::clone(&seen);
        move |request: Request<String>| {
            assert_eq!(request.headers()["accept"], "text/event-stream");
            seen.lock().unwrap().push(format!("{} {}", request.uri().path(), request.body()));
            match seen.lock().unwrap().len() {
                1 => ready(Ok(answer(Full::<Bytes>::from("id: 7\ndata: x\n\n")).unwrap())),
                _ => ready(Err("no")),
            }
        }
    };
    let policy = Policy::browser().with_reconnection_time(Duration::ZERO);
    let mut source =
        EventSource::new(client, Request::new(String::new())).policy(policy).request(|attempt| {
            let reason = attempt.reason.map(DisconnectReason::to_string);
            let body = format!("{:?} {reason:?}", attempt.last_event_id);
            Request::get(format!("http://localhost/{}", attempt.number)).body(body).unwrap()
        });
    let mut reconnections = 0;
    while reconnections < 3 {
        let update = source.next().await.unwrap().unwrap();
        reconnections += usize::from(matches!(update, Update::Reconnecting { .. }));
    }
    assert_eq!(
        *seen.lock().unwrap(),
        [r#"/0 "" None"#, r#"/1 "7" Some("the event stream ended")"#, r#"/2 "7" Some("no")"#,]
    );
}

#[tokio::test]
async fn a_closure_can_be_given_in_the_place_of_a_request() {
    let client = |request: Request<u32>| ready(Err::<Response<String>, _>(format!("{}", request.body())));
    let make = |attempt: &Attempt<'_>| Request::new(attempt.number);
    let policy = Policy::browser().with_reconnection_time(Duration::ZERO);
    let mut source = EventSource::new(client, make).policy(policy);
    for number in 0..3 {
        let Some(Ok(Update::Reconnecting { reason, .. })) = source.next().await else { panic!() };
        assert_eq!(reason.to_string(), number.to_string());
    }
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let called = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&called);
    let client = move |_: Request<()>| {
        count.fetch_add(1, Ordering::Relaxed);
        pending::<Answer<Full<Bytes>>>()
    };
    let mut source = EventSource::with_timer(client, get(), ManualTimer::new());
    assert_eq!(called.load(Ordering::Relaxed), 0);
    assert!(source.next().now_or_never().is_none());
    assert_eq!(called.load(Ordering::Relaxed), 1);
    assert_eq!(source.ready_state(), ReadyState::Connecting);
}

#[test]
fn close_drops_the_response_under_way_and_the_stream_stays_ended() {
    let guard = Arc::new(());
    let held = Arc::clone(&guard);
    let client = move |_: Request<()>| {
        let held = Arc::clone(&held);
        async move {
            let answer = pending::<Answer<Full<Bytes>>>().await;
            drop(held);
            answer
        }
    };
    let mut source = EventSource::with_timer(client, get(), ManualTimer::new());
    assert!(source.next().now_or_never().is_none());
    assert_eq!(Arc::strong_count(&guard), 3);
    assert!(!source.is_terminated());
    assert_eq!(source.size_hint(), (0, None));
    source.close();
    assert_eq!(Arc::strong_count(&guard), 2, "at once, not at the next poll");
    assert_eq!(source.ready_state(), ReadyState::Closed);
    for _ in 0..3 {
        assert!(source.next().now_or_never().unwrap().is_none());
    }
    assert!(source.is_terminated());
    assert_eq!(source.size_hint(), (0, Some(0)));
}

#[test]
fn a_stream_opens_unless_it_is_encoded() {
    let opens = |coding: &str| {
        let response = answer(()).unwrap();
        let (mut parts, ()) = response.into_parts();
        parts.headers.insert("content-encoding", coding.parse().unwrap());
        opens_event_stream(&parts)
    };
    for coding in ["identity", "Identity", "", "identity, identity", " ,"] {
        assert!(opens(coding), "{coding:?}");
    }
    for coding in ["gzip", "br", "identity, gzip", "gzip,identity"] {
        assert!(!opens(coding), "{coding:?}");
    }
}

#[test]
fn one_poll_does_a_bounded_amount_of_work_and_asks_to_be_polled_again() {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let client = move |_: Request<()>| {
        let count = Arc::clone(&count);
        let comments = stream::repeat_with(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Frame::data(Bytes::from(":\n")))
        });
        ready(answer(StreamBody::new(comments)))
    };
    let mut source = pin!(EventSource::with_timer(client, get(), ManualTimer::new()));
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(matches!(source.as_mut().poll_next(&mut cx), Poll::Ready(Some(Ok(Update::Opened(_))))));
    assert!(source.as_mut().poll_next(&mut cx).is_pending());
    assert!((1..1_000).contains(&taken.load(Ordering::Relaxed)), "{taken:?}");
    assert_eq!(wakes.take(), 1);
}

#[test]
fn chunks_do_not_arm_the_timer_each() {
    let timer = ManualTimer::new();
    let (sender, client) = one_body();
    let mut source = EventSource::with_timer(client, get(), timer.clone());
    assert!(source.next().now_or_never().is_some(), "open");
    for _ in 0..100 {
        sender.send(":\n").unwrap();
        assert!(source.next().now_or_never().is_none());
    }
    assert_eq!(timer.counts().arms, 1);
}

#[test]
fn the_timer_of_a_silence_gives_way_to_a_shorter_wait() {
    let timer = ManualTimer::new();
    let (sender, client) = one_body();
    let mut source = EventSource::with_timer(client, get(), timer.clone());
    assert!(matches!(source.next().now_or_never(), Some(Some(Ok(Update::Opened(_))))));
    assert!(source.next().now_or_never().is_none());
    drop(sender);
    let Some(Some(Ok(Update::Reconnecting { delay, .. }))) = source.next().now_or_never() else { panic!() };
    assert!(source.next().now_or_never().is_none());
    let (wakes, waker) = CountingWaker::new();
    assert!(source.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
    timer.advance(delay);
    assert_eq!(wakes.take(), 1);
}

#[test]
fn trailers_and_empty_frames_are_no_events() {
    let frames = || {
        let trailers = [("x-sum", "1")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        [
            Frame::data(Bytes::new()),
            Frame::data(Bytes::from("data: a\n\n")),
            Frame::trailers(trailers.into_iter().collect()),
        ]
    };
    let client =
        move |_: Request<()>| ready(answer(StreamBody::new(stream::iter(frames().map(Ok::<_, Infallible>)))));
    let mut source = EventSource::with_timer(client, get(), ManualTimer::new());
    let mut next = || source.next().now_or_never().unwrap().unwrap().unwrap();
    assert!(matches!(next(), Update::Opened(_)));
    assert!(matches!(next(), Update::Event(event) if event.data() == "a"));
    assert!(matches!(next(), Update::Reconnecting { reason: DisconnectReason::Ended, .. }));
}

#[test]
fn the_application_decides_which_responses_are_event_streams() {
    let client =
        |_: Request<()>| ready(Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("data: a\n\n"))));
    let mut strict = EventSource::with_timer(client, get(), ManualTimer::new());
    let refused = strict.next().now_or_never().unwrap().unwrap().unwrap_err();
    assert_eq!(refused.to_string(), "the response is without a content type, not an event stream: data: a");
    assert!(strict.next().now_or_never().unwrap().is_none(), "an error is final");

    let mut lenient = EventSource::with_timer(client, get(), ManualTimer::new()).accept(|response| {
        opens_event_stream(response)
            || response.status == StatusCode::OK && !response.headers.contains_key(CONTENT_TYPE)
    });
    let mut next = || lenient.next().now_or_never().unwrap().unwrap().unwrap();
    assert!(matches!(next(), Update::Opened(_)));
    assert!(matches!(next(), Update::Event(event) if event.data() == "a"));
}

#[test]
fn an_error_of_the_transport_can_be_for_good() {
    // By itself,
    let client =
        |_: Request<()>| ready(Err::<Response<String>, _>(TransportError::permanent("no such host")));
    let mut source = EventSource::with_timer(client, get(), ManualTimer::new());
    let failed = source.next().now_or_never().unwrap();
    assert!(
        matches!(failed, Some(Err(EventSourceError::Failed(DisconnectReason::Transport(_))))),
        "{failed:?}"
    );
    assert!(source.next().now_or_never().unwrap().is_none());
    // or by a verdict on what it is.
    let client = |_: Request<()>| ready(Err::<Response<String>, _>(std::io::Error::from_raw_os_error(13)));
    let mut source = EventSource::with_timer(client, get(), ManualTimer::new()).decide(|failure| {
        let DisconnectReason::Transport(error) = failure.reason() else { return failure.default() };
        match error.get_ref().downcast_ref::<std::io::Error>() {
            Some(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Verdict::Fail,
            _ => failure.default(),
        }
    });
    assert!(matches!(source.next().now_or_never().unwrap(), Some(Err(_))));
}

#[test]
fn a_post_is_not_sent_again_once_its_answer_is_finished() {
    let sent = Arc::new(AtomicUsize::new(0));
    let policy = || {
        let browser = Policy::browser().with_reconnection_time(Duration::ZERO);
        browser.with_max_attempts(Some(19)).with_sustained_uptime(Duration::from_secs(60))
    };
    let count = |method: Method, text: &'static str, policy: Policy| {
        sent.store(0, Ordering::Relaxed);
        let sent = Arc::clone(&sent);
        let client = move |_: Request<()>| {
            sent.fetch_add(1, Ordering::Relaxed);
            ready(answer(Full::<Bytes>::from(text)))
        };
        let request = Request::builder().method(method).body(()).unwrap();
        let timer = ManualTimer::new();
        let mut source = EventSource::with_timer(client, request, timer.clone()).policy(policy);
        let mut last = String::new();
        while let Some(update) = source.next().now_or_never().unwrap_or_else(|| {
            timer.advance(Duration::from_millis(1));
            source.next().now_or_never().unwrap()
        }) {
            match update {
                Ok(Update::Event(_)) if last.len() > 1_000 => break,
                Ok(Update::Event(_)) => last.push('x'),
                Ok(_) => {}
                Err(error) => last = error.to_string(),
            }
        }
        last
    };
    // What is whole, ends; what is not, fails.
    assert_eq!(count(Method::POST, "data: token\n\n", policy()), "x");
    assert_eq!(sent.load(Ordering::Relaxed), 1);
    assert_eq!(
        count(Method::POST, "data: tok", policy()),
        "the event stream ended in the middle of an event; the request is not idempotent, so it is not sent again"
    );
    assert_eq!(sent.load(Ordering::Relaxed), 1);
    // An idempotent request is sent again, one that may be, and one that resumes.
    for (method, text, policy) in [
        (Method::GET, ":\n", policy()),
        (Method::POST, ":\n", policy().with_resend(true)),
        (Method::POST, "id: 7\n\n", policy()),
    ] {
        count(method, text, policy);
        assert_eq!(sent.load(Ordering::Relaxed), 20);
    }
}

/// Makes a client whose first body is what is sent, and that never answers after that.
fn one_body() -> (
    UnboundedSender<&'static str>,
    impl FnOnce(Request<()>) -> futures_util::future::BoxFuture<'static, Answer<TestBody>> + Clone + Send,
) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = stream::unfold(receiver, |mut receiver| async {
        let text: &str = receiver.recv().await?;
        Some((Ok(Frame::data(Bytes::from(text))), receiver))
    });
    let body = Arc::new(Mutex::new(Some(Box::pin(StreamBody::new(frames)) as TestBody)));
    let client = move |_: Request<()>| match body.lock().unwrap().take() {
        Some(body) => ready(answer(body)).boxed(),
        None => pending().boxed(),
    };
    (sender, client)
}

type TestBody = std::pin::Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>;
