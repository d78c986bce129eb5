//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Parser;
use ssekit::Bounds;

/// A hub that publishes server-sent events and lets clients resume.
#[derive(Debug, Parser)]
#[command(name = "hub", after_help = REQUESTS)]
pub(crate) struct Options {
    /// Address to listen on; port 0 picks one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(crate) listen: SocketAddr,
    /// Events held for each topic.
    #[arg(long, default_value_t = 10_000)]
    replay_events: usize,
    /// Bytes held for each topic, and for all topics together.
    #[arg(long, default_value_t = 256 << 20)]
    pub(crate) replay_bytes: usize,
    /// How long an event is held, in seconds.
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    pub(crate) replay_age: Option<Duration>,
    /// Silence after which a keep-alive is sent, in seconds.
    #[arg(long, value_name = "SECS", value_parser = seconds, default_value = "15")]
    pub(crate) heartbeat: Duration,
    /// How long a request's head or data may take to arrive, and how long a reader may take nothing, in seconds.
    #[arg(long, value_name = "SECS", value_parser = seconds, default_value = "30")]
    pub(crate) patience: Duration,
    /// Redis server, such as redis://127.0.0.1/, whose stream `ssekit` all hubs with this address share. Needs the
    /// feature `redis`.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,
    /// Folder that keeps the history, so that a restart resets nobody. Needs the feature `disk`.
    #[arg(long, value_name = "DIR", conflicts_with = "redis")]
    pub(crate) data: Option<PathBuf>,
}

impl Options {
    /// Returns what is held in memory of each topic.
    pub(crate) fn bounds(&self) -> Bounds {
        let bounds = Bounds::events(self.replay_events).with_bytes(self.replay_bytes);
        match self.replay_age {
            Some(age) => bounds.with_age(age),
            None => bounds,
        }
    }

    /// Returns what turns on an option that this hub was built without, if one is given.
    pub(crate) fn missing_feature(&self) -> Option<String> {
        let missing = |feature: &str, option: &str, value: &dyn std::fmt::Display| {
            format!(
                "{option} needs the feature `{feature}`: cargo run -p hub --features {feature} -- {option} {value}"
            )
        };
        match (&self.data, &self.redis) {
            (Some(folder), _) if !cfg!(feature = "disk") => {
                Some(missing("disk", "--data", &folder.display()))
            }
            (_, Some(url)) if !cfg!(feature = "redis") => Some(missing("redis", "--redis", url)),
            _ => None,
        }
    }
}

/// What the hub answers, for `--help`.
const REQUESTS: &str = "\
Requests:
  POST   /events?topic=T[&event=TYPE][&key=K]     Publish the body; it replaces the topic's event with that key
  GET    /events?topic=T[&topic=U][&from=oldest]  Subscribe to topics; with &name=NAME, also who is here
  DELETE /events?topic=T&key=K                    Remove a key: an event `removed`, whose data is the key as JSON
  DELETE /events?topic=T                          Finish a topic: no more events follow
  GET    /history?topic=T[&after=ID][&limit=N]    Read up to N events (100, at most 1000) and 1 MiB as JSON
  GET    /topics?topic=T                          Statistics of a topic, as this process knows it
  GET    /stats, GET /metrics                     Statistics of the hub";

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds")?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
