//! `Body`: when it speaks, when it ends, and that it lets its stream go.

use std::{
    error::Error,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use crate::support::counting_waker::CountingWaker;
use crate::support::feed::feed;
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use ssekit::{Body, Event};

const COMMENT: &str = ":\n";

/// What a poll of a body gave, in a form that compares.
#[derive(Debug, PartialEq)]
enum Polled {
    Pending,
    Chunk(Bytes),
    Failed(String),
    End,
}

fn chunk(text: &'static str) -> Polled {
    Polled::Chunk(text.into())
}

fn poll(body: &mut Body) -> Polled {
    poll_with(body, Waker::noop())
}

fn poll_with(body: &mut Body, waker: &Waker) -> Polled {
    match Pin::new(body).poll_next(&mut Context::from_waker(waker)) {
        Poll::Pending => Polled::Pending,
        Poll::Ready(Some(Ok(bytes))) => Polled::Chunk(bytes),
        Poll::Ready(Some(Err(error))) => Polled::Failed(error.to_string()),
        Poll::Ready(None) => Polled::End,
    }
}

#[derive(Debug)]
struct Lost;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("source lost")
    }
}

impl Error for Lost {}

#[test]
fn a_stream_that_is_idle_at_first_begins_with_one_comment() {
    let (feeder, feed) = feed();
    let (woken, waker) = CountingWaker::new();
    let mut body = Body::new(feed);
    assert_eq!(poll_with(&mut body, &waker), chunk(COMMENT));
    assert_eq!(poll_with(&mut body, &waker), Polled::Pending);
    feeder.push(Event::new("a"));
    assert_eq!(woken.take(), 1);
    assert_eq!(poll_with(&mut body, &waker), chunk("data: a\n\n"));
    assert_eq!(poll_with(&mut body, &waker), Polled::Pending);
}

#[test]
fn a_stream_that_is_ready_at_first_needs_no_comment() {
    let (feeder, feed) = feed();
    feeder.push(Event::new("a"));
    let mut body = Body::new(feed);
    assert_eq!(poll(&mut body), chunk("data: a\n\n"));
    assert_eq!(poll(&mut body), Polled::Pending);
}

#[test]
fn a_stream_that_ends_at_once_sends_nothing() {
    let mut body = Body::new(stream::empty::<Event>());
    assert_eq!(poll(&mut body), Polled::End);
    assert_eq!(poll(&mut body), Polled::End);
}

#[test]
fn after_its_end_a_stream_is_dropped_and_not_polled() {
    let held = Arc::new(());
    let (feeder, feed) = feed();
    let token = held.clone();
    let mut body = Body::new(feed.inspect(move |_: &Event| drop(token.clone())));
    assert_eq!(poll(&mut body), chunk(COMMENT));
    feeder.push(Event::new("a"));
    feeder.end();
    assert_eq!(poll(&mut body), chunk("data: a\n\n"));
    assert_eq!(Arc::strong_count(&held), 2);
    assert_eq!(poll(&mut body), Polled::End);
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(poll(&mut body), Polled::End);
}

#[test]
fn an_error_waits_until_the_stack_has_let_go_of_what_came_before_and_drops_the_stream_at_once() {
    let held = Arc::new(());
    let token = held.clone();
    let items = stream::iter([Ok(Event::new("a")), Err(Lost), Ok(Event::new("b"))]);
    let mut body = Body::new(items.inspect(move |_| drop(token.clone())));
    assert_eq!(poll(&mut body), chunk("data: a\n\n"));
    assert_eq!(Arc::strong_count(&held), 2);
    let last = poll(&mut body);
    assert_eq!(last, chunk(":\n"));
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(body.size_hint(), (1, Some(1)));

    let (woken, waker) = CountingWaker::new();
    assert_eq!(poll_with(&mut body, &waker), Polled::Pending);
    assert_eq!(poll_with(&mut body, &waker), Polled::Pending);
    assert_eq!(woken.take(), 0);
    drop(last);
    assert_eq!(woken.take(), 1);
    // One more turn, to flush what the stack has copied.
    assert_eq!(poll_with(&mut body, &waker), Polled::Pending);
    assert_eq!(woken.take(), 1);
    assert_eq!(poll(&mut body), Polled::Failed("source lost".to_owned()));
    assert_eq!(poll(&mut body), Polled::End);
}

