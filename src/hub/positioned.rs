use std::{pin::Pin, time::Duration};

use bytes::Bytes;

/// A stream with a client's position.
pub trait Positioned {
    /// Returns a block with the client's position, if the position has moved since it was last sent. If a due event
    /// can carry it, the block is that event.
    fn moved(self: Pin<&mut Self>, due: Option<&Bytes>) -> Option<Bytes>;

    /// Returns the rest of the maximum lifetime, if there is one.
    fn time_left(&self) -> Option<Duration>;
}
