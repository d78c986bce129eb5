//! The log in a folder: what a crash, damage and an older copy leave of it, who may open it, and what it keeps.
#![cfg(feature = "disk")]

use std::{
    fs,
    ops::Deref,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::support::temporary_folder::TemporaryFolder;
use futures_util::future::join_all;
use ssekit::{
    Event, EventId,
    relay::{AppendError, DiskIds, DiskLog, DiskLogError, DiskLogOptions, Limit, Log, Record},
    replay::IdOrder,
};

const ALL: Limit = Limit::entries(100_000);

fn event(data: impl ToString) -> Record {
    Record::Event { topic: "a".into(), event: Event::new(data.to_string()) }
}

async fn open(folder: &TemporaryFolder) -> DiskLog {
    DiskLog::open(folder.path()).await.unwrap()
}

async fn append(log: &DiskLog, count: usize) -> Vec<EventId> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(log.append(event(number), None).await.unwrap());
    }
    ids
}

async fn ids(log: &DiskLog) -> Vec<EventId> {
    log.read(None, ALL).await.unwrap().entries.into_iter().map(|entry| entry.id).collect()
}

/// Returns the files of entries, oldest first.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    files.sort();
    files
}

/// Returns where the entries of a file begin, and where its last one ends.
fn places(bytes: &[u8]) -> Vec<usize> {
    let mut places = vec![28];
    while let Some(len) = bytes.get(places[places.len() - 1] + 4..).and_then(|rest| rest.first_chunk::<4>()) {
        places.push(places[places.len() - 1] + 36 + u32::from_le_bytes(*len) as usize);
    }
    places
}

/// Opens a folder again whose one file has these bytes.
async fn open_with(
    folder: &TemporaryFolder,
    bytes: &[u8],
    options: DiskLogOptions,
) -> Result<Copy, DiskLogError> {
    let copy = TemporaryFolder::copy_of(folder.path());
    fs::write(&files(copy.path())[0], bytes).unwrap();
    Ok(Copy { log: options.open(copy.path()).await?, _folder: copy })
}

/// A log in a copy of a folder.
#[derive(Debug)]
struct Copy {
    log: DiskLog,
    _folder: TemporaryFolder,
}

impl Deref for Copy {
    type Target = DiskLog;

    fn deref(&self) -> &DiskLog {
        &self.log
    }
}