/// Returns the error of a body whose stream begins with it.
fn error_of(mut body: Body) -> io::Error {
    assert_eq!(poll(&mut body), chunk(":\n"));
    assert_eq!(poll(&mut body), Polled::Pending);
    let polled = Pin::new(&mut body).poll_next(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Some(Err(error))) = polled else { panic!("{polled:?}") };
    error
}

#[test]
fn an_error_keeps_its_type() {
    let error = error_of(Body::new(stream::iter([Err::<Bytes, _>(Lost)])));
    assert!(error.get_ref().unwrap().is::<Lost>());
}

#[test]
fn an_io_error_is_not_wrapped() {
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    let error = error_of(Body::new(stream::iter([Err::<Bytes, _>(reset)])));
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn bytes_and_text_are_sent_once_and_nothing_of_them_if_they_are_empty() {
    for body in [Body::from("text"), Body::from("text".to_owned()), Body::from(Bytes::from("text"))] {
        let mut body = body;
        assert_eq!(poll(&mut body), chunk("text"));
        assert_eq!(poll(&mut body), Polled::End);
    }
    for body in [Body::empty(), Body::default(), Body::from(""), Body::from(String::new())] {
        let mut body = body;
        assert_eq!(poll(&mut body), Polled::End);
    }
}

#[test]
fn the_size_hint_counts_comments_that_may_come_and_an_error_that_may_end_it() {
    assert_eq!(Body::empty().size_hint(), (0, Some(0)));
    assert_eq!(Body::from("text").size_hint(), (1, Some(1)));

    let mut body = Body::new(stream::iter([Event::new("a"), Event::new("b")]));
    assert_eq!(body.size_hint(), (1, Some(4)));
    assert_eq!(poll(&mut body), chunk("data: a\n\n"));
    assert_eq!(body.size_hint(), (1, Some(2)));
    assert_eq!(Body::new(stream::pending::<Event>()).size_hint(), (0, Some(2)));
}

#[cfg(feature = "http-body")]
mod http_body {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn each_frame_is_whole_events() {
        let events = [Event::new("a\nb"), Event::new("c")];
        let mut body = Body::new(stream::iter(events));
        for frame in ["data: a\ndata: b\n\n", "data: c\n\n"] {
            let next = body.frame().now_or_never().unwrap().unwrap().unwrap();
            assert_eq!(next.into_data().unwrap(), frame);
        }
        assert!(body.frame().now_or_never().unwrap().is_none());
    }

    #[test]
    fn the_size_is_exact_where_it_is_known() {
        fn size(body: &Body) -> Option<u64> {
            ::http_body::Body::size_hint(body).exact()
        }
        assert_eq!(size(&Body::empty()), Some(0));
        assert_eq!(size(&Body::from("text")), Some(4));
        assert_eq!(size(&Body::new(stream::empty::<Event>())), None);
    }

    #[test]
    fn the_end_of_the_stream_is_known_once_it_was_reached() {
        use ::http_body::Body as _;

        assert!(Body::empty().is_end_stream());
        let mut text = Body::from("text");
        assert!(!text.is_end_stream());
        assert_eq!(poll(&mut text), chunk("text"));
        assert!(text.is_end_stream());

        let mut events = Body::new(stream::iter([Event::new("a")]));
        assert_eq!(poll(&mut events), chunk("data: a\n\n"));
        assert!(!events.is_end_stream());
        assert_eq!(poll(&mut events), Polled::End);
        assert!(events.is_end_stream());
    }
}
