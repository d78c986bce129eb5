//! One channel for all clients, of bytes that are encoded once.

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::{Fanout, Message, mpsc::encode};

pub(super) struct Broadcast(broadcast::Sender<Bytes>);

impl Fanout for Broadcast {
    const NAME: &'static str = "broadcast<Bytes>";

    type Subscriber = BoxStream<'static, Bytes>;

    fn new(subscribers: usize, capacity: usize) -> (Self, Vec<Self::Subscriber>) {
        let (sender, _) = broadcast::channel(capacity);
        let receivers = (0..subscribers).map(|_| BroadcastStream::new(sender.subscribe()));
        let receivers = receivers.map(|stream| stream.map(Result::unwrap).boxed()).collect();
        (Self(sender), receivers)
    }

    fn publish(&self, events: &[Message]) -> usize {
        let mut len = 0;
        for message in events {
            let bytes = encode(message);
            len += bytes.len();
            self.0.send(bytes).unwrap();
        }
        len
    }
}
