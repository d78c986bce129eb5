//! Which public types are `Send`, `Sync` and `Unpin`. It holds if it compiles.

use ssekit::{Body, Event, EventId, KeepAlive, LastEventId};

const fn send<T: Send>() {}
const fn sync<T: Sync>() {}
const fn unpin<T: Unpin>() {}
const fn all<T: Send + Sync + Unpin + 'static>() {}

const _: () = {
    all::<Event>();
    all::<EventId>();
    all::<LastEventId>();

    // A body may hold a stream that is not `Sync`.
    send::<Body>();
    unpin::<Body>();

    // An adaptor is what its parts are.
    all::<KeepAlive<(), ()>>();
    send::<KeepAlive<std::cell::Cell<()>, ()>>();
    sync::<KeepAlive<std::sync::MutexGuard<'static, ()>, ()>>();
};

#[cfg(feature = "tokio")]
const _: () = all::<ssekit::timer::TokioTimer>();
