//! What was encoded is decoded, wherever the stream is cut.
//!
//! The input is eight cuts, and for each event a byte that says which parts it has, and those.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use ssekit::{
    Decoder, Event, EventId, EventType,
    decode::{Item, Limits},
};
use ssekit_fuzz::Input;

/// What a reader sees of a stream.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    /// The type, data and last event ID of each.
    events: Vec<[String; 3]>,
    comments: Vec<String>,
    last_event_id: String,
    retry: Option<Duration>,
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let cuts = input.slice(8);
    let mut stream = bytes::BytesMut::new();
    let mut expected = Seen::default();
    while !input.is_empty() {
        let before = stream.len();
        let event = event(&mut input, &mut expected);
        event.encode_into(&mut stream);
        assert_eq!(event.encoded_len(), stream.len() - before);
        assert_eq!(event.encode(), stream[before..]);
    }
    assert_eq!(read([&stream[..]]), expected);
    let mut cuts: Vec<_> = cuts.iter().map(|cut| usize::from(*cut).min(stream.len())).collect();
    cuts.sort_unstable();
    cuts.push(stream.len());
    let mut start = 0;
    assert_eq!(read(cuts.into_iter().map(|end| &stream[std::mem::replace(&mut start, end)..end])), expected);
});

/// Makes an event, and adds what a reader must see of it.
fn event(input: &mut Input<'_>, expected: &mut Seen) -> Event {
    let parts = input.byte();
    let has = |part: u8| parts & (1 << part) != 0;
    let mut event = Event::default();
    let mut event_type = "message".to_owned();
    if has(0) {
        let text = input.text();
        let id = EventId::try_from(text.as_str());
        let allowed =
            text.len() <= 256 && text == text.trim_matches([' ', '\t']) && !text.contains(char::is_control);
        assert_eq!(id.is_ok(), allowed, "{text:?}");
        if let Ok(id) = id {
            event = event.with_id(id);
            expected.last_event_id = text;
        }
    }
    if has(1) {
        let text = input.text();
        let given = EventType::try_from(text.as_str());
        assert_eq!(given.is_ok(), !text.contains(['\r', '\n']), "{text:?}");
        if let Ok(given) = given {
            event = event.with_type(given);
            event_type = if text.is_empty() { event_type } else { text };
        }
    }
    if has(2) {
        let retry = Duration::new(input.number(), input.byte().into());
        event = event.with_retry(retry);
        let millis = u64::try_from(retry.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        expected.retry = Some(Duration::from_millis(millis));
    }
    if has(3) {
        let text = input.text();
        expected.comments.extend(with_line_feeds(&text).split('\n').map(str::to_owned));
        event = event.with_comment(text);
    }
    if has(4) {
        let text = input.text();
        expected.events.push([event_type, with_line_feeds(&text), expected.last_event_id.clone()]);
        event = event.with_data(text);
    }
    event
}

fn read<'s>(pieces: impl IntoIterator<Item = &'s [u8]>) -> Seen {
    let mut seen = Seen::default();
    let mut decoder = Decoder::with_limits(Limits::new());
    for piece in pieces {
        decoder.feed(piece);
        while let Some(item) = decoder.next() {
            match item {
                Item::Event(event) => seen
                    .events
                    .push([event.event_type(), event.data(), event.last_event_id()].map(str::to_owned)),
                Item::Comment(text) => {
                    seen.comments.push(text.strip_prefix(' ').unwrap_or(text).to_owned());
                }
                Item::Retry(retry) => seen.retry = Some(retry),
                Item::LimitExceeded(exceeded) => panic!("{exceeded}"),
            }
        }
    }
    assert_eq!(decoder.reconnection_time(), seen.retry);
    seen.last_event_id = decoder.last_event_id().to_owned();
    seen
}

fn with_line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}
