use std::convert::Infallible;

use axum::response::{
    IntoResponse,
    sse::{Event, Sse},
};
use futures_util::stream;
use http_body_util::BodyExt;

use super::{Encoder, Input};
use crate::{measure::Contender, poll::ready};

pub(super) struct Body {
    inputs: &'static [Input],
    body: axum::body::Body,
}

impl Body {
    pub(super) fn new(inputs: &[Input]) -> Self {
        Self { inputs: inputs.to_vec().leak(), body: axum::body::Body::empty() }
    }
}

fn event(input: &Input) -> Result<Event, Infallible> {
    Ok(Event::default().id(&input.id).event(input.event_type).data(&input.data))
}

impl Contender for Body {
    fn name(&self) -> &'static str {
        "axum"
    }

    fn prepare(&mut self) {
        let events = stream::iter(self.inputs.iter().map(event));
        self.body = Sse::new(events).into_response().into_body();
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
