//! What any log must do.

mod support;

use ssekit::relay::testing::{Fixture, check};
use ssekit_jetstream::{JetStreamLog, JetStreamLogOptions};
use support::NatsServer;

struct OnJetStream {
    server: NatsServer,
    /// How many logs there are.
    logs: usize,
}

impl OnJetStream {
    async fn open(&self, options: JetStreamLogOptions) -> JetStreamLog {
        let client = self.server.client().await;
        let name = format!("log{}", self.logs);
        loop {
            // A server that has just been started is not ready for JetStream at once.
            match JetStreamLog::open_with(client.clone(), &name, options.clone()).await {
                Ok(log) => return log,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }
}

impl Fixture for OnJetStream {
    type Log = JetStreamLog;

    async fn create(&mut self) -> JetStreamLog {
        self.logs += 1;
        self.open(JetStreamLogOptions::default()).await
    }

    async fn share(&mut self, _: &JetStreamLog) -> Option<JetStreamLog> {
        Some(self.open(JetStreamLogOptions::default()).await)
    }

    async fn reopen(&mut self, log: JetStreamLog) -> Option<JetStreamLog> {
        drop(log);
        self.server.restart();
        Some(self.open(JetStreamLogOptions::default()).await)
    }

    async fn create_bounded(&mut self, entries: usize) -> Option<JetStreamLog> {
        self.logs += 1;
        let options = JetStreamLogOptions { max_messages: entries as i64, ..JetStreamLogOptions::default() };
        Some(self.open(options).await)
    }

    fn remembers_finished(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn the_log_passes() {
    let report = check(&mut OnJetStream { server: NatsServer::start(), logs: 0 }).await;
    report.assert_passed();
    assert_eq!(report.skipped, ["pages_keep_within_their_bytes", "a_finished_topic_takes_no_more"]);
}
