//! How many instructions each contender takes for an event, which does not depend on what else the machine does.

use std::{env, io, process::Command};

use clap::ValueEnum;

use crate::{
    decode, encode, fanout,
    measure::Workload,
    report::{Report, Target},
};

/// What can be counted apart from the rest.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Part {
    Encode,
    Decode,
    Fanout,
}

/// Counts one part or all, with valgrind's callgrind, which must be installed, in a process for each contender.
///
/// Each count is shown as soon as there is one, since all take minutes.
pub(crate) fn run(only: Option<Part>) -> usize {
    let mut report = Report::new();
    for part in Part::value_variants().iter().filter(|part| only.is_none_or(|only| only == **part)) {
        for workload in part.workloads() {
            let what = format!("{}, {}", part.name(), workload.name);
            for contender in &workload.contenders {
                let name = contender.name();
                match count(part.name(), &workload.name, name) {
                    Ok(count) => {
                        let each = count as f64 / workload.events as f64;
                        eprintln!("{what}: {each:.1} instructions, {name}");
                        report.figure(&what, &format!("instructions, {name}"), each, Target::Told);
                    }
                    Err(error) => {
                        eprintln!("valgrind: {error}");
                        return 1;
                    }
                }
            }
        }
    }
    report.print("Instructions for an event")
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Fanout => "fanout",
        }
    }

    fn workloads(self) -> Box<dyn Iterator<Item = Workload>> {
        match self {
            Self::Encode => Box::new(encode::workloads()),
            Self::Decode => Box::new(decode::workloads()),
            Self::Fanout => Box::new(fanout::workloads()),
        }
    }
}

/// Does a contender's work once, under callgrind.
pub(crate) fn run_once(part: &str, workload: &str, contender: &str) {
    let part = Part::from_str(part, false).expect("a part");
    let mut workload =
        part.workloads().find(|other| other.name == workload).expect("a workload of that part");
    let mut contenders = workload.contenders.iter_mut();
    let contender = contenders.find(|other| other.name() == contender).expect("a contender of that workload");
    contender.prepare();
    contender.run();
}

fn count(part: &str, workload: &str, contender: &str) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*ssekit_peers::measure::Contender>::run")
        .arg(env::current_exe()?)
        .args(["run-once", part, workload, contender])
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    let count = log.lines().find_map(|line| line.split_once("Collected : "));
    count.and_then(|(_, count)| count.trim().parse().ok()).ok_or_else(|| io::Error::other(log.into_owned()))
}
