use std::{
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;

use crate::{
    base::{panics::Panic, sync::Arc},
    hub::{end::End, notice::Notices, steering::Steering},
};

/// The blocks that a subscription yields after its first one, if they do not come from a hub alone.
pub(crate) trait Source: Send {
    /// Yields the next blocks.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;

    /// Returns a block with the client's position, if the position has moved since it was last sent. If a due
    /// event can carry it, the block is that event.
    fn moved(&mut self, due: Option<&Bytes>) -> Option<Bytes>;

    /// Returns the rest of the maximum lifetime, if there is one.
    fn time_left(&self) -> Option<Duration>;

    /// Lets handles change its topics from now on.
    fn steer(&mut self, steering: &Arc<Steering>);

    /// Ends it now. Returns the last block: the position if it has moved, or with a reconnection time, and
    /// the last event.
    fn finish(&mut self, end: &End) -> Option<Bytes>;

    fn notices(&self) -> &Notices;

    /// Returns whether it has yielded its last block.
    fn has_ended(&self) -> bool;

    /// Frees what it holds. It is not polled again. Returns the panic of application code, for the caller to
    /// resume.
    fn leave(&mut self) -> Result<(), Panic>;

    /// Returns the topics, in no order.
    fn topics(&self) -> Vec<&str>;
}
