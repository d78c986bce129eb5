//! The figures in Prometheus' text format. The guide's page *Operating* tells what to watch, and has a smaller one of
//! these for an application.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, prometheus_text},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use crate::{figures::Figures, source::Source};

/// What `GET /metrics` answers.
#[derive(Debug)]
pub(crate) struct Metrics(Registry);

impl Metrics {
    pub(crate) const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

    pub(crate) fn new(source: Source) -> Self {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let mut registry = Registry::default();
        registry.register_collector(Box::new(OfService { source, started }));
        Self(registry)
    }

    /// Returns what each figure is now.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.0)?;
        Ok(text)
    }
}

/// Reads the statistics at each scrape, so that nothing is counted twice.
#[derive(Debug)]
struct OfService {
    source: Source,
    /// In seconds since 1970.
    started: f64,
}

impl Collector for OfService {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Figures { hub, log } = self.source.figures();
        let mut metrics = Encoder(encoder);
        metrics.gauge(
            "process_start_time_seconds",
            "When this process started, in seconds since 1970",
            self.started,
        )?;
        metrics.gauge("ssekit_subscribers", "Open subscriptions", whole(hub.subscribers))?;
        metrics.gauge("ssekit_topics", "Topics with subscribers or history", whole(hub.topics))?;
        metrics.gauge("ssekit_history_events", "Events held", whole(hub.events))?;
        metrics.gauge("ssekit_history_bytes", "Bytes of the events held", whole(hub.bytes))?;
        metrics.gauge("ssekit_memory_bytes", "Memory in use for topics and history", whole(hub.memory))?;
        metrics.counter("ssekit_published_events", "Events published", hub.published)?;
        metrics.counter(
            "ssekit_delivered_events",
            "Events delivered, one for each subscriber",
            hub.delivered,
        )?;
        metrics.counter("ssekit_resumes", "Clients that resumed without a gap", hub.resumed)?;
        metrics.counter("ssekit_gaps", "Gaps reported to clients", hub.gaps)?;
        metrics.counter("ssekit_lags", "Subscriptions that fell behind the history", hub.lagged)?;
        let Some(log) = log else { return Ok(()) };
        metrics.gauge("ssekit_log_connected", "1 while the log is read", i64::from(log.connected))?;
        metrics.gauge(
            "ssekit_log_lag_seconds",
            "How far the hub may be behind the log",
            log.lag.as_secs_f64(),
        )?;
        metrics.counter(
            "ssekit_log_reconnects",
            "Times that the log was reached again after a fault",
            log.reconnects,
        )?;
        metrics.counter(
            "ssekit_log_resets",
            "Times that clients had to reconnect because of the log",
            log.resets,
        )?;
        metrics.counter("ssekit_log_invalid_entries", "Entries of the log that were skipped", log.invalid)?;
        metrics.counter("ssekit_failed_publishes", "Publishes that the log failed", log.failed_publishes)?;
        metrics.gauge("ssekit_paging_subscribers", "Subscriptions served from the log", whole(log.paging))?;
        metrics.counter("ssekit_paged_events", "Events delivered from the log", log.paged)
    }
}

/// Encodes figures without labels.
struct Encoder<'a>(DescriptorEncoder<'a>);

impl Encoder<'_> {
    /// The format adds `_total` to the name.
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.encode(name, help, &ConstCounter::new(value))
    }

    fn gauge<N>(&mut self, name: &str, help: &str, value: N) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        self.encode(name, help, &ConstGauge::new(value))
    }

    fn encode(&mut self, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
