use std::{convert::Infallible, hint::black_box, pin::pin};

use actix_web::body::{MessageBody, to_bytes};
use actix_web_lab::sse::{Data, Event, Sse};
use futures_util::{
    future::poll_fn,
    stream::{self, Iter},
};

use super::{Encoder, Input};
use crate::{measure::Contender, poll::ready};

pub(super) struct Body {
    events: Vec<Event>,
    body: Option<Prepared>,
}

type Prepared = Sse<Iter<std::vec::IntoIter<Result<Event, Infallible>>>>;

impl Body {
    pub(super) fn new(inputs: &[Input]) -> Self {
        let event = |input: &Input| {
            Data::new(input.data.as_str()).id(input.id.as_str()).event(input.event_type).into()
        };
        Self { events: inputs.iter().map(event).collect(), body: None }
    }
}

impl Contender for Body {
    fn name(&self) -> &'static str {
        "actix-web-lab"
    }

    fn prepare(&mut self) {
        let events: Vec<_> = self.events.iter().cloned().map(Ok).collect();
        self.body = Some(Sse::from_stream(stream::iter(events)));
    }

    fn run(&mut self) -> u64 {
        let mut body = pin!(self.body.take().unwrap());
        let mut events = 0;
        while let Some(frame) = ready(poll_fn(|cx| body.as_mut().poll_next(cx))) {
            assert!(black_box(&frame).is_ok());
            events += 1;
        }
        events
    }
}

impl Encoder for Body {
    fn stream(&mut self) -> Vec<u8> {
        self.prepare();
        ready(to_bytes(self.body.take().unwrap())).unwrap().to_vec()
    }
}
