//! The log in a folder on a disk whose calls fail, and that loses, tears and reorders what was not synced.
//!
//! A library records each call that changes the folder, and makes some of them fail. The test writes into the
//! same record what was acknowledged and what was refused. So it knows for each moment what a loss of power may
//! leave: what was synced, and of the rest any part in any order, except that names change in their order. From
//! some of these states the log is opened again.
//!
//! What happens in a seed depends on which records share a sync, too, so that a seed need not fail twice.
#![cfg(all(feature = "disk", target_os = "linux"))]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use futures_util::future::join_all;
use ssekit::{
    Event, EventId,
    relay::{AppendError, DiskLog, DiskLogError, Limit, Log, Record},
};

use crate::support::temporary_folder::TemporaryFolder;

const ALL: Limit = Limit::entries(100_000);
/// The smallest bound that a log takes. A file has an eighth of it.
const MAX_BYTES: u64 = 64 << 10;

#[test]
fn what_was_acknowledged_outlives_a_disk_that_fails_and_loses_what_it_may() {
    let folder = TemporaryFolder::new();
    let library = folder.path().join("recording.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/recording_disk.c");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    assert!(compiled.expect("cc is not to be found: install it (apt-get install gcc)").success());
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "disk_under_fire::all_seeds", "--nocapture"])
        .env("LD_PRELOAD", library)
        .env("SSEKIT_TEST_DISK", folder.path())
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let told = out.lines().find(|line| line.contains(" crashes of "));
    println!("{}", told.unwrap_or_default());
    assert!(done.status.success() && out.contains("1 passed"), "{out}{err}");
}

#[tokio::test]
#[ignore = "a test runs it with a library of faults"]
async fn all_seeds() {
    let folder = PathBuf::from(std::env::var_os("SSEKIT_TEST_DISK").expect("another test runs this one"));
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("SSEKIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SSEKIT_SEEDS").unwrap_or(200),
    };
    let (mut crashes, mut faults, mut events) = (0, 0, 0);
    for seed in seeds.clone() {
        let mut rng = Rng(seed);
        let under_fire = folder.join("under-fire").join(seed.to_string());
        fs::create_dir_all(&under_fire).unwrap();
        work(&under_fire, &mut rng).await;
        let journal = parse(&fs::read(under_fire.join("journal")).unwrap());
        faults +=
            journal.iter().filter(|step| matches!(step, Step::SyncFailed(_) | Step::Refused(_))).count();
        events += journal.iter().filter(|step| matches!(step, Step::Acknowledged { .. })).count();
        for crash in 0..4 {
            // The last of them loses nothing that was done.
            let at = if crash == 3 { journal.len() } else { rng.below(journal.len() as u64 + 1) as usize };
            let place = folder.join("not-synced").join(format!("{seed}-{crash}"));
            let owed = leave(&journal[..at], &place, &mut rng);
            let result = check(&place, &owed).await;
            assert!(result.is_ok(), "seed {seed}, after {at} of {} steps: {result:?}", journal.len());
            fs::remove_dir_all(place).unwrap();
            crashes += 1;
        }
        fs::remove_dir_all(under_fire).unwrap();
    }
    assert!(events > 0 && (seeds.end - seeds.start < 10 || faults > 0), "the disk does not fail");
    println!(
        "{crashes} crashes of {} disks: {events} acknowledged, {faults} syncs failed or events refused",
        seeds.end - seeds.start
    );
}

