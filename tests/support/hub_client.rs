//! A client of a hub, without a connection between them.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use futures_core::Stream;
use ssekit::{LastEventId, Subscription};

use super::blocks::{Block, blocks};

/// What a client has seen of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) blocks: Vec<Block>,
    pub(crate) ended: bool,
}

impl Seen {
    /// Returns the data of the application's events.
    pub(crate) fn data(&self) -> Vec<&str> {
        let events = self.blocks.iter().filter(|block| !is_notice(block));
        events.filter_map(|block| block.data.as_deref()).collect()
    }

    /// Returns the reasons of the gaps that were told.
    pub(crate) fn gaps(&self) -> Vec<&str> {
        let resets = self.blocks.iter().filter(|block| block.event.as_deref() == Some("reset"));
        resets.map(|block| reason(block.data.as_deref().unwrap())).collect()
    }

    /// Returns the last event ID: what the client comes back with.
    pub(crate) fn last_event_id(&self) -> Option<LastEventId> {
        self.blocks.iter().rev().find_map(|block| block.id.as_deref()).and_then(last_event_id)
    }
}

pub(crate) fn last_event_id(id: &str) -> Option<LastEventId> {
    LastEventId::from_bytes(id.as_bytes())
}

pub(crate) fn is_notice(block: &Block) -> bool {
    matches!(block.event.as_deref(), Some("position" | "reset"))
}

pub(crate) fn reason(data: &str) -> &str {
    data.strip_prefix(r#"{"reason": ""#).and_then(|rest| rest.strip_suffix(r#""}"#)).unwrap()
}

pub(crate) fn poll(subscription: &mut Subscription) -> Poll<Option<Bytes>> {
    Pin::new(subscription).poll_next(&mut Context::from_waker(Waker::noop()))
}

/// Reads all that there is now.
pub(crate) fn read(subscription: &mut Subscription) -> Seen {
    let mut seen = Seen::default();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    loop {
        match Pin::new(&mut *subscription).poll_next(&mut Context::from_waker(&waker)) {
            Poll::Ready(Some(bytes)) => {
                assert!(!bytes.is_empty());
                seen.blocks.extend(blocks(&bytes));
            }
            Poll::Ready(None) => {
                seen.ended = true;
                return seen;
            }
            // A poll that looked at many events and kept none asks for another one.
            Poll::Pending if woken.0.swap(false, Ordering::Relaxed) => {}
            Poll::Pending => return seen,
        }
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
