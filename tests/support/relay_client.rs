//! A client of a relay, without a connection between them.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use ssekit::Subscription;
use tokio::time::timeout;

use super::{
    blocks::{Block, blocks},
    hub_client::{Seen, is_notice},
};

/// Reads until this many events of the application have come, or the stream ends.
pub(crate) async fn read(subscription: &mut Subscription, events: usize) -> Seen {
    let mut seen = Seen::default();
    while seen.blocks.iter().filter(|block| !is_notice(block)).count() < events {
        let next = timeout(PATIENCE, subscription.next()).await;
        match next.expect("nothing comes, nor the end") {
            Some(bytes) => seen.blocks.extend(blocks(&bytes)),
            None => {
                seen.ended = true;
                break;
            }
        }
    }
    seen
}

/// Reads the block that each stream begins with.
pub(crate) async fn first(subscription: &mut Subscription) -> Block {
    let bytes = subscription.next().await.unwrap();
    let [block] = &blocks(&bytes)[..] else { panic!("more than a block") };
    block.clone()
}

/// Reads to the end of the stream.
pub(crate) async fn read_to_end(subscription: &mut Subscription) -> Seen {
    let seen = read(subscription, usize::MAX).await;
    assert!(seen.ended);
    seen
}

/// Returns whether nothing is to be had now.
pub(crate) fn is_pending(subscription: &mut Subscription) -> bool {
    subscription.next().now_or_never().is_none()
}

/// A test fails rather than to hang for ever.
const PATIENCE: Duration = Duration::from_secs(60);
