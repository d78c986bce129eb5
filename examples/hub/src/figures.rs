//! The figures of a running service and its history, as JSON for people and programs; `metrics` has the figures for
//! Prometheus.

use std::time::Instant;

use serde_json::{Value, json};
use ssekit::{EventId, LastEventId, ReceivedEvent, hub, relay};

/// The statistics of the hub, and of the log that feeds it, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) hub: hub::Stats,
    pub(crate) log: Option<relay::Stats>,
}

impl Figures {
    /// Returns the answer to `GET /stats`.
    pub(crate) fn as_json(&self, started: Instant) -> Value {
        let mut value = json!({
            "subscribers": self.hub.subscribers,
            "topics": self.hub.topics,
            "published": self.hub.published,
            "delivered": self.hub.delivered,
            "lagged": self.hub.lagged,
            "resumed": self.hub.resumed,
            "gaps": self.hub.gaps,
            "ring_events": self.hub.events,
            "ring_bytes": self.hub.bytes,
            "uptime_s": started.elapsed().as_secs(),
        });
        if let Some(log) = &self.log {
            value["connected"] = log.connected.into();
            value["lag_ms"] = u64::try_from(log.lag.as_millis()).unwrap_or(u64::MAX).into();
            value["reconnects"] = log.reconnects.into();
            value["resets"] = log.resets.into();
            value["failed_publishes"] = log.failed_publishes.into();
            value["paging"] = log.paging.into();
        }
        value
    }
}

/// Returns the answer to `GET /history`.
pub(crate) fn page_as_json(page: &hub::HistoryPage) -> Value {
    let event = |event: &ReceivedEvent| json!({ "id": event.last_event_id(), "type": event.event_type(), "data": event.data() });
    json!({
        "events": page.events().iter().map(event).collect::<Vec<_>>(),
        "gap": page.gap().map(|reason| reason.as_str()),
        "has_more": page.has_more(),
        "position": page.position().as_ref().and_then(LastEventId::as_id).map(EventId::as_str),
    })
}

/// Returns the answer to `GET /topics`.
pub(crate) fn topic_as_json(stats: &hub::TopicStats) -> Value {
    json!({
        "subscribers": stats.subscribers,
        "events": stats.events,
        "bytes": stats.bytes,
        "finished": stats.finished,
    })
}

impl From<hub::Stats> for Figures {
    fn from(hub: hub::Stats) -> Self {
        Self { hub, log: None }
    }
}

impl From<relay::Stats> for Figures {
    fn from(log: relay::Stats) -> Self {
        Self { hub: log.hub, log: Some(log) }
    }
}