#[tokio::test]
async fn one_process_has_a_folder_and_another_one_is_told_which() {
    let folder = TemporaryFolder::new();
    let mut holder = std::process::Command::new("flock")
        .arg(folder.path().join("lock"))
        .args(["sh", "-c", "echo 4711 > \"$0\"; echo ready; read -r _"])
        .arg(folder.path().join("lock"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut ready).unwrap();
    let error = DiskLog::open(folder.path()).await.unwrap_err();
    assert!(matches!(error, DiskLogError::InUse { process: Some(4711), .. }), "{error:?}");
    assert!(error.to_string().ends_with("is in use by process 4711"), "{error}");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    open(&folder).await;
}

#[tokio::test]
async fn a_file_cut_behind_the_last_acknowledged_byte_loses_nothing_else() {
    let folder = TemporaryFolder::new();
    let acknowledged = append(&open(&folder).await, 20).await;
    let safe = fs::read(&files(folder.path())[0]).unwrap();
    // One batch more, as if the process had ended before it was acknowledged.
    let log = open(&folder).await;
    let more = join_all((0..10).map(|number| log.append(event(number), None))).await;
    let more: Vec<EventId> = more.into_iter().map(Result::unwrap).collect();
    drop(log);
    let whole = fs::read(&files(folder.path())[0]).unwrap();
    assert!(whole.starts_with(&safe) && whole.len() > safe.len() + 300);

    for cut in safe.len()..=whole.len() {
        let log = open_with(&folder, &whole[..cut], DiskLog::options()).await.unwrap();
        let found = ids(&log).await;
        assert!(found.starts_with(&acknowledged), "cut at {cut}");
        assert!(more.starts_with(&found[20..]), "cut at {cut}");
        let new = log.append(event("new"), None).await.unwrap();
        assert!(!acknowledged.contains(&new) && !more.contains(&new), "{new} comes again, cut at {cut}");
    }
}

#[tokio::test]
async fn bytes_that_never_were_acknowledged_are_no_damage() {
    let folder = TemporaryFolder::new();
    let acknowledged = append(&open(&folder).await, 20).await;
    let safe = fs::read(&files(folder.path())[0]).unwrap();
    let log = open(&folder).await;
    join_all((0..10).map(|number| log.append(event(number), None))).await;
    drop(log);
    let whole = fs::read(&files(folder.path())[0]).unwrap();
    // The system writes the pages of a batch in any order: some of it is there, and what is before it is not.
    let batches: Vec<usize> = places(&whole)
        .into_iter()
        .filter(|place| whole.get(place + 8..place + 12) == Some(&[0; 4]) && *place >= safe.len())
        .collect();
    let last_batch = *batches.last().unwrap();
    for byte in last_batch..whole.len() {
        let mut torn = whole.clone();
        torn[byte] ^= 0x55;
        let log = open_with(&folder, &torn, DiskLog::options()).await.unwrap();
        assert!(ids(&log).await.starts_with(&acknowledged), "byte {byte}");
    }
    let zeros = [&safe[..], &[0; 5000]].concat();
    assert_eq!(ids(&open_with(&folder, &zeros, DiskLog::options()).await.unwrap()).await, acknowledged);
}

#[tokio::test]
async fn a_file_cut_before_the_last_acknowledged_byte_hides_no_gap() {
    let folder = TemporaryFolder::new();
    let acknowledged = append(&open(&folder).await, 80).await;
    let whole = fs::read(&files(folder.path())[0]).unwrap();
    assert!(whole.len() > 4096);
    let try_cut = async |cut: usize| {
        let log = open_with(&folder, &whole[..cut], DiskLog::options()).await.unwrap();
        let found = ids(&log).await;
        assert!(acknowledged.starts_with(&found), "cut at {cut}");
        let new = log.append(event("new"), None).await.unwrap();
        for gone in &acknowledged[found.len()..] {
            assert_ne!(*gone, new);
            assert!(!log.holds(gone).await.unwrap(), "{gone}, cut at {cut}");
            assert!(!log.read(Some(gone), ALL).await.unwrap().held, "{gone}, cut at {cut}");
        }
        assert!(log.holds(found.last().unwrap()).await.unwrap());
    };
    // Each waits for the disk most of the time.
    let cuts: Vec<usize> = (whole.len() - 4096..whole.len()).collect();
    for cuts in cuts.chunks(64) {
        join_all(cuts.iter().map(|cut| try_cut(*cut))).await;
    }
}

#[tokio::test]
async fn damage_is_an_error_that_says_where_and_repair_tells_the_gap() {
    let folder = TemporaryFolder::new();
    let acknowledged = append(&open(&folder).await, 40).await;
    let file = files(folder.path()).remove(0);
    let whole = fs::read(&file).unwrap();
    let places = places(&whole);
    for byte in 28..places[39] {
        let mut damaged = whole.clone();
        damaged[byte] ^= 0x55;
        let entry = places.iter().filter(|place| **place <= byte).count() - 1;
        let error = open_with(&folder, &damaged, DiskLog::options()).await.unwrap_err();
        let DiskLogError::Damaged { file: named, offset, .. } = &error else { panic!("{error:?}") };
        assert_eq!((named.file_name(), *offset), (file.file_name(), places[entry] as u64), "byte {byte}");

        let log = open_with(&folder, &damaged, DiskLog::options().repair(true)).await.unwrap();
        assert_eq!(ids(&log).await, acknowledged[entry + 1..], "byte {byte}");
        assert!(!log.read(None, ALL).await.unwrap().held, "byte {byte}");
        assert!(!log.holds(&acknowledged[entry]).await.unwrap());
        assert!(!acknowledged.contains(&log.append(event("new"), None).await.unwrap()));
    }
}

#[tokio::test]
async fn a_damaged_header_is_an_error_and_a_repaired_log_knows_that_something_is_gone() {
    let folder = TemporaryFolder::new();
    let acknowledged = append(&open(&folder).await, 3).await;
    let whole = fs::read(&files(folder.path())[0]).unwrap();
    for byte in 0..28 {
        let mut damaged = whole.clone();
        damaged[byte] ^= 1;
        let error = open_with(&folder, &damaged, DiskLog::options()).await.unwrap_err();
        assert!(matches!(error, DiskLogError::Damaged { offset: 0, .. }), "byte {byte}: {error:?}");
        let log = open_with(&folder, &damaged, DiskLog::options().repair(true)).await.unwrap();
        let page = log.read(None, ALL).await.unwrap();
        assert!(!page.held && page.entries.is_empty(), "byte {byte}: {page:?}");
        let new = log.append(event("new"), None).await.unwrap();
        assert!(DiskIds.position(new.as_str()) > DiskIds.position(acknowledged[2].as_str()));
    }
}

#[tokio::test]
async fn a_newer_format_is_an_error_that_says_so_and_repair_leaves_it_alone() {
    let folder = TemporaryFolder::new();
    append(&open(&folder).await, 3).await;
    let mut newer = fs::read(&files(folder.path())[0]).unwrap();
    newer[7] = 2;
    let crc = crc32(&[&[0; 8], &newer[..24]].concat());
    newer[24..28].copy_from_slice(&crc.to_le_bytes());
    for repair in [false, true] {
        let copy = TemporaryFolder::copy_of(folder.path());
        fs::write(&files(copy.path())[0], &newer).unwrap();
        let error = DiskLog::options().repair(repair).open(copy.path()).await.unwrap_err();
        assert!(matches!(error, DiskLogError::UnknownFormat { version: 2, .. }), "{error:?}");
        let text =
            format!("{} has format 2, and this version knows format 1", files(copy.path())[0].display());
        assert_eq!(error.to_string(), text);
        assert_eq!(fs::read(&files(copy.path())[0]).unwrap(), newer);
    }
}

/// The checksum of the format, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1)))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[tokio::test]
async fn a_missing_or_damaged_file_among_others_is_told_and_the_newer_ones_are_kept() {
    let folder = TemporaryFolder::new();
    let log = DiskLog::options().max_events(80).open(folder.path()).await.unwrap();
    let acknowledged = append(&log, 50).await;
    drop(log);
    assert_eq!(files(folder.path()).len(), 5);
    for missing in 1..4 {
        let copy = TemporaryFolder::copy_of(folder.path());
        fs::remove_file(&files(copy.path())[missing]).unwrap();
        let error = DiskLog::open(copy.path()).await.unwrap_err();
        assert!(
            matches!(&error, DiskLogError::Damaged { file, .. } if *file == files(copy.path())[missing - 1]),
            "{error}"
        );
        let log = DiskLog::options().repair(true).open(copy.path()).await.unwrap();
        assert_eq!(ids(&log).await, acknowledged[(missing + 1) * 10..]);
    }
    for damaged in 0..5 {
        let copy = TemporaryFolder::copy_of(folder.path());
        fs::write(&files(copy.path())[damaged], b"").unwrap();
        DiskLog::open(copy.path()).await.unwrap_err();
        let log = DiskLog::options().repair(true).open(copy.path()).await.unwrap();
        let kept = if damaged == 4 { &acknowledged[..40] } else { &acknowledged[(damaged + 1) * 10..] };
        assert_eq!(ids(&log).await, kept, "file {damaged}");
    }
}

#[tokio::test]
async fn in_an_older_copy_no_id_comes_to_mean_another_event() {
    let folder = TemporaryFolder::new();
    let before = append(&open(&folder).await, 5).await;
    let copy = TemporaryFolder::copy_of(folder.path());
    let lost = append(&open(&folder).await, 5).await;
    let log = open(&copy).await;
    let after = append(&log, 10).await;
    assert!(after.iter().all(|id| !lost.contains(id) && !before.contains(id)));
    for id in &lost {
        assert!(!log.holds(id).await.unwrap() && !log.read(Some(id), ALL).await.unwrap().held);
        assert!(!log.follow(id, ALL).await.unwrap().held);
    }
    assert_eq!(ids(&log).await, [before, after].concat());
}

#[tokio::test]
async fn publishers_share_syncs() {
    let folder = TemporaryFolder::new();
    let log = open(&folder).await;
    join_all((0..512).map(|number| log.append(event(number), None))).await;
    drop(log);
    let bytes = fs::read(&files(open_closed(&folder).await)[0]).unwrap();
    let starts = places(&bytes);
    // The first entry of a batch is no bytes behind its beginning.
    let batches = starts.iter().filter(|start| bytes.get(*start + 8..*start + 12) == Some(&[0; 4])).count();
    assert_eq!(starts.len() - 1, 512);
    assert!(batches <= 32, "{batches} syncs for 512 events");
}

/// Waits until the thread of a dropped log has ended.
async fn open_closed(folder: &TemporaryFolder) -> &Path {
    drop(open(folder).await);
    folder.path()
}

#[tokio::test]
async fn the_log_is_bounded_by_count_bytes_and_age() {
    let folder = TemporaryFolder::new();
    let log = DiskLog::options().max_events(80).open(folder.path()).await.unwrap();
    append(&log, 1_000).await;
    assert!((80..=90).contains(&ids(&log).await.len()));
    drop(log);

    let log = DiskLog::options().max_bytes(64 << 10).open(folder.path()).await.unwrap();
    for _ in 0..500 {
        log.append(event("x".repeat(500)), None).await.unwrap();
        let bytes: u64 = files(folder.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        assert!(bytes <= 64 << 10, "{bytes}");
    }
    let held = ids(&log).await.len();
    assert!(held * 560 > 48 << 10, "{held}");
    let large = log.append(event("x".repeat(65 << 10)), None).await;
    assert!(matches!(large, Err(AppendError::Refused(DiskLogError::TooLarge { .. }))), "{large:?}");
    drop(log);

    let log = DiskLog::options().max_age(Duration::ZERO).open(folder.path()).await.unwrap();
    let mut last = log.append(event("1"), None).await.unwrap();
    // The clock counts milliseconds, so some may be as young as the newest.
    while ids(&log).await.len() > 10 {
        last = log.append(event("2"), None).await.unwrap();
    }
    assert_eq!(ids(&log).await.last(), Some(&last));
}

#[tokio::test]
async fn keys_and_finished_topics_go_with_their_entries() {
    let folder = TemporaryFolder::new();
    let log = DiskLog::options().max_events(8).open(folder.path()).await.unwrap();
    let first = log.append(event("1"), Some("key")).await.unwrap();
    log.append(Record::Finish { topic: "done".into() }, None).await.unwrap();
    append(&log, 100).await;
    assert!(!log.holds(&first).await.unwrap());
    assert_ne!(log.append(event("1"), Some("key")).await.unwrap(), first);
    log.append(Record::Finish { topic: "done".into() }, None).await.unwrap();
}
