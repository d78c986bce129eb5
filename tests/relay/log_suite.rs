//! The checks that any log must pass: logs that pass them, and logs with a fault that do not.
#![cfg(feature = "test-util")]

use crate::support::faulty_log::{Fault, FaultyLog};
use crate::support::memory_log::MemoryLog;
#[cfg(feature = "redis")]
use crate::support::redis_server;
#[cfg(feature = "disk")]
use crate::support::temporary_folder;
use futures_util::future::join_all;
use ssekit::relay::testing::{Fixture, Report, check};

struct InMemory;

impl Fixture for InMemory {
    type Log = MemoryLog;

    async fn create(&mut self) -> MemoryLog {
        MemoryLog::default()
    }

    async fn share(&mut self, log: &MemoryLog) -> Option<MemoryLog> {
        Some(log.clone())
    }

    async fn reopen(&mut self, log: MemoryLog) -> Option<MemoryLog> {
        Some(log)
    }

    async fn create_bounded(&mut self, entries: usize) -> Option<MemoryLog> {
        let log = MemoryLog::default();
        log.set_max(Some(entries));
        Some(log)
    }
}

#[tokio::test]
async fn the_log_of_the_tests_passes() {
    let report = check(&mut InMemory).await;
    report.assert_passed();
    assert_eq!(report.skipped, NO_BYTES);
}

struct Faulty(Fault);

impl Fixture for Faulty {
    type Log = FaultyLog;

    async fn create(&mut self) -> FaultyLog {
        FaultyLog::new(MemoryLog::default(), self.0)
    }

    async fn share(&mut self, log: &FaultyLog) -> Option<FaultyLog> {
        Some(log.clone())
    }

    async fn reopen(&mut self, log: FaultyLog) -> Option<FaultyLog> {
        Some(log.reopened())
    }

    async fn create_bounded(&mut self, entries: usize) -> Option<FaultyLog> {
        let log = MemoryLog::default();
        log.set_max(Some(entries));
        Some(FaultyLog::new(log, self.0))
    }
}

#[tokio::test]
async fn each_fault_fails_the_check_that_is_about_it() {
    let faults = [
        (Fault::IdUsedTwice, "concurrent_appends_get_ids_of_their_own"),
        (Fault::LateCommit, "a_follower_gets_each_record_once_and_in_order"),
        (Fault::GapHidden, "entries_that_were_let_go_of_are_not_held"),
        (Fault::AcknowledgedLost, "an_acknowledged_record_is_held_and_read"),
        (Fault::FinishForgotten, "a_finished_topic_takes_no_more"),
        (Fault::FinishForgottenAtRestart, "a_reopened_log_goes_on"),
        (Fault::KeyForgotten, "a_key_is_appended_once"),
        (Fault::AllIdsHeld, "an_id_that_was_not_given_out_is_not_held"),
        (Fault::AlwaysAtEnd, "pages_follow_each_other"),
        (Fault::FollowSkips, "following_is_woken"),
    ];
    join_all(faults.map(|(fault, name)| async move {
        let report = check(&mut Faulty(fault)).await;
        let Report { failed, .. } = &report;
        assert!(failed.iter().any(|failure| failure.check == name), "{fault:?}: {failed:?}");
    }))
    .await;
}

#[tokio::test]
async fn a_late_commit_fails_only_where_many_append() {
    let report = check(&mut Faulty(Fault::LateCommit)).await;
    let failed: Vec<_> = report.failed.iter().map(|failure| failure.check).collect();
    assert_eq!(failed, ["a_follower_gets_each_record_once_and_in_order"]);
}

#[cfg(feature = "redis")]
mod redis {
    use ssekit::relay::RedisLog;

    use super::{Fixture, NO_BYTES, check, redis_server::RedisServer};

    struct OnRedis {
        server: RedisServer,
        /// How many logs there are.
        logs: usize,
    }

    impl OnRedis {
        fn open(&self) -> RedisLog {
            RedisLog::open(&self.server.url(), format!("log{}", self.logs)).unwrap()
        }
    }

    impl Fixture for OnRedis {
        type Log = RedisLog;

        async fn create(&mut self) -> RedisLog {
            self.logs += 1;
            self.open()
        }

        async fn share(&mut self, _: &RedisLog) -> Option<RedisLog> {
            Some(self.open())
        }

        async fn reopen(&mut self, _: RedisLog) -> Option<RedisLog> {
            Some(self.open())
        }

        async fn create_bounded(&mut self, entries: usize) -> Option<RedisLog> {
            Some(self.create().await.max_entries(entries as u64))
        }
    }

    #[tokio::test]
    async fn the_log_on_redis_passes() {
        let report = check(&mut OnRedis { server: RedisServer::start(), logs: 0 }).await;
        report.assert_passed();
        assert_eq!(report.skipped, NO_BYTES);
    }
}

#[cfg(feature = "disk")]
mod disk {
    use ssekit::relay::DiskLog;

    use super::{Fixture, check, temporary_folder::TemporaryFolder};

    #[derive(Default)]
    struct OnDisk {
        folders: Vec<TemporaryFolder>,
    }

    impl OnDisk {
        async fn open(&self) -> DiskLog {
            DiskLog::open(self.folders.last().unwrap().path()).await.unwrap()
        }
    }

    impl Fixture for OnDisk {
        type Log = DiskLog;

        async fn create(&mut self) -> DiskLog {
            self.folders.push(TemporaryFolder::new());
            self.open().await
        }

        async fn reopen(&mut self, log: DiskLog) -> Option<DiskLog> {
            drop(log);
            Some(self.open().await)
        }

        async fn create_bounded(&mut self, entries: usize) -> Option<DiskLog> {
            self.folders.push(TemporaryFolder::new());
            let options = DiskLog::options().max_events(entries as u64);
            Some(options.open(self.folders.last().unwrap().path()).await.unwrap())
        }
    }

    #[tokio::test]
    async fn the_log_on_disk_passes() {
        let report = check(&mut OnDisk::default()).await;
        report.assert_passed();
        assert_eq!(report.skipped, [""; 0]);
    }
}

/// What a log skips that does not count bytes.
const NO_BYTES: [&str; 1] = ["pages_keep_within_their_bytes"];
