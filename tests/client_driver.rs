//! What `EventSource` makes of its parts: requests, bodies and timers, without sockets.
#![cfg(all(feature = "http-body", feature = "tokio"))]

#[path = "support/counting_waker.rs"]
mod counting_waker;
#[path = "support/manual_timer.rs"]
mod manual_timer;

use std::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::{pending, ready},
    pin::pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use counting_waker::CountingWaker;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use http::{Method, Request, Response};
use http_body::{Body, Frame};
use http_body_util::{Full, StreamBody};
use manual_timer::ManualTimer;
use ssekit::{
    EventSource,
    client::{Change, Policy, ReadyState, Reason},
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
    let mut source = EventSource::connect(client, get()).with_seed(1);
    let start = tokio::time::Instant::now();
    let mut opened = 0;
    while opened < 3 {
        opened += usize::from(matches!(source.next().await, Some(Ok(Change::Opened(_)))));
    }
    assert!(start.elapsed() >= Duration::from_secs(120), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(124), "{:?}", start.elapsed());
}

#[tokio::test]
async fn headers_of_the_application_s_request_are_kept_but_for_the_last_event_id() {
    let seen = RefCell::new(Vec::new());
    let client = |request: Request<()>| {
        seen.borrow_mut().push(request.headers().clone());
        ready(answer(Full::<Bytes>::from("retry: 0\nid: 1\ndata\n\n")))
    };
    let request = Request::get("http://localhost/")
        .header("accept", "application/json, text/event-stream")
        .header("cache-control", "no-store")
        .header("last-event-id", "forged")
        .header("last-event-id", "twice")
        .header("authorization", "Bearer t")
        .body(())
        .unwrap();
    let policy = Policy::browser();
    let mut source = EventSource::connect(client, request).with_policy(policy);
    while seen.borrow().len() < 2 {
        source.next().await;
    }
    for (headers, id) in seen.borrow().iter().zip([None, Some("1")]) {
        assert_eq!(headers["accept"], "application/json, text/event-stream");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["authorization"], "Bearer t");
        let ids: Vec<_> = headers.get_all("last-event-id").iter().collect();
        assert_eq!(ids, id.as_slice());
    }
}

#[tokio::test]
async fn a_closure_makes_the_request_for_each_attempt() {
    let seen = RefCell::new(Vec::new());
    let client = |request: Request<String>| {
        let (head, body) = request.into_parts();
        assert_eq!(
            (&head.method, &head.headers["accept"].as_bytes()),
            (&Method::POST, &&b"text/event-stream"[..])
        );
        seen.borrow_mut().push(format!("{} {body}", head.uri.path()));
        ready(Err::<Response<Full<Bytes>>, _>("no"))
    };
    let mut attempt = 0;
    let make = || {
        attempt += 1;
        Request::post(format!("http://localhost/{attempt}")).body(format!("token {attempt}")).unwrap()
    };
    let policy = Policy::browser().with_reconnection_time(Duration::ZERO);
    let mut source = EventSource::connect(client, make).with_policy(policy);
    for _ in 0..3 {
        let change = source.next().await;
        let Some(Ok(Change::Reconnecting { reason: Reason::Transport(error), .. })) = change else {
            panic!()
        };
        assert_eq!(error.to_string(), "no");
    }
    assert_eq!(*seen.borrow(), ["/1 token 1", "/2 token 2", "/3 token 3"]);
}

#[test]
fn nothing_happens_before_the_first_poll() {
    let called = Cell::new(false);
    let client = |_: Request<()>| {
        called.set(true);
        pending::<Answer<Full<Bytes>>>()
    };
    let mut source = EventSource::with_timer(client, get(), ManualTimer::new());
    assert!(!called.get());
    assert!(source.next().now_or_never().is_none());
    assert!(called.get());
    assert_eq!(source.ready_state(), ReadyState::Connecting);
}

#[test]
fn close_drops_the_response_under_way_and_the_stream_stays_ended() {
    let guard = Rc::new(());
    let held = Rc::clone(&guard);
    let client = move |_: Request<()>| {
        let held = Rc::clone(&held);
        async move {
            let answer = pending::<Answer<Full<Bytes>>>().await;
            drop(held);
            answer
        }
    };
    let mut source = EventSource::with_timer(client, get(), ManualTimer::new());
    assert!(source.next().now_or_never().is_none());
    assert_eq!(Rc::strong_count(&guard), 3);
    source.close();
    assert_eq!(Rc::strong_count(&guard), 2, "at once, not at the next poll");
    assert_eq!(source.ready_state(), ReadyState::Closed);
    for _ in 0..3 {
        assert!(source.next().now_or_never().unwrap().is_none());
    }
}

#[test]
fn one_poll_does_a_bounded_amount_of_work_and_asks_to_be_polled_again() {
    let taken = Rc::new(Cell::new(0));
    let count = Rc::clone(&taken);
    let client = move |_: Request<()>| {
        let count = Rc::clone(&count);
        let comments = stream::repeat_with(move || {
            count.set(count.get() + 1);
            Ok::<_, Infallible>(Frame::data(Bytes::from(":\n")))
        });
        ready(answer(StreamBody::new(comments)))
    };
    let mut source = pin!(EventSource::with_timer(client, get(), ManualTimer::new()));
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(matches!(source.as_mut().poll_next(&mut cx), Poll::Ready(Some(Ok(Change::Opened(_))))));
    assert!(source.as_mut().poll_next(&mut cx).is_pending());
    assert!((1..1_000).contains(&taken.get()), "{}", taken.get());
    assert_eq!(wakes.take(), 1);
}

#[test]
fn chunks_do_not_arm_the_timer_each() {
    let timer = ManualTimer::new();
    let (sender, body) = body();
    let mut body = Some(body);
    let client = move |_: Request<()>| ready(answer(body.take().unwrap()));
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
    let (sender, body) = body();
    let mut body = Some(body);
    let client = move |_: Request<()>| match body.take() {
        Some(body) => ready(answer(body)).left_future(),
        None => pending().right_future(),
    };
    let mut source = EventSource::with_timer(client, get(), timer.clone());
    assert!(matches!(source.next().now_or_never(), Some(Some(Ok(Change::Opened(_))))));
    assert!(source.next().now_or_never().is_none());
    drop(sender);
    let Some(Some(Ok(Change::Reconnecting { delay, .. }))) = source.next().now_or_never() else { panic!() };
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
    assert!(matches!(next(), Change::Opened(_)));
    assert!(matches!(next(), Change::Event(event) if event.data() == "a"));
    assert!(matches!(next(), Change::Reconnecting { reason: Reason::Ended, .. }));
}

/// Makes a body of what is sent.
fn body() -> (UnboundedSender<&'static str>, impl Body<Data = Bytes, Error = Infallible>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = stream::unfold(receiver, |mut receiver| async {
        let text: &str = receiver.recv().await?;
        Some((Ok(Frame::data(Bytes::from(text))), receiver))
    });
    (sender, StreamBody::new(frames))
}
