//! What any log must do.

mod support;

use ssekit::relay::testing::{Fixture, check};
use ssekit_postgres::PostgresLog;
use support::server::Server;

struct OnPostgres {
    server: Server,
    /// How many logs there are.
    logs: usize,
}

impl OnPostgres {
    fn name(&self) -> String {
        format!("log{}", self.logs)
    }
}

impl Fixture for OnPostgres {
    type Log = PostgresLog;

    async fn create(&mut self) -> PostgresLog {
        self.logs += 1;
        self.server.open(&self.name()).await
    }

    async fn share(&mut self, _: &PostgresLog) -> Option<PostgresLog> {
        Some(self.server.open(&self.name()).await)
    }

    async fn reopen(&mut self, log: PostgresLog) -> Option<PostgresLog> {
        drop(log);
        self.server.restart().await;
        Some(self.server.open(&self.name()).await)
    }

    async fn create_bounded(&mut self, entries: usize) -> Option<PostgresLog> {
        self.logs += 1;
        Some(self.server.open_with(PostgresLog::options().max_events(entries as u64), &self.name()).await)
    }
}

#[tokio::test]
async fn the_log_passes() {
    let mut fixture = OnPostgres { server: Server::start().await, logs: 0 };
    let report = check(&mut fixture).await;
    report.assert_passed();
    assert_eq!(report.skipped, ["pages_keep_within_their_bytes"]);
}
