//! One channel for each client, of bytes that are encoded once.

use bytes::Bytes;
use ssekit::{Event, EventType};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Fanout, Message, TYPE};

pub(super) struct Mpsc(Vec<mpsc::Sender<Bytes>>);

impl Fanout for Mpsc {
    const NAME: &'static str = "mpsc<Bytes>";

    type Subscriber = ReceiverStream<Bytes>;

    fn new(subscribers: usize, capacity: usize) -> (Self, Vec<Self::Subscriber>) {
        let channels = (0..subscribers).map(|_| mpsc::channel(capacity));
        let (senders, receivers) = channels.map(|(tx, rx)| (tx, ReceiverStream::new(rx))).unzip();
        (Self(senders), receivers)
    }

    fn publish(&self, events: &[Message]) -> usize {
        let mut len = 0;
        for message in events {
            let bytes = encode(message);
            len += bytes.len();
            for sender in &self.0 {
                sender.try_send(bytes.clone()).unwrap();
            }
        }
        len
    }
}

/// Encodes a message with the ID that its publisher gave it.
pub(super) fn encode(message: &Message) -> Bytes {
    let event = Event::new(message.data).with_id(message.id);
    event.with_type(EventType::from_static(TYPE)).encode()
}
