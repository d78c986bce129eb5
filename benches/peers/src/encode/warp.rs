use std::convert::Infallible;

use futures_util::stream;
use http_body_util::BodyExt;
use warp::{Reply, reply::Response, sse::Event};

use super::{Encoder, Input};
use crate::{measure::Contender, poll::ready};

pub(super) struct Body {
    inputs: Vec<Input>,
    response: Option<Response>,
}

impl Body {
    pub(super) fn new(inputs: &[Input]) -> Self {
        Self { inputs: inputs.to_vec(), response: None }
    }
}

impl Contender for Body {
    fn name(&self) -> &'static str {
        "warp"
    }

    fn prepare(&mut self) {
        let event = |input: &Input| {
            Ok::<_, Infallible>(Event::default().id(&input.id).event(input.event_type).data(&input.data))
        };
        let events: Vec<_> = self.inputs.iter().map(event).collect();
        self.response = Some(warp::sse::reply(stream::iter(events)).into_response());
    }

    fn run(&mut self) -> u64 {
        super::count_frames(self.response.take().unwrap().into_body())
    }
}

impl Encoder for Body {
    fn stream(&mut self) -> Vec<u8> {
        self.prepare();
        ready(self.response.take().unwrap().collect()).unwrap().to_bytes().to_vec()
    }
}