/// Opens the log, publishes, and drops it, several times.
async fn work(folder: &Path, rng: &mut Rng) {
    let journal = folder.join("journal");
    let note = |line: String| {
        let mut file = OpenOptions::new().create(true).append(true).open(&journal).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    };
    let mut number = 0;
    for _ in 0..rng.between(1, 4) {
        let switch = folder.join("faults");
        if rng.below(4) > 0 {
            File::create(&switch).unwrap();
        }
        let Some(log) = open(folder).await else { continue };
        for _ in 0..rng.between(1, 14) {
            let together = rng.between(1, 6);
            let sizes: Vec<_> = (0..together).map(|_| rng.pick(&[0, 20, 700, 3_000])).collect();
            join_all(sizes.into_iter().enumerate().map(|(at, size)| {
                let data = format!("{} {}", number + at, "x".repeat(size));
                let (log, note) = (&log, &note);
                async move {
                    let short = data.split(' ').next().unwrap().to_owned();
                    let record = Record::Event { topic: "a".into(), event: Event::new(data) };
                    match log.append(record, None).await {
                        Ok(id) => note(format!("A {short} {id}\n")),
                        Err(AppendError::Refused(DiskLogError::Io { .. } | DiskLogError::NoRoom { .. })) => {
                            note(format!("N {short}\n"));
                        }
                        Err(AppendError::Unacknowledged(
                            DiskLogError::Io { .. } | DiskLogError::NoRoom { .. },
                        )) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }))
            .await;
            number += together as usize;
        }
        let _ = fs::remove_file(&switch);
        // The disk is sound again, and so is the log.
        let record = Record::Event { topic: "a".into(), event: Event::new(number.to_string()) };
        let id = log.append(record, None).await.expect("the disk is sound again");
        note(format!("A {number} {id}\n"));
        number += 1;
    }
}

/// Opens the log, with the disk as it is, and else when it is sound again.
async fn open(folder: &Path) -> Option<DiskLog> {
    for attempt in 0..20 {
        if attempt == 15 {
            let _ = fs::remove_file(folder.join("faults"));
        }
        match DiskLog::options().max_bytes(MAX_BYTES).open(folder).await {
            Ok(log) => return Some(log),
            Err(DiskLogError::Io { .. } | DiskLogError::NoRoom { .. }) if attempt < 15 => {}
            Err(error) => panic!("{}: {error:?}", folder.display()),
        }
    }
    None
}

/// A line of the journal.
#[derive(Debug)]
enum Step {
    Created(String, u64),
    Wrote(u64, u64, Vec<u8>),
    Cut(u64, u64),
    Synced(u64),
    SyncFailed(Option<u64>),
    FolderSynced,
    Renamed(String, String),
    Removed(String),
    Acknowledged { data: String, id: String },
    Refused(String),
}

fn parse(mut bytes: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&bytes[..end]).unwrap();
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap();
        let text = |at: usize| fields[at].to_owned();
        bytes = &bytes[end + 1..];
        steps.push(match fields[0] {
            "C" => Step::Created(text(1), number(2)),
            "W" => {
                let (written, rest) = bytes.split_at(number(3) as usize);
                bytes = rest;
                Step::Wrote(number(1), number(2), written.to_vec())
            }
            "T" => Step::Cut(number(1), number(2)),
            "S" => Step::Synced(number(1)),
            "F" => Step::SyncFailed(Some(number(1))),
            "E" => Step::SyncFailed(None),
            "D" => Step::FolderSynced,
            "R" => Step::Renamed(text(1), text(2)),
            "U" => Step::Removed(text(1)),
            "A" => Step::Acknowledged { data: text(1), id: text(2) },
            "N" => Step::Refused(text(1)),
            _ => panic!("{line}"),
        });
    }
    steps
}

