//! What a hub promises, claim by claim.

#[path = "support/blocks.rs"]
mod blocks;

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use blocks::{Block, blocks};
use futures_core::Stream;
use ssekit::{Bounds, Event, Hub, Subscription, hub::Lag};

const SECOND: Duration = Duration::from_secs(1);

/// A clock that is moved by hand.
#[derive(Clone)]
struct Clock(Arc<Mutex<Instant>>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }

    fn now(&self) -> impl Fn() -> Instant + Send + Sync + 'static {
        let clock = self.clone();
        move || *clock.0.lock().unwrap()
    }
}

fn poll(subscription: &mut Subscription) -> Poll<Option<Vec<Block>>> {
    let item = Pin::new(subscription).poll_next(&mut Context::from_waker(Waker::noop()));
    item.map(|item| item.map(|bytes| blocks(&bytes)))
}

/// Takes all that there is now. Returns it, and whether the stream has ended.
fn drain(subscription: &mut Subscription) -> (Vec<Block>, bool) {
    let mut all = Vec::new();
    loop {
        match poll(subscription) {
            Poll::Ready(Some(blocks)) => all.extend(blocks),
            Poll::Ready(None) => return (all, true),
            Poll::Pending => return (all, false),
        }
    }
}

fn data(blocks: &[Block]) -> Vec<&str> {
    blocks.iter().filter(|block| block.event.is_none()).filter_map(|block| block.data.as_deref()).collect()
}

/// Returns the reasons of the gaps that were told.
fn gaps(blocks: &[Block]) -> Vec<&str> {
    let resets = blocks.iter().filter(|block| block.event.as_deref() == Some("reset"));
    resets.filter_map(|block| block.data.as_deref()).collect()
}

#[test]
fn a_subscription_whose_pending_events_are_all_gone_has_lagged() {
    for lag in [Lag::Disconnect, Lag::Skip] {
        let clock = Clock::new();
        let hub = Hub::builder(Bounds::events(10).with_age(SECOND)).with_clock(clock.now()).build();
        let mut orders = hub.subscription(["orders"]).with_lag(lag).subscribe().unwrap();
        drain(&mut orders);
        hub.publish("orders", Event::new("lost")).unwrap();
        clock.advance(SECOND);
        hub.expire();
        assert_eq!(hub.stats().events, 0);

        let (told, ended) = drain(&mut orders);
        hub.publish("orders", Event::new("later")).ok();
        match lag {
            Lag::Disconnect => assert_eq!((told, ended), (vec![], true)),
            _ => {
                assert_eq!((gaps(&told), ended), (vec![r#"{"reason": "lagged"}"#], false));
                assert_eq!(data(&drain(&mut orders).0), ["later"]);
            }
        }
    }
}
