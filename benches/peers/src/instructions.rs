//! How many instructions each contender takes for an event, which does not depend on what else the machine does.

use std::{env, io, process::Command};

use crate::{
    decode, encode, fanout,
    measure::Workload,
    report::{Report, Target},
};

/// Counts with valgrind's callgrind, which must be installed, in a process for each contender.
pub(crate) fn run() -> usize {
    let mut report = Report::new();
    for (part, workloads) in parts() {
        for workload in workloads {
            let names: Vec<_> = workload.contenders.iter().map(|contender| contender.name()).collect();
            for name in names {
                match count(part, &workload.name, name) {
                    Ok(count) => {
                        let each = count as f64 / workload.events as f64;
                        let what = format!("{part}, {}", workload.name);
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

/// Does a contender's work once, under callgrind.
pub(crate) fn run_once(part: &str, workload: &str, contender: &str) {
    let (_, mut workloads) = parts().into_iter().find(|(name, _)| *name == part).expect("a part");
    let mut workload = workloads.find(|other| other.name == workload).expect("a workload of that part");
    let mut contenders = workload.contenders.iter_mut();
    let contender = contenders.find(|other| other.name() == contender).expect("a contender of that workload");
    contender.prepare();
    contender.run();
}

type Part = (&'static str, Box<dyn Iterator<Item = Workload>>);

fn parts() -> [Part; 3] {
    [
        ("encode", Box::new(encode::workloads())),
        ("decode", Box::new(decode::workloads())),
        ("fanout", Box::new(fanout::workloads())),
    ]
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
