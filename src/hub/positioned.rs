use std::{pin::Pin, time::Duration};

use bytes::Bytes;

/// A stream whose client has a position.
pub trait Positioned {
    /// Returns a block with the client's position, if that has moved since it was last sent. An event that is due and
    /// can carry it is that block.
    fn moved(self: Pin<&mut Self>, due: Option<&Bytes>) -> Option<Bytes>;

    /// Returns how much is left of the greatest lifetime, if there is one.
    fn time_left(&self) -> Option<Duration>;
}
