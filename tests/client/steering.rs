//! Reconnecting now, from another ID, pausing and closing: by the source itself and from another task.
#![cfg(feature = "client")]

use std::{
    convert::Infallible,
    future::ready,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use crate::support::counting_waker::CountingWaker;
use crate::support::manual_timer::ManualTimer;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use ssekit::{
    EventSource,
    client::{DisconnectReason, EventSourceHandle, Policy, ReadyState, Update},
};

/// A server that says the same each time and keeps the connection open, and what it was asked.
struct Server {
    last_event_ids: Arc<Mutex<Vec<String>>>,
    /// There is one for each open connection.
    open: Arc<()>,
}

type AnyBody = Pin<Box<dyn Body<Data = Bytes, Error = Infallible> + Send>>;

impl Server {
    fn new(text: &'static str) -> (Self, EventSource<()>, ManualTimer) {
        let server = Self { last_event_ids: Arc::default(), open: Arc::new(()) };
        let (ids, open) = (Arc::clone(&server.last_event_ids), Arc::downgrade(&server.open));
        let client = move |request: Request<()>| {
            let id = request.headers().get("last-event-id").map_or("", |id| id.to_str().unwrap());
            ids.lock().unwrap().push(id.to_owned());
            let guard = open.upgrade();
            let text = stream::iter([Ok(Frame::data(Bytes::from(text)))]);
            let rest = stream::poll_fn(move |_| {
                let _ = &guard;
                Poll::Pending
            });
            let body: AnyBody = Box::pin(StreamBody::new(text.chain(rest)));
            ready(Ok::<_, Infallible>(
                Response::builder().header("content-type", "text/event-stream").body(body).unwrap(),
            ))
        };
        let timer = ManualTimer::new();
        let source = EventSource::with_timer(client, Request::new(()), timer.clone())
            .policy(Policy::default().with_idle_timeout(None));
        (server, source, timer)
    }

    fn asked(&self) -> Vec<String> {
        self.last_event_ids.lock().unwrap().clone()
    }

    fn connections(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }
}

/// Takes what is there now, in one line each.
fn told(source: &mut EventSource<()>) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(update) = source.next().now_or_never() {
        lines.push(match update {
            Some(Ok(Update::Opened(_))) => "opened".to_owned(),
            Some(Ok(Update::Event(event))) => format!("{} {}", event.last_event_id(), event.data()),
            Some(Ok(Update::Reconnecting { delay, reason })) => {
                assert!(delay.is_zero() == matches!(reason, DisconnectReason::Requested));
                format!("again: {reason}")
            }
            Some(Ok(Update::Paused)) => "paused".to_owned(),
            None => return [lines, vec!["end".to_owned()]].concat(),
            other => panic!("{other:?}"),
        });
    }
    lines
}

/// Each way to steer: by the source, and by its handle.
fn ways() -> [fn(&mut EventSource<()>, &EventSourceHandle, &str); 2] {
    [
        |source, _, wish| match wish.split_once(' ') {
            Some((_, id)) => source.reconnect_after(id),
            None if wish == "reconnect" => source.reconnect(),
            None if wish == "pause" => source.pause(),
            None if wish == "resume" => source.resume(),
            None => source.close(),
        },
        |_, handle, wish| match wish.split_once(' ') {
            Some((_, id)) => handle.reconnect_after(id),
            None if wish == "reconnect" => handle.reconnect(),
            None if wish == "pause" => handle.pause(),
            None if wish == "resume" => handle.resume(),
            None => handle.close(),
        },
    ]
}

