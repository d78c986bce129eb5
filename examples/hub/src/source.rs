//! Where events come from: a hub of this process alone, or one that shares a log with other processes.

use std::{convert::Infallible, error::Error, iter, time::Duration};

use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
#[cfg(feature = "disk")]
use ssekit::relay::DiskLog;
#[cfg(feature = "redis")]
use ssekit::relay::RedisLog;
#[cfg(any(feature = "disk", feature = "redis"))]
use ssekit::relay::{self, Relay};
use ssekit::{
    Event, EventId, Hub, LastEventId, Subscribe, Subscription,
    hub::{Close, HistoryPage, PublishError, Refusal, Start, TopicStats},
};

use crate::{
    figures::Figures,
    options::Options,
    presence::{self, Presence},
};

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Local(Hub),
    #[cfg(feature = "disk")]
    Kept(Relay<DiskLog>),
    #[cfg(feature = "redis")]
    Shared(Relay<RedisLog>),
}

/// Why something was not published, as a status and a line that says so.
pub(crate) type Refused = (StatusCode, String);

impl Source {
    /// Opens the log that the events come from, if there is one.
    #[cfg_attr(not(feature = "disk"), expect(clippy::unused_async, reason = "opening a folder waits"))]
    pub(crate) async fn open(options: &Options) -> Result<Self, Box<dyn Error>> {
        let hub = Hub::builder(options.bounds()).max_bytes(options.replay_bytes).retry(RETRY);
        #[cfg(feature = "disk")]
        if let Some(folder) = &options.data {
            let mut kept = DiskLog::options();
            if let Some(age) = options.replay_age {
                kept = kept.max_age(age);
            }
            let (relay, tail) = Relay::new(kept.open(folder).await?, hub);
            tokio::spawn(tail.on_fault(|fault| eprintln!("disk: {fault}")).run());
            return Ok(Self::Kept(relay));
        }
        #[cfg(feature = "redis")]
        if let Some(url) = &options.redis {
            let (relay, tail) = Relay::new(RedisLog::open(url, "ssekit")?, hub);
            tokio::spawn(tail.on_fault(|fault| eprintln!("redis: {fault}")).run());
            return Ok(Self::Shared(relay));
        }
        Ok(Self::Local(hub.build()))
    }

    /// Subscribes a client, tells others that it is present if it has a name, and keeps its connection alive.
    pub(crate) async fn resume(
        &self,
        topics: &[String],
        start: Start,
        last_event_id: Option<LastEventId>,
        heartbeat: Duration,
        present: Option<(&Presence, String)>,
    ) -> Result<BoxStream<'static, Result<Bytes, Infallible>>, Refusal> {
        let events = self.subscribe(Subscribe::to(topics).start(start).after(last_event_id)).await?;
        let Some((presence, name)) = present else { return Ok(events.keep_alive(heartbeat).boxed()) };
        let others = self.subscribe(Presence::subscribe()).await?;
        let events = events.on_end(presence.open(name)).keep_alive(heartbeat);
        Ok(presence::beside(events, others).boxed())
    }

    async fn subscribe(&self, what: Subscribe) -> Result<Subscription, Refusal> {
        match self {
            Self::Local(hub) => hub.subscribe(what),
            #[cfg(feature = "disk")]
            Self::Kept(relay) => relay.subscribe(what).await,
            #[cfg(feature = "redis")]
            Self::Shared(relay) => relay.subscribe(what).await,
        }
    }

    pub(crate) async fn publish(&self, topic: &str, event: Event) -> Result<EventId, Refused> {
        match self {
            Self::Local(hub) => hub.publish(topic, event).map_err(refused),
            #[cfg(feature = "disk")]
            Self::Kept(relay) => relay.publish(topic, event).await.map_err(not_published),
            #[cfg(feature = "redis")]
            Self::Shared(relay) => relay.publish(topic, event).await.map_err(not_published),
        }
    }

    pub(crate) async fn finish(&self, topic: &str) -> Result<(), Refused> {
        match self {
            Self::Local(hub) => hub.finish(topic),
            #[cfg(feature = "disk")]
            Self::Kept(relay) => relay.finish(topic).await.map_err(not_published)?,
            #[cfg(feature = "redis")]
            Self::Shared(relay) => relay.finish(topic).await.map_err(not_published)?,
        }
        Ok(())
    }

    /// Drops the history of topics, as if it had been too short for what was published.
    pub(crate) fn forget(&self, topics: &[String]) -> Result<(), Refused> {
        match self {
            Self::Local(hub) => topics.iter().for_each(|topic| hub.remove(topic)),
            #[cfg(any(feature = "disk", feature = "redis"))]
            _ => return Err((StatusCode::CONFLICT, "this history is kept outside the process".into())),
        }
        Ok(())
    }

    pub(crate) fn close(&self, close: Close) {
        match self {
            Self::Local(hub) => hub.close(close),
            #[cfg(feature = "disk")]
            Self::Kept(relay) => relay.close(close),
            #[cfg(feature = "redis")]
            Self::Shared(relay) => relay.close(close),
        }
    }

    /// Returns the statistics of one topic, as this process knows it.
    pub(crate) fn topic_stats(&self, topic: &str) -> TopicStats {
        match self {
            Self::Local(hub) => hub.topic(topic).stats(),
            #[cfg(feature = "disk")]
            Self::Kept(relay) => relay.topic_stats(topic),
            #[cfg(feature = "redis")]
            Self::Shared(relay) => relay.topic_stats(topic),
        }
    }

    /// Returns a page of a topic's history.
    pub(crate) async fn history(
        &self,
        topic: &str,
        after: Option<LastEventId>,
        limit: usize,
    ) -> Result<HistoryPage, Refused> {
        match self {
            Self::Local(hub) => Ok(hub.topic(topic).history(after, limit)),
            #[cfg(feature = "disk")]
            Self::Kept(relay) => relay.history(topic, after, limit).await.map_err(not_read),
            #[cfg(feature = "redis")]
            Self::Shared(relay) => relay.history(topic, after, limit).await.map_err(not_read),
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        match self {
            Self::Local(hub) => hub.stats().into(),
            #[cfg(feature = "disk")]
            Self::Kept(relay) => relay.stats().into(),
            #[cfg(feature = "redis")]
            Self::Shared(relay) => relay.stats().into(),
        }
    }
}

fn refused(error: PublishError) -> Refused {
    let status = match error {
        PublishError::Finished => StatusCode::CONFLICT,
        PublishError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        PublishError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    (status, error.to_string())
}

#[cfg(any(feature = "disk", feature = "redis"))]
fn not_published<E: Error + 'static>(error: relay::PublishError<E>) -> Refused {
    let status = match error {
        relay::PublishError::Refused(error) => return refused(error),
        relay::PublishError::NotPublished(_) => StatusCode::SERVICE_UNAVAILABLE,
        // Whoever tries again may publish it twice.
        _ => StatusCode::GATEWAY_TIMEOUT,
    };
    (status, in_full(&error))
}

#[cfg(any(feature = "disk", feature = "redis"))]
fn not_read<E: Error + 'static>(error: relay::HistoryError<E>) -> Refused {
    (StatusCode::SERVICE_UNAVAILABLE, in_full(&error))
}

/// Returns the text of an error and of all that caused it.
pub(crate) fn in_full(error: &dyn Error) -> String {
    let causes = iter::successors(error.source(), |&error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

const RETRY: Duration = Duration::from_secs(1);
