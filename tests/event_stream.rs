//! `EventStream`, poll by poll.

#[path = "support/counting_waker.rs"]
mod counting_waker;
#[path = "support/feed.rs"]
mod feed;

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, Bytes};
use futures_core::{FusedStream, Stream};
use futures_util::{FutureExt, stream};
use ssekit::{
    Decoder, EventStream, EventStreamError, ReceivedEvent,
    decode::{LimitKind, Limits},
};

use self::{
    counting_waker::CountingWaker,
    feed::{Feed, feed},
};

type Chunk = Result<&'static [u8], io::ErrorKind>;

fn data(event: Option<Result<ReceivedEvent, EventStreamError<io::ErrorKind>>>) -> String {
    event.expect("the stream has not ended").expect("there is an event").data().to_owned()
}

#[test]
fn yields_each_event_as_soon_as_it_is_complete() {
    let (feeder, source) = feed::<Chunk>();
    let mut events = EventStream::new(source);
    let (woken, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    let mut poll = |events: &mut EventStream<Feed<Chunk>>| Pin::new(events).poll_next(&mut cx);

    assert!(poll(&mut events).is_pending());
    feeder.push(Ok(b"data: 1\n\ndata: 2\n\nda"));
    assert_eq!(woken.take(), 1);
    assert_eq!(poll(&mut events).map(data), Poll::Ready("1".to_owned()));
    assert_eq!(poll(&mut events).map(data), Poll::Ready("2".to_owned()));
    assert!(poll(&mut events).is_pending());
    feeder.push(Ok(b"ta: 3\r\r"));
    assert_eq!(poll(&mut events).map(data), Poll::Ready("3".to_owned()));
    feeder.push(Ok(b"\ndata: unfinished\n"));
    feeder.end();
    assert!(matches!(poll(&mut events), Poll::Ready(None)));
}

#[test]
fn stays_finished() {
    let (feeder, source) = feed::<Chunk>();
    let mut events = EventStream::new(source);
    assert!(!events.is_terminated());
    assert_eq!(events.size_hint(), (0, None));
    feeder.end();
    // The source would panic if it were polled after its end.
    for _ in 0..3 {
        assert!(events.next().now_or_never().unwrap().is_none());
    }
    assert!(events.is_terminated());
    assert_eq!(events.size_hint(), (0, Some(0)));
}

#[test]
fn passes_errors_on_and_goes_on() {
    let chunks: [Chunk; 4] = [
        Ok(b"data: 1\n\ndata: 23456\n\n"),
        Ok(b"data: 3\n\n"),
        Err(io::ErrorKind::ConnectionReset),
        Ok(b"data: 4\n\n"),
    ];
    let decoder = Decoder::with_limits(Limits::new().with_max_line_bytes(10));
    let mut events = EventStream::with_decoder(stream::iter(chunks), decoder);
    let mut next = || events.next().now_or_never().unwrap();

    assert_eq!(data(next()), "1");
    let over = next();
    assert!(
        matches!(&over, Some(Err(EventStreamError::LimitExceeded(over))) if over.kind() == LimitKind::LineBytes),
        "{over:?}"
    );
    assert_eq!(data(next()), "3");
    let reset = next();
    assert!(
        matches!(reset, Some(Err(EventStreamError::Source(io::ErrorKind::ConnectionReset)))),
        "{reset:?}"
    );
    assert_eq!(data(next()), "4");
    assert!(next().is_none());
}

#[test]
fn last_event_id_is_that_of_the_event_yielded_last() {
    let chunks: [Chunk; 1] = [Ok(b"retry: 9\nid: 1\ndata: 1\n\nid: 2\ndata: 2\n\nid: 3\n\n")];
    let mut events = EventStream::with_decoder(stream::iter(chunks), Decoder::new().with_last_event_id("0"));
    assert_eq!(events.last_event_id(), "0");
    assert_eq!(events.reconnection_time(), None);
    for id in ["1", "2"] {
        assert_eq!(data(events.next().now_or_never().unwrap()), id);
        assert_eq!(events.last_event_id(), id);
        assert_eq!(events.reconnection_time(), Some(Duration::from_millis(9)));
    }
    assert!(events.next().now_or_never().unwrap().is_none());
    assert_eq!(events.last_event_id(), "3", "a block with an ID alone sets it too");
}

#[test]
fn one_poll_takes_a_bounded_number_of_chunks() {
    let comments = stream::repeat(Ok::<_, io::ErrorKind>(&b": still here\n\n"[..]));
    let mut events = EventStream::new(comments);
    let (woken, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut events).poll_next(&mut cx).is_pending());
    assert_eq!(woken.take(), 1, "it asks to be polled again");
}

