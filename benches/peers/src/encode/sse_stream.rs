use std::convert::Infallible;

use futures_util::stream::{self, Iter};
use http_body_util::BodyExt;
use sse_stream::{Sse, SseBody};

use super::{Encoder, Input};
use crate::{measure::Contender, poll::ready};

pub(super) struct Body {
    events: Vec<Sse>,
    body: SseBody<Iter<std::vec::IntoIter<Result<Sse, Infallible>>>>,
}

fn body(events: Vec<Sse>) -> SseBody<Iter<std::vec::IntoIter<Result<Sse, Infallible>>>> {
    SseBody::new(stream::iter(events.into_iter().map(Ok).collect::<Vec<_>>()))
}

impl Body {
    pub(super) fn new(inputs: &[Input]) -> Self {
        let event = |input: &Input| Sse::default().id(&input.id).event(input.event_type).data(&input.data);
        Self { events: inputs.iter().map(event).collect(), body: body(Vec::new()) }
    }
}

impl Contender for Body {
    fn name(&self) -> &'static str {
        "sse-stream"
    }

    fn prepare(&mut self) {
        self.body = body(self.events.clone());
    }

    fn run(&mut self) -> u64 {
        super::count_frames(&mut self.body)
    }
}

impl Encoder for Body {
    fn stream(&mut self) -> Vec<u8> {
        self.prepare();
        ready((&mut self.body).collect()).unwrap().to_bytes().to_vec()
    }
}