/// A file as the disk has it, and what was done to it since it was last synced.
#[derive(Debug, Default)]
struct OnDisk {
    durable: Vec<u8>,
    /// Each with whether a sync failed since: then a later one says nothing about it.
    pending: Vec<(Change, bool)>,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl OnDisk {
    fn sync(&mut self) {
        for (change, in_doubt) in std::mem::take(&mut self.pending) {
            match change {
                change if in_doubt => self.pending.push((change, true)),
                Change::Write(at, bytes) => {
                    self.forget(at, at + bytes.len());
                    put(&mut self.durable, at, &bytes);
                }
                Change::Cut(len) => {
                    self.forget(len, usize::MAX);
                    self.pending.retain(|(change, _)| matches!(change, Change::Write(..)));
                    self.durable.truncate(len);
                }
            }
        }
    }

    /// What was in doubt of these bytes no longer matters, since later ones are durable.
    fn forget(&mut self, from: usize, to: usize) {
        for (change, in_doubt) in std::mem::take(&mut self.pending) {
            let Change::Write(at, bytes) = change else {
                self.pending.push((change, in_doubt));
                continue;
            };
            let end = at + bytes.len();
            let before = bytes[..from.clamp(at, end) - at].to_vec();
            let after = bytes[to.clamp(at, end) - at..].to_vec();
            for (at, part) in [(at, before), (to.clamp(at, end), after)] {
                if !part.is_empty() {
                    self.pending.push((Change::Write(at, part), in_doubt));
                }
            }
        }
    }

    /// Returns what a loss of power leaves: what was synced, and any part of the rest.
    fn left(&self, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (change, _) in &self.pending {
            match (change, rng.below(4)) {
                (_, 0) => {}
                (Change::Write(at, written), 1) => {
                    // Torn, and in blocks of which some are not there.
                    let most = rng.below(written.len() as u64 + 1) as usize;
                    for (number, block) in written[..most].chunks(512).enumerate() {
                        if rng.below(3) > 0 {
                            put(&mut bytes, at + number * 512, block);
                        }
                    }
                }
                (Change::Write(at, written), _) => put(&mut bytes, *at, written),
                (Change::Cut(len), _) => bytes.truncate(*len),
            }
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, written: &[u8]) {
    bytes.resize(bytes.len().max(at + written.len()), 0);
    bytes[at..at + written.len()].copy_from_slice(written);
}

/// What the log must hold, and must not.
#[derive(Debug, Default)]
struct Owed {
    /// The data and the ID of each event, by its number.
    acknowledged: BTreeMap<u64, (String, String)>,
    refused: BTreeSet<String>,
    /// Entries before this one may have been removed by the bounds.
    first: u64,
}

/// Writes what a loss of power after these steps may leave into a folder.
fn leave(steps: &[Step], folder: &Path, rng: &mut Rng) -> Owed {
    // A file's number may be that of one that was removed.
    let (mut files, mut numbers): (Vec<OnDisk>, BTreeMap<u64, usize>) = (Vec::new(), BTreeMap::new());
    // The names in the folder as they were last synced, and after each change since.
    let mut names: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new()];
    let mut owed = Owed::default();
    for step in steps {
        let mut next = names[names.len() - 1].clone();
        match step {
            Step::Created(name, file) => {
                numbers.insert(*file, files.len());
                next.insert(name.clone(), files.len());
                files.push(OnDisk::default());
            }
            Step::Renamed(old, new) => {
                let file = next.remove(old).unwrap();
                next.insert(new.clone(), file);
            }
            Step::Removed(name) => drop(next.remove(name)),
            Step::Wrote(file, at, bytes) => {
                let change = Change::Write(*at as usize, bytes.clone());
                files[numbers[file]].pending.push((change, false));
            }
            Step::Cut(file, len) => {
                files[numbers[file]].pending.push((Change::Cut(*len as usize), false));
            }
            Step::Synced(file) => files[numbers[file]].sync(),
            Step::SyncFailed(Some(file)) => {
                files[numbers[file]].pending.iter_mut().for_each(|(_, in_doubt)| *in_doubt = true);
            }
            Step::SyncFailed(None) => {}
            Step::FolderSynced => names.drain(..names.len() - 1).for_each(drop),
            Step::Acknowledged { data, id } => {
                let number = id.split('-').next().unwrap().parse().unwrap();
                let before = owed.acknowledged.insert(number, (data.clone(), id.clone()));
                assert!(before.is_none(), "{id} was acknowledged twice");
            }
            Step::Refused(data) => drop(owed.refused.insert(data.clone())),
        }
        if next != names[names.len() - 1] {
            names.push(next);
        }
    }
    let newest = &names[names.len() - 1];
    let first = newest.keys().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).min();
    owed.first = first.unwrap_or(1);
    fs::create_dir_all(folder).unwrap();
    // Changes of a folder reach the disk in their order.
    for (name, file) in &names[rng.below(names.len() as u64) as usize] {
        fs::write(folder.join(name), files[*file].left(rng)).unwrap();
    }
    owed
}

/// Opens what was left, and checks that it has what it must have.
async fn check(folder: &Path, owed: &Owed) -> Result<(), String> {
    let log = DiskLog::options().max_bytes(MAX_BYTES).open(folder).await;
    let log = log.map_err(|error| format!("{error:?}"))?;
    let page = log.read(None, ALL).await.map_err(|error| error.to_string())?;
    let mut held = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for entry in page.entries {
        let Ok(Record::Event { event, .. }) = entry.record else { return Err(format!("{:?}", entry.id)) };
        let data = String::from_utf8(event.encode().to_vec()).unwrap();
        let data = data.trim_start_matches("data: ").split([' ', '\n']).next().unwrap_or_default().to_owned();
        let number: u64 = entry.id.as_str().split('-').next().unwrap().parse().unwrap();
        if !seen.insert(data.clone()) {
            return Err(format!("{data} is there twice"));
        }
        if owed.refused.contains(&data) {
            return Err(format!("{data} was refused, but is there as {}", entry.id));
        }
        if held.last_key_value().is_some_and(|(last, _)| *last + 1 != number) {
            return Err(format!("{} does not follow", entry.id));
        }
        held.insert(number, (data, entry.id.to_string()));
    }
    for (number, acknowledged) in owed.acknowledged.range(owed.first..) {
        if held.get(number) != Some(acknowledged) {
            return Err(format!("{acknowledged:?} was acknowledged, but there is {:?}", held.get(number)));
        }
    }
    // What comes next gets an ID that nothing had.
    let record = Record::Event { topic: "a".into(), event: Event::new("next") };
    let id: EventId = log.append(record, None).await.map_err(|error| error.to_string())?;
    let number: u64 = id.as_str().split('-').next().unwrap().parse().unwrap();
    let newest = owed.acknowledged.keys().chain(held.keys()).max().copied().unwrap_or(0);
    (number > newest).then_some(()).ok_or_else(|| format!("{id} after {newest}"))
}

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn pick(&mut self, from: &[usize]) -> usize {
        from[self.below(from.len() as u64) as usize]
    }
}