#[test]
fn reconnect_comes_back_at_once_with_the_same_id_or_another() {
    for steer in ways() {
        let (server, mut source, _) = Server::new("id: 7\ndata: a\n\n");
        let handle = source.handle();
        assert_eq!(told(&mut source), ["opened", "7 a"]);
        steer(&mut source, &handle, "reconnect");
        assert_eq!(told(&mut source), ["again: the application reconnects", "opened", "7 a"]);
        steer(&mut source, &handle, "after 3");
        assert_eq!(told(&mut source), ["again: the application reconnects", "opened", "7 a"]);
        steer(&mut source, &handle, "after ");
        assert_eq!(told(&mut source).len(), 3);
        assert_eq!(server.asked(), ["", "7", "3", ""]);
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn what_was_not_yielded_before_a_reconnect_is_asked_for_again() {
    for steer in ways() {
        let (server, mut source, _) = Server::new("id: 1\ndata: a\n\nid: 2\ndata: b\n\n");
        let handle = source.handle();
        assert!(matches!(source.next().now_or_never(), Some(Some(Ok(Update::Opened(_))))));
        assert!(matches!(source.next().now_or_never(), Some(Some(Ok(Update::Event(_))))));
        steer(&mut source, &handle, "reconnect");
        assert_eq!(told(&mut source).len(), 4);
        assert_eq!(server.asked(), ["", "1"]);
    }
}

#[test]
fn a_pause_drops_the_connection_and_keeps_the_state() {
    for steer in ways() {
        let (server, mut source, timer) = Server::new("id: 7\ndata: a\n\n");
        let handle = source.handle();
        told(&mut source);
        steer(&mut source, &handle, "pause");
        assert_eq!(told(&mut source), ["paused"]);
        assert_eq!(server.connections(), 0);
        assert_eq!(source.ready_state(), ReadyState::Paused);
        assert_eq!(source.last_event_id(), "7");
        timer.advance(Duration::from_secs(3_600));
        steer(&mut source, &handle, "pause");
        assert_eq!(told(&mut source), [""; 0]);
        steer(&mut source, &handle, "resume");
        assert_eq!(told(&mut source), ["opened", "7 a"]);
        steer(&mut source, &handle, "resume");
        assert_eq!(told(&mut source), [""; 0]);
        assert_eq!(server.asked(), ["", "7"]);
        // Reconnecting ends a pause, too.
        steer(&mut source, &handle, "pause");
        assert_eq!(told(&mut source), ["paused"]);
        steer(&mut source, &handle, "after 5");
        assert_eq!(told(&mut source), ["opened", "7 a"]);
        assert_eq!(server.asked(), ["", "7", "5"]);
    }
}

#[test]
fn reconnect_ends_a_wait() {
    for steer in ways() {
        let client = |_: Request<()>| ready(Err::<Response<String>, _>("refused"));
        let mut source = EventSource::with_timer(client, Request::new(()), ManualTimer::new());
        let handle = source.handle();
        assert_eq!(told(&mut source), ["again: refused"]);
        for _ in 0..3 {
            steer(&mut source, &handle, "reconnect");
            assert_eq!(told(&mut source), ["again: the application reconnects", "again: refused"]);
        }
    }
}

#[test]
fn close_is_final() {
    for steer in ways() {
        let (server, mut source, _) = Server::new("data: a\n\n");
        let handle = source.handle();
        told(&mut source);
        for wish in ["close", "reconnect", "after 5", "pause", "resume"] {
            steer(&mut source, &handle, wish);
        }
        assert_eq!(told(&mut source), ["end"]);
        for wish in ["reconnect", "after 5", "pause", "resume", "close"] {
            steer(&mut source, &handle, wish);
            assert_eq!(told(&mut source), ["end"]);
        }
        assert_eq!((server.asked().len(), server.connections()), (1, 0));
    }
}

#[test]
fn of_several_wishes_before_a_poll_the_last_one_decides() {
    for (wishes, expected, asked) in [
        (
            &["pause", "reconnect"][..],
            &["again: the application reconnects", "opened", "7 a"][..],
            &["", "7"][..],
        ),
        (&["reconnect", "pause"], &["paused"], &[""]),
        (
            &["after 3", "pause", "resume"],
            &["again: the application reconnects", "opened", "7 a"],
            &["", "3"],
        ),
        (&["after 3", "reconnect"], &["again: the application reconnects", "opened", "7 a"], &["", "3"]),
        (&["after 3", "after 4"], &["again: the application reconnects", "opened", "7 a"], &["", "4"]),
        (&["after 3", "close"], &["end"], &[""]),
    ] {
        let (server, mut source, _) = Server::new("id: 7\ndata: a\n\n");
        let handle = source.handle();
        told(&mut source);
        for wish in wishes {
            ways()[1](&mut source, &handle, wish);
        }
        assert_eq!(told(&mut source), expected, "{wishes:?}");
        assert_eq!(server.asked(), asked, "{wishes:?}");
    }
    // An ID that came before a pause is not lost.
    let (server, mut source, _) = Server::new("id: 7\ndata: a\n\n");
    let handle = source.handle();
    told(&mut source);
    handle.reconnect_after("3");
    handle.pause();
    assert_eq!(told(&mut source), ["paused"]);
    handle.clone().resume();
    assert_eq!(told(&mut source), ["opened", "7 a"]);
    assert_eq!(server.asked(), ["", "3"]);
}

#[test]
fn a_handle_wakes_the_task_that_polls() {
    let (_server, mut source, _) = Server::new("id: 7\ndata: a\n\n");
    let handle = source.handle();
    let (wakes, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    while source.poll_next_unpin(&mut cx).is_ready() {}
    assert_eq!(wakes.take(), 0);
    handle.reconnect();
    assert_eq!(wakes.take(), 1);
    drop(source);
    handle.reconnect();
}

#[tokio::test]
async fn a_source_in_another_task_is_steered() {
    let (server, mut source, _) = Server::new("id: 7\ndata: a\n\n");
    let handle = source.handle();
    let reader = tokio::spawn(async move {
        let mut events = 0;
        while let Some(update) = source.next().await {
            let Ok(Update::Event(_)) = update else { continue };
            events += 1;
            if events == 1 {
                source.handle().reconnect_after("4");
            } else if events == 2 {
                source.handle().close();
            }
        }
        events
    });
    assert_eq!(reader.await.unwrap(), 2);
    handle.resume();
    assert_eq!(server.asked(), ["", "4"]);
}

#[test]
fn comments_reconnection_times_and_ids_without_an_event_come_to_those_who_ask() {
    let text = ": a\nretry: 500\n\nid: 1\ndata: x\n\nid: 2\n\n:b\n\nid: 2\ndata: y\n\nid: 3\n\n";
    let seen = |ask: fn(EventSource<()>) -> EventSource<()>| {
        let (_server, source, _) = Server::new(text);
        let mut source = ask(source);
        let mut seen = Vec::new();
        while let Some(update) = source.next().now_or_never() {
            match update.unwrap().unwrap() {
                Update::Opened(_) => {}
                Update::Event(event) => seen.push(event.data().to_owned()),
                Update::Comment(text) => seen.push(format!("comment {text:?}")),
                Update::ReconnectionTime(time) => seen.push(format!("time {time:?}")),
                Update::LastEventId(id) => seen.push(format!("ID {id}")),
                other => panic!("{other:?}"),
            }
        }
        seen
    };
    assert_eq!(seen(|source| source), ["x", "y"]);
    assert_eq!(seen(EventSource::comments), ["comment \" a\"", "x", "comment \"b\"", "y"]);
    assert_eq!(seen(EventSource::reconnection_times), ["time 500ms", "x", "y"]);
    // The ID 2 came with an event before anything else was there to do.
    assert_eq!(seen(EventSource::last_event_ids), ["x", "y", "ID 3"]);
    assert_eq!(
        seen(|source| source.comments().reconnection_times().last_event_ids()),
        ["comment \" a\"", "time 500ms", "x", "comment \"b\"", "y", "ID 3"]
    );
}
