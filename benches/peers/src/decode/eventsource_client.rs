//! Its parser is not public, so it runs as a client whose transport has the chunks.

use eventsource_client::{Client, ClientBuilder, Error, ReconnectOptions, SSE};
use futures_util::{StreamExt, stream};
use launchdarkly_sdk_transport::{HttpTransport, Request, Response, ResponseFuture};

use super::{Stream, Sum};
use crate::{measure::Contender, poll::ready};

pub(super) struct Decoder(Stream);

#[derive(Clone)]
struct Chunks(Stream);

impl Decoder {
    pub(super) fn new(stream: &Stream) -> Self {
        Self(stream.clone())
    }
}

impl HttpTransport for Chunks {
    fn request(&self, _: Request<Option<bytes::Bytes>>) -> ResponseFuture {
        let chunks = stream::iter(self.0.chunks.clone().into_iter().map(Ok));
        let response = Response::builder().header("content-type", "text/event-stream");
        Box::pin(async move { Ok(response.body(Box::pin(chunks) as _).unwrap()) })
    }
}

impl Contender for Decoder {
    fn name(&self) -> &'static str {
        "eventsource-client"
    }

    fn run(&mut self) -> u64 {
        let mut sum = Sum::default();
        let client = ClientBuilder::for_url("http://localhost/")
            .unwrap()
            .reconnect(ReconnectOptions::reconnect(false).build())
            .build_with_transport(Chunks(self.0.clone()));
        let mut events = client.stream();
        while sum.events < self.0.events {
            match ready(events.next()) {
                Some(Ok(SSE::Event(event))) => sum.add(&event.data),
                Some(Ok(_)) => {}
                Some(Err(Error::Eof)) | None => break,
                Some(Err(error)) => panic!("{error}"),
            }
        }
        sum.outcome()
    }
}
