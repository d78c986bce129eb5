use std::convert::Infallible;

use bytes::Bytes;

use crate::event::value::Event;

/// An item of a stream of events: [`Event`], [`Bytes`], or a `Result` of either.
///
/// [`KeepAlive`](crate::KeepAlive), [`Body`](crate::Body) and [`response`](crate::response) take a stream of
/// any of these. `Bytes` are sent unchanged: they must be whole events, each ending in its blank line, as
/// [`Event::encode`] returns them. A frame may hold several events; nothing is sent in the middle of it. A
/// comment line may be sent between two frames, so a frame must not end within an event.
///
/// The trait is sealed.
///
/// # Examples
///
/// ```
/// use ssekit::{Event, IntoFrame};
///
/// assert_eq!(Event::new("a").into_frame().unwrap(), "data: a\n\n");
/// assert_eq!(Err::<Event, _>("no more").into_frame(), Err("no more"));
/// ```
#[diagnostic::on_unimplemented(
    message = "a stream of `{Self}` is not a stream of events",
    label = "its items are neither `Event` nor `Bytes`, nor a `Result` of either",
    note = "make events of them: `futures_util::StreamExt::map(stream, ssekit::Event::new)` for texts; for results `TryStreamExt::map_ok`"
)]
pub trait IntoFrame: sealed::Sealed {
    /// The error: that of a `Result`, otherwise one that cannot occur.
    type Error;

    /// Returns the encoded events, or the error unchanged.
    ///
    /// Encodes an [`Event`] with one allocation; returns `Bytes` unchanged.
    fn into_frame(self) -> Result<Bytes, Self::Error>;
}

impl IntoFrame for Event {
    type Error = Infallible;

    fn into_frame(self) -> Result<Bytes, Infallible> {
        Ok(self.encode())
    }
}

impl IntoFrame for Bytes {
    type Error = Infallible;

    fn into_frame(self) -> Result<Bytes, Infallible> {
        Ok(self)
    }
}

impl<E> IntoFrame for Result<Event, E> {
    type Error = E;

    fn into_frame(self) -> Result<Bytes, E> {
        self.map(|event| event.encode())
    }
}

impl<E> IntoFrame for Result<Bytes, E> {
    type Error = E;

    fn into_frame(self) -> Result<Bytes, E> {
        self
    }
}

mod sealed {
    use super::{Bytes, Event};

    pub trait Sealed {}

    impl Sealed for Event {}
    impl Sealed for Bytes {}
    impl<E> Sealed for Result<Event, E> {}
    impl<E> Sealed for Result<Bytes, E> {}
}

/// An empty comment: bytes on the wire that applications do not see.
///
/// It is one line. A blank line after it would end an event without data, which several widely used clients
/// turn into an empty message.
pub(crate) const COMMENT: Bytes = Bytes::from_static(b":\n");

/// An empty comment and a blank line, for clients that buffer their input until a blank line.
pub(crate) const COMMENT_AND_BLANK_LINE: Bytes = Bytes::from_static(b":\n\n");
