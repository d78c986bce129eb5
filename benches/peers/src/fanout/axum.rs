//! What axum's own example does: one channel for all clients, and each handler makes events of what comes.

use std::{convert::Infallible, sync::Arc};

use axum::response::{
    IntoResponse,
    sse::{Event, Sse},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

use super::{Fanout, Message, TYPE};

pub(super) struct Axum(broadcast::Sender<Arc<Message>>);

impl Fanout for Axum {
    const NAME: &'static str = "axum over broadcast";

    type Subscriber = BoxStream<'static, Bytes>;

    fn new(subscribers: usize, capacity: usize) -> (Self, Vec<Self::Subscriber>) {
        let (sender, _) = broadcast::channel(capacity);
        let receivers = (0..subscribers).map(|_| {
            let events = BroadcastStream::new(sender.subscribe()).map(|message| {
                let message: Arc<Message> = message.unwrap();
                let event = Event::default().id(message.id.to_string()).event(TYPE).data(message.data);
                Ok::<_, Infallible>(event)
            });
            let body = Sse::new(events).into_response().into_body();
            body.into_data_stream().map(Result::unwrap).boxed()
        });
        let receivers = receivers.collect();
        (Self(sender), receivers)
    }

    fn publish(&self, events: &[Message]) -> usize {
        let mut len = 0;
        for message in events {
            len += "id: \nevent: \ndata: \n\n".len()
                + message.id.to_string().len()
                + TYPE.len()
                + message.data.len();
            self.0.send(Arc::new(*message)).unwrap();
        }
        len
    }
}
