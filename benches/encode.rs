//! Encoding events of several sizes, each with an ID and a type.
//!
//! `cargo bench --bench encode`

use bytes::BytesMut;
use divan::{Bencher, black_box, counter::BytesCount};
use ssekit::{Decoder, Event, EventId, EventType, decode::Item};

fn main() {
    divan::main();
}

/// What the events carry.
#[derive(Clone, Copy, Debug)]
enum Data {
    Bytes20,
    Bytes200,
    Line4KiB,
    Lines64,
    CrLf64,
    MiB,
}

#[divan::bench(args = DATA)]
fn encode(bencher: Bencher<'_, '_>, data: Data) {
    let event = event(data);
    check(data, &event.encode());
    bencher.counter(BytesCount::new(event.encoded_len())).bench(|| black_box(&event).encode());
}

#[divan::bench(args = DATA)]
fn encode_into(bencher: Bencher<'_, '_>, data: Data) {
    let event = event(data);
    let mut buffer = BytesMut::with_capacity(event.encoded_len());
    event.encode_into(&mut buffer);
    check(data, &buffer);
    bencher.counter(BytesCount::new(event.encoded_len())).bench_local(|| {
        buffer.clear();
        black_box(&event).encode_into(&mut buffer);
    });
}

#[divan::bench(args = DATA)]
fn build_and_encode(bencher: Bencher<'_, '_>, data: Data) {
    let text = text(data);
    let build = |text: String| Event::new(text).with_id(1_000_u64).with_type(TYPE);
    check(data, &build(text.clone()).encode());
    bencher
        .counter(BytesCount::new(event(data).encoded_len()))
        .with_inputs(|| text.clone())
        .bench_values(|text| build(text).encode());
}

#[divan::bench(args = [Data::Bytes20, Data::MiB])]
fn clone(bencher: Bencher<'_, '_>, data: Data) {
    let event = event(data);
    check(data, &event.clone().encode());
    bencher.bench(|| black_box(&event).clone());
}

fn event(data: Data) -> Event {
    Event::new(text(data)).with_id(EventId::from_static("1000")).with_type(TYPE)
}

fn text(data: Data) -> String {
    match data {
        Data::Bytes20 => "x".repeat(20),
        Data::Bytes200 => "x".repeat(200),
        Data::Line4KiB => "x".repeat(4096),
        Data::Lines64 => vec!["x".repeat(63); 64].join("\n"),
        Data::CrLf64 => vec!["x".repeat(62); 64].join("\r\n"),
        Data::MiB => "x".repeat(1 << 20),
    }
}

/// Panics unless the stream is the event with this data and nothing else.
fn check(data: Data, stream: &[u8]) {
    let mut decoder = Decoder::new();
    decoder.feed(stream);
    let Some(Item::Event(decoded)) = decoder.next() else { panic!("no event") };
    assert_eq!((decoded.event_type(), decoded.last_event_id()), (TYPE.as_str(), "1000"));
    assert_eq!(decoded.data(), text(data).replace("\r\n", "\n"));
    assert_eq!(decoder.next(), None);
}

const DATA: [Data; 6] =
    [Data::Bytes20, Data::Bytes200, Data::Line4KiB, Data::Lines64, Data::CrLf64, Data::MiB];
const TYPE: EventType = EventType::from_static("update");
