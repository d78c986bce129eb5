//! A NATS server of a test's own.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use ssekit::{Bounds, Hub, relay::Relay};
use ssekit_jetstream::JetStreamLog;

pub(crate) struct NatsServer {
    process: Child,
    folder: PathBuf,
    port: u16,
    syncs: bool,
}

impl NatsServer {
    pub(crate) fn start() -> Self {
        Self::start_with(false)
    }

    /// Starts a server that syncs each message before it acknowledges it: version 2.10 or later.
    pub(crate) fn start_durable() -> Self {
        Self::start_with(true)
    }

    fn start_with(syncs: bool) -> Self {
        // Free now: the tests of this program are few, and the system does not give a port out again at once.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("ssekit-nats-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let process = spawn(&folder, port, syncs);
        Self { process, folder, port, syncs }
    }

    /// Kills it, and starts it again in the same folder.
    pub(crate) fn restart(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.process = spawn(&self.folder, self.port, self.syncs);
    }

    pub(crate) async fn client(&self) -> async_nats::Client {
        loop {
            match async_nats::connect(format!("127.0.0.1:{}", self.port)).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    pub(crate) async fn node(&self, events: usize) -> Relay<JetStreamLog> {
        let log = JetStreamLog::open(self.client().await, "log").await.unwrap();
        let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(events)));
        tokio::spawn(tail.run());
        relay
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(folder: &Path, port: u16, syncs: bool) -> Child {
    let file = folder.join("nats.conf");
    let interval = if syncs { "sync_interval: always" } else { "" };
    let lines = format!("jetstream {{\n  store_dir: {:?}\n  {interval}\n}}\n", folder.display().to_string());
    fs::write(&file, lines).unwrap();
    let mut command = Command::new("nats-server");
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--config"]).arg(file);
    command.stderr(Stdio::null()).spawn().unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            panic!("nats-server is not to be found: install it (apt-get install nats-server)")
        }
        _ => panic!("nats-server: {error}"),
    })
}
