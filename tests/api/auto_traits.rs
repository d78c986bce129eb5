//! Which public types are `Send`, `Sync` and `Unpin`. But for the list's being complete, it holds if it compiles.

use std::{collections::BTreeSet, error::Error, fs, path::Path};

use futures_util::stream::Empty;
use ssekit::{
    Body, Bounds, Decoder, Event, EventId, EventStream, EventStreamError, EventType, Hub, InvalidEventId,
    InvalidEventType, KeepAlive, LastEventId, ReceivedEvent, ReplayBuffer, Subscription, Text,
    client::{
        Attempt, Command, DisconnectReason, EventSourceError, Failure, Policy, Protocol, ReadyState,
        TransportError, Update, Verdict,
    },
    decode::{EventRef, Item, Leftover, LimitExceeded, LimitKind, Limits},
    hub::{
        Close, Drained, End, EventInfo, Gap, GapReason, HistoryPage, HubBuilder, Lag, Notice, PositionForm,
        PublishError, Refusal, RefusalReason, Start, Stats, StreamHandle, Topic, TopicStats, Topics,
        Unsubscribed,
    },
    replay::{Events, IdError, Ids, PushError, Replay},
};

const fn send<T: Send>() {}
const fn sync<T: Sync>() {}
const fn unpin<T: Unpin>() {}
const fn all<T: Send + Sync + Unpin + 'static>() {}
const fn borrowing<T: Send + Sync + Unpin>() {}
const fn error<T: Error + Send + Sync + Unpin + 'static>() {}

const _: () = {
    all::<Event>();
    all::<EventId>();
    all::<EventType>();
    all::<Text>();
    all::<Bounds>();
    all::<LastEventId>();
    error::<InvalidEventId>();
    error::<InvalidEventType>();

    // Whatever the stream in it is.
    all::<Body>();

    all::<Decoder>();
    all::<Limits>();
    all::<LimitExceeded>();
    all::<LimitKind>();
    all::<ReceivedEvent>();
    borrowing::<EventRef<'_>>();
    borrowing::<Item<'_>>();
    error::<EventStreamError>();
    error::<Leftover>();

    // An adaptor is what its parts are.
    all::<EventStream<Empty<Result<&'static [u8], ()>>>>();
    all::<KeepAlive<(), ()>>();
    send::<KeepAlive<std::cell::Cell<()>, ()>>();
    sync::<KeepAlive<std::sync::MutexGuard<'static, ()>, ()>>();

    all::<ReplayBuffer>();
    all::<Ids>();
    borrowing::<Replay<'_>>();
    borrowing::<Events<'_>>();
    error::<IdError>();
    error::<PushError>();

    all::<Hub>();
    all::<HubBuilder>();
    all::<Close>();
    all::<Drained>();
    all::<End>();
    all::<HistoryPage>();
    all::<StreamHandle>();
    all::<TopicStats>();
    all::<Unsubscribed>();
    all::<Gap>();
    all::<GapReason>();
    all::<Lag>();
    all::<Notice>();
    all::<PositionForm>();
    all::<RefusalReason>();
    all::<Start>();
    all::<Stats>();
    all::<Topic>();
    borrowing::<EventInfo<'_>>();
    error::<PublishError>();
    error::<Refusal>();

    // A filter may hold what only one thread at a time may see.
    send::<Subscription>();
    unpin::<Subscription>();
    all::<Topics>();
    send::<ssekit::Subscribe>();
    unpin::<ssekit::Subscribe>();

    all::<Protocol>();
    all::<Command>();
    all::<Update>();
    all::<Failure>();
    all::<Verdict>();
    all::<Policy>();
    all::<ReadyState>();
    borrowing::<Attempt<'_>>();
    error::<EventSourceError>();
    error::<DisconnectReason>();
    error::<TransportError>();
};

#[cfg(feature = "json")]
const _: () = error::<ssekit::JsonError>();
#[cfg(feature = "json")]
const _: () = error::<ssekit::TypedError>();

#[cfg(feature = "http-body")]
const _: () = {
    use ssekit::{BodyChunks, EventSource};

    // An adaptor is what its parts are.
    all::<BodyChunks<Body>>();
    send::<EventSource<()>>();
    unpin::<EventSource<std::marker::PhantomPinned>>();
    all::<ssekit::client::EventSourceHandle>();
};

#[cfg(feature = "serve")]
const _: () = {
    use ssekit::serve::{Drained, Hyper, RequestBody, Server, Tower, WhenReady};

    all::<Drained>();
    all::<Hyper>();
    all::<Server>();
    all::<Tower>();
    send::<RequestBody>();
    // A future is what its parts are.
    all::<WhenReady<(), (), ()>>();
};

#[cfg(feature = "tokio")]
const _: () = {
    use ssekit::relay::{
        AppendError, Entry, HistoryError, InvalidRecord, Limit, Page, PublishError, Record, Stats,
    };

    all::<ssekit::timer::TokioTimer>();
    all::<Entry>();
    all::<Limit>();
    all::<Page>();
    all::<Record>();
    all::<Stats>();
    error::<AppendError<std::io::Error>>();
    error::<HistoryError<std::io::Error>>();
    error::<InvalidRecord>();
    error::<PublishError<std::io::Error>>();
};

#[cfg(feature = "disk")]
const _: () = {
    use ssekit::relay::{DiskIds, DiskLog, DiskLogError, DiskLogOptions, Relay};

    all::<DiskIds>();
    all::<DiskLog>();
    all::<DiskLogOptions>();
    all::<Relay<DiskLog>>();
    error::<DiskLogError>();
};

#[cfg(feature = "test-util")]
const _: () = {
    use ssekit::relay::testing::{Failure, Report};

    all::<Report>();
    error::<Failure>();
};

#[cfg(feature = "redis")]
const _: () = {
    use ssekit::relay::{RedisLog, RedisLogError, Relay, StreamIds, Tail};

    all::<RedisLog>();
    all::<Relay<RedisLog>>();
    all::<StreamIds>();
    send::<Tail<RedisLog>>();
    error::<RedisLogError>();
};

/// The lint `unreachable_pub` sees to it that what is `pub` in the sources is public.
#[test]
fn no_public_type_is_forgotten() {
    let mut types = BTreeSet::new();
    public_types(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut types);
    assert!(types.len() > 50, "{types:?}");
    let checked = include_str!("auto_traits.rs");
    // The whole name, so that one type does not stand for another whose name begins with its own.
    let is_checked = |name: &String| {
        checked.match_indices(name.as_str()).any(|(at, _)| {
            let (before, after) = (&checked[..at], &checked[at + name.len()..]);
            (before.ends_with("::<") || before.ends_with("::")) && after.starts_with(['<', '>'])
        })
    };
    let forgotten: Vec<_> = types.iter().filter(|name| !is_checked(name)).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

fn public_types(directory: &Path, types: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            public_types(&path, types);
            continue;
        }
        for line in fs::read_to_string(path).unwrap().lines() {
            let line = line.trim_start();
            let declared = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "));
            let name = declared.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
            types.extend(name.map(str::to_owned));
        }
    }
}
