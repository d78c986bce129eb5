use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    base::panics::Panic,
    history::position::Position,
    hub::{
        end::End,
        notice::Notices,
        reader::{live::Live, options::Filter},
        source::Source,
        steering::Steering,
    },
    relay::{
        paging::{Paging, Step},
        reading::Reading,
    },
};

/// The events of a relay's client after its first block: from the local hub while that holds the next event,
/// else from the log.
pub(super) struct Follower {
    state: State,
    reading: Reading,
    /// The client was sent a block that changes its position, or a gap.
    advanced: bool,
}

/// The present origin of the events.
pub(super) enum State {
    Live(Live),
    Paging(Box<Paging>),
    Ended,
}

impl Follower {
    /// `advanced` tells whether the first block changes the client's position.
    pub(super) fn new(state: State, reading: Reading, advanced: bool) -> Self {
        Self { state, reading, advanced }
    }

    fn is_over(&self) -> bool {
        self.time_left().is_some_and(|left| left.is_zero())
    }
}

impl Source for Follower {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            // Only while paging: the live reader watches its end by itself.
            let over = matches!(self.state, State::Paging(_)) && self.is_over();
            let reading = &self.reading;
            match &mut self.state {
                State::Ended => return Poll::Ready(None),
                State::Live(live) => {
                    let last = ready!(live.poll_piece(cx));
                    if last.is_some() {
                        self.advanced = true;
                        return Poll::Ready(last);
                    }
                    // The hub was closed, but the node was not: a new generation replaced it. The log decides whether
                    // the client has missed anything.
                    // Handles may have changed the topics while the hub delivered. The log is read
                    // with those.
                    if reading.steering.is_some() {
                        self.reading.topics = live.sorted_topics().into();
                    }
                    let reading = &self.reading;
                    let left = if reading.pages.node().is_sealed() { None } else { live.left_at() };
                    self.state = left.map_or(State::Ended, |(seen, told, filter)| {
                        let mut paging = page_after(reading, seen, told, filter);
                        paging.advanced = self.advanced;
                        State::Paging(Box::new(paging))
                    });
                }
                State::Paging(paging) => {
                    let step =
                        if over { Step::End(paging.position_at_lifetime()) } else { ready!(paging.poll(cx)) };
                    match step {
                        Step::Block(block) => return Poll::Ready(Some(block)),
                        Step::Live(live) => {
                            self.advanced |= paging.advanced;
                            self.state = State::Live(reading.give(live));
                        }
                        Step::End(last) => {
                            self.state = State::Ended;
                            return Poll::Ready(last);
                        }
                    }
                }
            }
        }
    }

    fn moved(&mut self, due: Option<&Bytes>) -> Option<Bytes> {
        match &mut self.state {
            State::Live(live) => {
                let moved = live.moved(due);
                self.advanced |= moved.is_some();
                moved
            }
            State::Paging(paging) => paging.moved(due),
            State::Ended => None,
        }
    }

    fn steer(&mut self, steering: &Arc<Steering>) {
        self.reading.steering = Some(Arc::clone(steering));
        match &mut self.state {
            State::Live(live) => live.steer(Arc::clone(steering)),
            State::Paging(paging) => paging.steer(Arc::clone(steering)),
            State::Ended => {}
        }
    }

    fn finish(&mut self, end: &End) -> Option<Bytes> {
        let last = match &mut self.state {
            State::Live(live) => live.finish(end),
            State::Paging(paging) => paging.finish(end),
            State::Ended => None,
        };
        self.state = State::Ended;
        last
    }

    fn notices(&self) -> &Notices {
        &self.reading.notices
    }

    fn time_left(&self) -> Option<Duration> {
        let clock = &self.reading.pages.node().builder.clock;
        self.reading.ends_at.map(|end| end.saturating_duration_since(clock.now()))
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn leave(&mut self) -> Result<(), Panic> {
        let left = match &mut self.state {
            State::Live(live) => live.leave(),
            State::Paging(_) | State::Ended => Ok(()),
        };
        self.state = State::Ended;
        left
    }

    fn topics(&self) -> Vec<&str> {
        self.reading.topics.iter().map(String::as_str).collect()
    }
}

/// Begins to read the log after an entry of the hub, or at its oldest one for a client that has received
/// nothing.
fn page_after(reading: &Reading, seen: Position, told: Position, filter: Option<Filter>) -> Paging {
    let mut paging = Paging::new(reading, filter, Some(seen).filter(|seen| *seen > 0));
    paging.told = told;
    paging
}
