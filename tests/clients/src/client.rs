//! A client in a process of its own, and what it hands over.

use std::{
    process::Stdio,
    sync::{Arc, Mutex},
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
    sync::Notify,
    time::timeout,
};

use crate::{Installed, PATIENCE};

/// What a client handed over to its program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// The type of the event; `message` if it has none.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its data.
    pub data: String,
    /// Its ID, or the last event ID; empty if the client tells none.
    pub id: String,
}

/// A running client, which is killed when it is dropped.
#[derive(Debug)]
pub struct Client {
    name: String,
    log: Arc<Log>,
    _process: Child,
}

#[derive(Debug, Default)]
struct Log {
    seen: Mutex<Seen>,
    changed: Notify,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    messages: Vec<Message>,
    stopped: bool,
    exited: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Message(Message),
    Stopped {
        #[expect(dead_code, reason = "it is there or not")]
        stopped: bool,
    },
}

impl Client {
    /// Starts a client.
    pub fn start(installed: &Installed, name: &str, url: &str) -> Self {
        let mut process = installed
            .command(name)
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let log = Arc::<Log>::default();
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                // Some clients print what they think.
                let Ok(line) = serde_json::from_str(&line) else { continue };
                let mut seen = written.seen.lock().unwrap();
                match line {
                    Line::Message(message) => seen.messages.push(message),
                    Line::Stopped { .. } => seen.stopped = true,
                }
                drop(seen);
                written.changed.notify_one();
            }
            written.seen.lock().unwrap().exited = true;
            written.changed.notify_one();
        });
        Self { name: name.to_owned(), log, _process: process }
    }

    /// Returns all that it has handed over.
    pub fn messages(&self) -> Vec<Message> {
        self.log.seen.lock().unwrap().messages.clone()
    }

    /// Waits until it has handed over something like this.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Message) -> bool) {
        let wait = async {
            while !self.messages().iter().any(&wanted) {
                self.log.changed.notified().await;
            }
        };
        let waited = timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "{} does not get {what}: {:#?}", self.name, self.messages());
    }

    /// Waits until its process is gone, and returns whether it said before that nothing more would come.
    pub async fn ended(&self) -> bool {
        loop {
            let Seen { stopped, exited, .. } = *self.log.seen.lock().unwrap();
            if exited {
                return stopped;
            }
            self.log.changed.notified().await;
        }
    }
}
