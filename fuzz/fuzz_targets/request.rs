//! What is read from a request is as promised, whatever its headers and query; and so is what is answered.
//!
//! The input is a count of headers, those, a query, and a time.
#![no_main]

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_core::Stream;
use http::{HeaderMap, HeaderValue, header::ACCEPT};
use libfuzzer_sys::fuzz_target;
use ssekit::{Body, Decoder, EventId, LAST_EVENT_ID, LastEventId};
use ssekit_fuzz::Input;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let mut headers = HeaderMap::new();
    for _ in 0..input.byte() % 8 {
        let name = if input.byte() % 2 == 0 { ACCEPT.as_str() } else { LAST_EVENT_ID };
        if let Ok(value) = HeaderValue::from_bytes(input.counted()) {
            headers.append(name, value);
        }
    }
    let query = input.text();
    last_event_id(&headers, &query);
    accept(headers);
    answer(Duration::new(input.number(), input.byte().into()));
});

fn last_event_id(headers: &HeaderMap, query: &str) {
    let ids: Vec<_> = headers.get_all(LAST_EVENT_ID).iter().map(HeaderValue::as_bytes).collect();
    let last = ssekit::last_event_id(headers, Some(query));
    assert_eq!(ssekit::last_event_id_from(ids.iter(), Some(query)), last);
    let mut given = ids.iter().copied().filter(|id| !id.is_empty());
    match given.next() {
        // A header comes first, and says something even if it is no ID.
        Some(first) => {
            let alone = LastEventId::from_bytes(first);
            let last = last.as_ref().unwrap();
            let others = given.map(LastEventId::from_bytes).collect::<Vec<_>>();
            let agreed = others.iter().all(|other| *other == alone);
            assert_eq!(last.as_id(), alone.as_ref().unwrap().as_id().filter(|_| agreed));
            // Clients that send each character of an ID as one byte mean Latin-1.
            let latin_1 = || first.iter().map(|byte| char::from(*byte)).collect();
            let text = str::from_utf8(first).map_or_else(|_| latin_1(), str::to_owned);
            assert!(last.as_id().is_none_or(|id| id.as_str() == text));
        }
        None => assert_eq!(ssekit::last_event_id(&HeaderMap::new(), Some(query)), last),
    }
    if let Some(id) = last.as_ref().and_then(LastEventId::as_id) {
        assert!(!id.is_empty() && id.as_str().len() <= EventId::MAX_BYTES);
        // It can go out as a header, and comes back as it went.
        let value = HeaderValue::from_bytes(id.as_str().as_bytes()).unwrap();
        assert_eq!(LastEventId::from_bytes(value.as_bytes()), last);
    }
    // A parameter that says nothing changes nothing.
    assert_eq!(ssekit::last_event_id(headers, Some(&format!("last_event_id=&{query}"))), last);
}

fn accept(mut headers: HeaderMap) {
    let accepted = ssekit::accepts_event_stream(&headers);
    assert!(accepted || headers.contains_key(ACCEPT));
    headers.append(ACCEPT, HeaderValue::from_static("text/event-stream"));
    assert!(ssekit::accepts_event_stream(&headers));
    headers.insert(ACCEPT, HeaderValue::from_static("text/html"));
    assert!(!ssekit::accepts_event_stream(&headers));
}

fn answer(time: Duration) {
    let response = ssekit::reconnect_after(time);
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut decoder = Decoder::new();
    read(response.into_body(), &mut decoder);
    let millis = u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    assert_eq!(decoder.reconnection_time(), Some(Duration::from_millis(millis)));
}

fn read(mut body: Body, decoder: &mut Decoder) {
    while let Poll::Ready(Some(chunk)) =
        Pin::new(&mut body).poll_next(&mut Context::from_waker(Waker::noop()))
    {
        let chunk = chunk.unwrap();
        decoder.feed(&chunk);
        while decoder.next().is_some() {}
    }
}
