//! The log in a folder on a disk that is slow, full or broken.
//!
//! Each test runs in a process of its own, whose system calls go through `faulty_disk.c`.
#![cfg(all(feature = "disk", target_os = "linux"))]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use ssekit::{
    Bounds, Event, EventId, Hub,
    relay::{AppendError, DiskLog, DiskLogError, Limit, Log, Record, Relay},
};

use crate::support::temporary_folder::TemporaryFolder;

const ALL: Limit = Limit::entries(1_000);

/// Runs a test that is ignored otherwise, with the library of faults.
fn run(test: &str) {
    let folder = TemporaryFolder::new();
    let library = folder.path().join("faults.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/faulty_disk.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    assert!(compiled.expect("cc is not to be found: install it (apt-get install gcc)").success());
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("disk_faults::{test}")])
        .env("LD_PRELOAD", library)
        .env("SSEKIT_TEST_FAULTS", folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && text.contains("1 passed"), "{text}");
}

/// The folder that switches faults on.
fn faults() -> PathBuf {
    std::env::var_os("SSEKIT_TEST_FAULTS").expect("another test runs this one").into()
}

fn switch(fault: &str, on: bool) {
    let path = faults().join(fault);
    if on { fs::write(path, "").unwrap() } else { fs::remove_file(path).unwrap() }
}

fn event(data: &str) -> Record {
    Record::Event { topic: "a".into(), event: Event::new(data.to_owned()) }
}

async fn ids(log: &DiskLog) -> Vec<EventId> {
    log.read(None, ALL).await.unwrap().entries.into_iter().map(|entry| entry.id).collect()
}

#[test]
fn nothing_is_acknowledged_or_delivered_before_it_is_durable() {
    run("holds_the_sync_back");
}

#[tokio::test]
#[ignore = "a test runs it with faults"]
async fn holds_the_sync_back() {
    let folder = TemporaryFolder::new();
    let log = DiskLog::open(folder.path()).await.unwrap();
    let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(10)));
    tokio::spawn(tail.run());
    let first = relay.publish("a", Event::new("first")).await.unwrap();
    let mut client = relay.subscribe("a").await.unwrap();
    client.next().await.unwrap();

    switch("hold", true);
    let publishing = {
        let relay = relay.clone();
        tokio::spawn(async move { relay.publish("a", Event::new("second")).await })
    };
    while !faults().join("held").exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // It is written, and the sync has begun.
    let file = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|end| end == "log")).unwrap();
    let written = fs::read(file).unwrap();
    assert!(written.windows(6).any(|bytes| bytes == b"second"));
    // The tail has had time for two turns: following waits for a second.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert!(!publishing.is_finished());
    assert!(client.next().now_or_never().is_none());
    // A client that comes now gets nothing either.
    let mut late = relay.subscribe(ssekit::Subscribe::to("a").after(first)).await.unwrap();
    late.next().await.unwrap();
    assert!(late.next().now_or_never().is_none());

    switch("hold", false);
    let second = publishing.await.unwrap().unwrap();
    for client in [&mut client, &mut late] {
        assert_eq!(client.next().await.unwrap(), format!("id: {second}\ndata: second\n\n"));
    }
}

#[test]
fn a_sync_that_fails_refuses_what_was_written_and_the_log_goes_on() {
    run("fails_to_sync");
}

#[tokio::test]
#[ignore = "a test runs it with faults"]
async fn fails_to_sync() {
    let folder = TemporaryFolder::new();
    let log = DiskLog::open(folder.path()).await.unwrap();
    let first = log.append(event("first"), None).await.unwrap();
    switch("fail", true);
    for _ in 0..3 {
        let failed = log.append(event("failed"), Some("key")).await;
        let Err(AppendError::Refused(error @ DiskLogError::Io { doing: "sync", .. })) = failed else {
            panic!("{failed:?}")
        };
        assert!(error.to_string().starts_with("cannot sync "), "{error}");
        assert_eq!(ids(&log).await, std::slice::from_ref(&first));
    }
    switch("fail", false);
    let second = log.append(event("second"), Some("key")).await.unwrap();
    assert_eq!(ids(&log).await, [first.clone(), second.clone()]);

    // If it is not certain that nothing was appended, it does not say so.
    switch("fail_all", true);
    let failed = log.append(event("in doubt"), None).await;
    assert!(matches!(failed, Err(AppendError::Unacknowledged(DiskLogError::Io { .. }))), "{failed:?}");
    let failed = log.append(event("refused"), None).await;
    assert!(matches!(failed, Err(AppendError::Refused(DiskLogError::Io { .. }))), "{failed:?}");
    assert_eq!(ids(&log).await, [first.clone(), second.clone()]);
    switch("fail_all", false);
    let third = log.append(event("third"), None).await.unwrap();
    drop(log);
    let log = DiskLog::open(folder.path()).await.unwrap();
    assert_eq!(ids(&log).await, [first, second, third]);
}

#[test]
fn a_full_disk_refuses_and_leaves_nothing_half_written() {
    run("finds_no_room");
}

#[tokio::test]
#[ignore = "a test runs it with faults"]
async fn finds_no_room() {
    let folder = TemporaryFolder::new();
    let log = DiskLog::open(folder.path()).await.unwrap();
    let mut held = vec![log.append(event("first"), None).await.unwrap()];
    for round in 0..5 {
        switch("full", true);
        let refused = log.append(event(&"x".repeat(1_000 * round)), None).await;
        let Err(AppendError::Refused(error @ DiskLogError::NoRoom { .. })) = refused else {
            panic!("{refused:?}")
        };
        assert!(error.to_string().starts_with("no room on the disk: cannot write to "), "{error}");
        assert_eq!(ids(&log).await, held);
        switch("full", false);
        held.push(log.append(event("there is room"), None).await.unwrap());
    }
    drop(log);
    assert_eq!(ids(&DiskLog::open(folder.path()).await.unwrap()).await, held);
}