#[test]
fn takes_chunks_that_are_not_contiguous() {
    let chunk = Bytes::from("data: 2\n").chain(Bytes::from("\ndata: 3\n\n"));
    let mut events = EventStream::new(stream::iter([Ok::<_, io::ErrorKind>(chunk)]));
    assert_eq!(data(events.next().now_or_never().unwrap()), "2");
    assert_eq!(data(events.next().now_or_never().unwrap()), "3");
    assert!(events.next().now_or_never().unwrap().is_none());
}

#[test]
fn takes_other_bytes_through_a_cursor() {
    use futures_util::TryStreamExt;

    let chunks = stream::iter([Ok::<_, io::ErrorKind>(b"data: 1\n\n".to_vec())]);
    let mut events = EventStream::new(chunks.map_ok(io::Cursor::new));
    assert_eq!(data(events.next().now_or_never().unwrap()), "1");
}

#[test]
fn gives_its_source_back() {
    let mut events = EventStream::new(stream::iter([Ok::<_, io::ErrorKind>(&b"data: 1\n\n"[..]); 2]));
    events.next().now_or_never().unwrap();
    assert_eq!(events.get_ref().size_hint(), (1, Some(1)));
    assert_eq!(events.get_mut().size_hint(), (1, Some(1)));
    assert_eq!(events.into_inner().size_hint(), (1, Some(1)));
}

#[cfg(feature = "http-body")]
#[test]
fn reads_a_body_without_its_trailers() {
    use http::HeaderMap;
    use http_body::Frame;
    use http_body_util::StreamBody;

    let frames = ["data: 1\n", "\n"].map(|data| Ok::<_, io::ErrorKind>(Frame::data(Bytes::from(data))));
    let trailers = Ok(Frame::trailers(HeaderMap::new()));
    let body = StreamBody::new(stream::iter(frames.into_iter().chain([trailers])));
    let mut events = EventStream::from_body(body);
    assert_eq!(data(events.next().now_or_never().unwrap()), "1");
    assert!(events.next().now_or_never().unwrap().is_none());
}

#[cfg(feature = "json")]
#[test]
fn data_is_read_as_json() {
    let chunks: [Chunk; 2] = [Ok(b"data: {\"text\":\ndata: \"a\"}\n\n"), Ok(b"data: [DONE]\n\n")];
    let mut events = EventStream::new(stream::iter(chunks));
    let event = events.next().now_or_never().unwrap().unwrap().unwrap();
    let value: std::collections::BTreeMap<&str, &str> = event.json().unwrap();
    assert_eq!(value["text"], "a");
    let event = events.next().now_or_never().unwrap().unwrap().unwrap();
    assert!(event.json::<serde_json::Value>().is_err());
}

#[test]
fn received_events_compare_and_show_their_parts() {
    let chunks: [Chunk; 1] = [Ok(b"id: 1\nevent: a\ndata: b\n\ndata: c\n\nevent: message\ndata: c\n\n")];
    let mut events = EventStream::new(stream::iter(chunks));
    let mut next = || events.next().now_or_never().unwrap().unwrap().unwrap();
    let (named, unnamed, default_named) = (next(), next(), next());
    assert_eq!(format!("{named:?}"), r#"ReceivedEvent { event_type: "a", data: "b", last_event_id: "1" }"#);
    assert_eq!((unnamed.event_type(), unnamed.data(), unnamed.last_event_id()), ("message", "c", "1"));
    assert_eq!(unnamed, default_named);
    assert_ne!(named, unnamed);
}
