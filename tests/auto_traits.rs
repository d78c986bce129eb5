//! Which public types are `Send`, `Sync` and `Unpin`. It holds if it compiles.

use futures_util::stream::Empty;
use ssekit::{
    Body, Decoder, Event, EventId, EventStream, EventStreamError, KeepAlive, LastEventId, ReceivedEvent,
    decode::{Item, Items},
};

const fn send<T: Send>() {}
const fn sync<T: Sync>() {}
const fn all<T: Send + Sync + Unpin + 'static>() {}

const _: () = {
    all::<Event>();
    all::<EventId>();
    all::<LastEventId>();

    // Whatever the stream in it is.
    all::<Body>();

    all::<Decoder>();
    all::<Item<'static>>();
    all::<ReceivedEvent>();
    all::<EventStreamError<()>>();
    send::<Items<'static, 'static>>();

    // An adaptor is what its parts are.
    all::<EventStream<Empty<Result<&'static [u8], ()>>>>();
    all::<KeepAlive<(), ()>>();
    send::<KeepAlive<std::cell::Cell<()>, ()>>();
    sync::<KeepAlive<std::sync::MutexGuard<'static, ()>, ()>>();
};

#[cfg(feature = "tokio")]
const _: () = all::<ssekit::timer::TokioTimer>();
