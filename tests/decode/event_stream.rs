//! `EventStream`, poll by poll.

use crate::support::{counting_waker, feed};
use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
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

type Chunk = Result<&'static [u8], io::Error>;

fn data(event: Option<Result<ReceivedEvent, EventStreamError>>) -> String {
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
    feeder.push(Ok(b"\n: comment\n"));
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
fn passes_an_event_over_a_limit_and_ends_after_an_error_of_the_source() {
    let chunks: [Chunk; 4] = [
        Ok(b"data: 1\n\ndata: 23456\n\n"),
        Ok(b"data: 3\n\n"),
        Err(io::Error::other("the cable is out")),
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
    let error = next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "the event stream broke off: the cable is out");
    assert_eq!(format!("{error:?}"), error.to_string(), "`main` shows the debug form");
    let EventStreamError::Source(error) = error else { panic!("{error:?}") };
    assert!(error.get_ref().is::<io::Error>());
    assert!(next().is_none());
    assert!(events.is_terminated());
}

#[test]
fn a_source_that_fails_at_every_poll_is_polled_once() {
    let mut polls = 0;
    let source = stream::poll_fn(|_| {
        polls += 1;
        Poll::Ready(Some(Err::<&[u8], _>(io::Error::other("broken"))))
    });
    let events: Vec<_> = futures_util::StreamExt::collect(EventStream::new(source)).now_or_never().unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(polls, 1);
}

/// Reads a whole body, in one piece and byte by byte, and returns the data of its events and the error at its end.
fn read(body: &[u8]) -> (Vec<String>, Option<EventStreamError>) {
    let read = |size: usize| {
        let pieces: Vec<_> =
            body.chunks(size.max(1)).map(|piece| Ok::<_, io::Error>(piece.to_vec())).collect();
        let mut events = EventStream::new(stream::iter(pieces));
        let (mut read, mut error) = (Vec::new(), None);
        loop {
            match events.next().now_or_never() {
                Some(Some(Ok(event))) => read.push(event.data().to_owned()),
                Some(Some(Err(found))) => assert!(error.replace(found).is_none()),
                Some(None) => break,
                // It gives other tasks a turn.
                None => {}
            }
        }
        (read, error)
    };
    let (whole, pieces) = (read(body.len()), read(1));
    assert_eq!(whole.0, pieces.0);
    assert_eq!(whole.1.as_ref().map(ToString::to_string), pieces.1.map(|error| error.to_string()));
    whole
}

#[test]
fn an_unfinished_event_at_the_end_is_told() {
    for body in [
        "data: 1\n\ndata: [DONE]",
        "data: 1\n\ndata: [DONE]\n",
        "data: 1\r\rdata: [DONE]\r",
        "data: 1\r\n\r\ndata: [DONE]\r\n",
    ] {
        let (events, error) = read(body.as_bytes());
        assert_eq!(events, ["1"], "{body:?}");
        let Some(EventStreamError::Incomplete(leftover)) = error else { panic!("{body:?}: {error:?}") };
        assert_eq!(leftover.to_string(), "the event stream ended in the middle of an event");
        assert_eq!(leftover.unfinished().unwrap().data(), "[DONE]");
    }
}

#[test]
fn a_body_that_is_no_event_stream_is_told_with_its_beginning() {
    let utf_16: Vec<u8> = "data: a\n\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let gzip = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0x4B, 0x49, 0x2C, 0x49, 0xB4, 0x52];
    for (body, lines, begin) in [
        (&b"{\"error\": {\"message\": \"overloaded\"}}"[..], 1, "{\"error\": {\"message\""),
        (b"{\n  \"error\": 1\n}\n", 3, "{"),
        (b"error: {\"code\": 529}\n\n", 1, "error: {\"code\": 529}"),
        (b"<!doctype html>\r\n<title>502</title>\r\n", 2, "<!doctype html>"),
        (&utf_16, 2, "d\0a\0t\0a\0"),
        (&gzip, 1, "\u{1F}\u{FFFD}\u{8}"),
        (b"\xEF\xBB{}", 1, ""),
    ] {
        let (events, error) = read(body);
        assert_eq!(events, [""; 0], "{begin}");
        let Some(EventStreamError::Incomplete(leftover)) = error else { panic!("{begin}: {error:?}") };
        assert_eq!(leftover.unfinished(), None);
        assert!(leftover.ignored_lines() >= lines, "{leftover:?}");
        assert!(leftover.first_ignored_line().unwrap().starts_with(begin), "{leftover:?}");
    }
    let (_, error) = read(b"oops\nwhy\n");
    assert_eq!(
        error.unwrap().to_string(),
        "the stream ended after 2 lines that are no fields of an event: \"oops\""
    );
    let long = read(&[b'x'; 10_000]).1.unwrap();
    let EventStreamError::Incomplete(leftover) = long else { panic!("{long:?}") };
    assert_eq!(leftover.first_ignored_line().unwrap().len(), 256);
    assert!(leftover.to_string().len() < 200);
}

#[test]
fn an_error_line_after_events_is_told_and_unknown_fields_of_an_event_are_not() {
    let (events, error) = read(b"data: 1\n\nerror: {\"code\": 529}\n\n");
    assert_eq!(events, ["1"]);
    assert!(
        error
            .unwrap()
            .to_string()
            .ends_with(r#"a line that is no field of an event: "error: {\"code\": 529}""#)
    );
    let (events, error) = read(b"time: 1\ndata: 1\nx\n\nx: y\n\ndata: 2\n\n:\n\nevent: none\nid: 3\n\n");
    assert_eq!(events, ["1", "2"]);
    assert!(error.is_none(), "{error:?}");
}

#[test]
fn an_unfinished_line_sets_nothing() {
    let mut decoder = Decoder::new();
    decoder.feed(b"id: 1\n\nid: 2\nretry: 7");
    assert!(decoder.next().is_none());
    assert_eq!(decoder.end(), None);
    assert_eq!((decoder.last_event_id(), decoder.reconnection_time()), ("1", None));
    // It is ready for the next connection.
    decoder.feed(b"\xEF\xBB\xBFdata: a\n\n");
    assert!(decoder.next().is_some());
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
    let comments = stream::repeat(Ok::<_, Infallible>(&b": still here\n\n"[..]));
    let mut events = EventStream::new(comments);
    let (woken, waker) = CountingWaker::new();
    let mut cx = Context::from_waker(&waker);
    assert!(Pin::new(&mut events).poll_next(&mut cx).is_pending());
    assert_eq!(woken.take(), 1, "it asks to be polled again");
}

#[test]
fn takes_any_bytes_and_the_usual_errors() {
    fn first<B: AsRef<[u8]>, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        bytes: B,
        _: fn(E),
    ) -> String {
        let mut events = EventStream::new(stream::iter([Ok::<_, E>(bytes)]));
        data(events.next().now_or_never().unwrap())
    }
    type BoxError = Box<dyn std::error::Error + Send + Sync>;
    let text = "data: 1\n\n";
    assert_eq!(first(text, |_: io::Error| ()), "1");
    assert_eq!(first(String::from(text), |_: BoxError| ()), "1");
    assert_eq!(first(Vec::from(text), |_: Infallible| ()), "1");
    assert_eq!(first(Bytes::from(text), |_: &str| ()), "1");
}

#[test]
fn gives_its_source_back() {
    let mut events = EventStream::new(stream::iter([Ok::<_, Infallible>(&b"data: 1\n\n"[..]); 2]));
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

    let frames = ["data: 1\n", "\n"].map(|data| Ok::<_, io::Error>(Frame::data(Bytes::from(data))));
    let trailers = Ok(Frame::trailers(HeaderMap::new()));
    let body = StreamBody::new(stream::iter(frames.into_iter().chain([trailers])));
    let mut events = EventStream::from_body(body);
    assert_eq!(data(events.next().now_or_never().unwrap()), "1");
    assert!(events.next().now_or_never().unwrap().is_none());
}

#[cfg(feature = "http-body")]
#[test]
fn an_encoded_response_is_an_error_unless_its_transport_has_decoded_it() {
    use http::Response;
    use http_body_util::Full;

    let first = |encoding: Option<&str>| {
        let mut response = Response::new(Full::new(Bytes::from("data: 1\n\n")));
        if let Some(encoding) = encoding {
            response.headers_mut().insert("content-encoding", encoding.parse().unwrap());
        }
        let mut events = EventStream::from(response);
        let first = events.next().now_or_never().unwrap().unwrap();
        assert_eq!(first.is_err(), events.is_terminated());
        first.map(|event| event.data().to_owned())
    };
    for plain in [None, Some("identity"), Some("Identity, identity"), Some("")] {
        assert_eq!(first(plain).unwrap(), "1");
    }
    for encoded in ["gzip", "br", "identity, zstd", "utf-8"] {
        let error = first(Some(encoded)).unwrap_err();
        assert_eq!(error.to_string(), "nothing decodes the response's content encoding", "{encoded}");
    }
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
    let error = event.json::<serde_json::Value>().unwrap_err();
    assert_eq!(error.to_string(), "the data cannot be deserialised");
    let source =
        std::error::Error::source(&error).and_then(|source| source.downcast_ref::<serde_json::Error>());
    assert!(source.is_some_and(|source| source.line() == 1 && source.is_syntax()), "{source:?}");
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
