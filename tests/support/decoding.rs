//! Running the decoder over a stream that is cut in pieces.

use ssekit::{
    Decoder,
    decode::{Item, Limits},
};

use super::twin::{Outcome, Seen};

/// Decodes `pieces`, in order.
pub(crate) fn decode<'c>(pieces: impl IntoIterator<Item = &'c [u8]>, limits: Limits) -> Outcome {
    let mut decoder = Decoder::with_limits(limits);
    let mut items = Vec::new();
    for piece in pieces {
        items.extend(feed(&mut decoder, piece));
    }
    outcome(&decoder, items)
}

/// Decodes `pieces`, taking one item after each, and the rest at the end.
pub(crate) fn decode_one_by_one<'c>(pieces: impl IntoIterator<Item = &'c [u8]>, limits: Limits) -> Outcome {
    let mut decoder = Decoder::with_limits(limits);
    let mut items = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        items.extend(decoder.next().map(seen));
    }
    while let Some(item) = decoder.next() {
        items.push(seen(item));
    }
    outcome(&decoder, items)
}

/// Decodes one piece with `decoder`.
pub(crate) fn feed(decoder: &mut Decoder, piece: &[u8]) -> Vec<Seen> {
    let mut seen_items = Vec::new();
    decoder.feed(piece);
    while let Some(item) = decoder.next() {
        seen_items.push(seen(item));
    }
    seen_items
}

/// Cuts `stream` at `cuts`, which need not be in order or within it.
pub(crate) fn cut<'s>(stream: &'s [u8], cuts: &[usize]) -> Vec<&'s [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|&cut| cut.min(stream.len())).collect();
    cuts.sort_unstable();
    cuts.push(stream.len());
    let mut start = 0;
    cuts.into_iter().map(|end| &stream[std::mem::replace(&mut start, end)..end]).collect()
}

fn outcome(decoder: &Decoder, items: Vec<Seen>) -> Outcome {
    Outcome {
        items,
        last_event_id: decoder.last_event_id().to_owned(),
        reconnection_time: decoder.reconnection_time(),
    }
}

fn seen(item: Item<'_>) -> Seen {
    match item {
        Item::Event(event) => Seen::Event {
            event_type: event.event_type().to_owned(),
            data: event.data().to_owned(),
            last_event_id: event.last_event_id().to_owned(),
        },
        Item::Retry(time) => Seen::Retry(time),
        Item::Comment(text) => Seen::Comment(text.to_owned()),
        Item::LimitExceeded(over) => Seen::Limit(over.kind()),
    }
}
