//! The tables that are printed: what was reached, beside what was to be reached.

use std::{
    fs,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::measure::Ratio;

/// A figure to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
    /// Only reported.
    Told,
}

/// Rows of figures under a heading.
#[derive(Debug)]
pub(crate) struct Report {
    rows: Vec<[String; 5]>,
    missed: usize,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { rows: Vec::new(), missed: 0 }
    }

    pub(crate) fn ratio(&mut self, what: &str, beside: &str, ratio: Ratio, target: Target) {
        let spread = format!("{}..{}", figure(ratio.low), figure(ratio.high));
        self.row(what, beside, ratio.median, spread, target);
    }

    pub(crate) fn figure(&mut self, what: &str, unit: &str, value: f64, target: Target) {
        self.row(what, unit, value, String::new(), target);
    }

    fn row(&mut self, what: &str, beside: &str, value: f64, spread: String, target: Target) {
        let verdict = match target {
            Target::AtMost(most) if value <= most => format!("<= {most} ok"),
            Target::AtLeast(least) if value >= least => format!(">= {least} ok"),
            Target::AtMost(most) => format!("<= {most} MISSED"),
            Target::AtLeast(least) => format!(">= {least} MISSED"),
            Target::Told => String::new(),
        };
        self.missed += usize::from(verdict.ends_with("MISSED"));
        self.rows.push([what.to_owned(), beside.to_owned(), figure(value), spread, verdict]);
    }

    /// Prints the table under a heading, and returns how many figures were missed.
    pub(crate) fn print(self, heading: &str) -> usize {
        if !ONLY_FOR_PAGE.load(Ordering::Relaxed) {
            println!("\n## {heading}\n");
            table(["what", "beside", "median", "quartiles", "target"], &self.rows);
        }
        let shown = self.rows.iter().filter(|[what, beside, ..]| SHOWN.contains(&(what, beside)));
        let part = heading.split(':').next().unwrap_or(heading);
        let shown = shown.map(|[what, beside, median, quartiles, _]| {
            [format!("{part}: {what}"), beside.clone(), median.clone(), quartiles.clone()]
        });
        FOR_PAGE.lock().unwrap().extend(shown);
        self.missed
    }
}

/// Leaves out all tables but the one for the page.
pub(crate) fn only_for_page() {
    ONLY_FOR_PAGE.store(true, Ordering::Relaxed);
}

/// Prints the rows that `docs/speed.md` and the README show, of all tables printed so far, and the machine.
pub(crate) fn print_for_page() {
    let rows = FOR_PAGE.lock().unwrap();
    if rows.is_empty() {
        return;
    }
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    println!("\n## For docs/speed.md: {}, {cores} cores\n", model.trim_start_matches([' ', '\t', ':']));
    table(["what", "beside", "median", "quartiles"], &rows);
}

fn table<const COLUMNS: usize>(head: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    let head = head.map(str::to_owned);
    let mut widths = head.each_ref().map(String::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; COLUMNS]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
        println!("|{}", cells.collect::<String>());
    };
    line(&head);
    line(&widths.map(|width| "-".repeat(width)));
    rows.iter().for_each(line);
}

static FOR_PAGE: Mutex<Vec<[String; 4]>> = Mutex::new(Vec::new());
static ONLY_FOR_PAGE: AtomicBool = AtomicBool::new(false);

/// Three digits that count.
fn figure(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.1}"),
        value if value >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The rows that `docs/speed.md` and the README show: what was measured, beside what.
const SHOWN: &[(&str, &str)] = &[
    ("20 B, owned", "sse-stream"),
    ("20 B, owned", "axum"),
    ("20 B, owned", "alloc + copy + scan"),
    ("200 B, owned", "sse-stream"),
    ("200 B, owned", "axum"),
    ("200 B, owned", "alloc + copy + scan"),
    ("4 KiB, 64 lines, owned", "axum"),
    ("200 B, 16384 B", "sse-stream"),
    ("200 B, 16384 B", "eventsource-stream"),
    ("LLM tokens, 16384 B", "sse-core"),
    ("LLM tokens, 16384 B", "eventsource-stream"),
    ("64 lines, 16384 B", "sse-core"),
    ("N = 1, one at a time", "mpsc<Bytes>"),
    ("N = 1, one at a time", "broadcast<Bytes>"),
    ("N = 1, one at a time", "wake and poll"),
    ("N = 100, bursts of 64", "mpsc<Bytes>"),
    ("N = 100, bursts of 64", "broadcast<Bytes>"),
    ("N = 10000, one at a time", "mpsc<Bytes>"),
    ("N = 10000, one at a time", "broadcast<Bytes>"),
    ("N = 10000, bursts of 64", "mpsc<Bytes>"),
    ("N = 10000, bursts of 64", "broadcast<Bytes>"),
    ("N = 1000, one at a time", "mpsc<Bytes>"),
    ("N = 1000, one at a time", "broadcast<Bytes>"),
    ("N = 1000, one at a time", "axum over broadcast"),
    ("N = 1000, one at a time", "wake and poll"),
    ("N = 1000, bursts of 64", "mpsc<Bytes>"),
    ("N = 1000, bursts of 64", "broadcast<Bytes>"),
    ("N = 1000, bursts of 64", "axum over broadcast"),
    ("N = 1000, bursts of 64", "wake and poll"),
    ("ssekit", "bytes a subscriber"),
    ("ssekit", "mpsc"),
    ("broadcast<Bytes>", "bytes a subscriber"),
    ("one at a time", "mpsc<Bytes>"),
    ("bursts of 64", "mpsc<Bytes>"),
    ("1 publishers", "events a second"),
    ("2 publishers, ssekit", "rate of one"),
    ("4 publishers, ssekit", "rate of one"),
    ("1 subscribers", "ns a delivery"),
    ("100 subscribers", "ns a delivery"),
    ("1000 subscribers", "ns a delivery"),
    ("10000 subscribers", "ns a delivery"),
    ("1000 subscribers, 20 B", "ns a delivery"),
    ("1000 subscribers, 2000 B", "ns a delivery"),
    ("1000 subscribers, 200000 B", "ns a delivery"),
    ("1000 subscribers, 16 behind", "ns a delivery"),
    ("1000 subscribers, 256 behind", "ns a delivery"),
    ("filter that lets 1 in 10 through", "no filter, bursts of 64"),
    ("3,000,000 events of one topic", "us of CPU, 99.99 %"),
    ("3,000,000 events of 100,000 topics", "us of CPU, 99.99 %"),
    ("100 clients, 1000 events held", "us a client"),
    ("1000 clients, 1000 events held", "us a client"),
    ("10000 clients, 1000 events held", "us a client"),
    ("10000 clients, 100000 events held", "us a client"),
    ("100,000 idle topics", "no other topic"),
    ("no other topic", "ns an event"),
    ("10 topics, one at a time", "1 topic"),
    ("100 topics, one at a time", "1 topic"),
    ("KeepAlive", "bytes a stream, tokio's timer"),
    ("axum's KeepAlive", "bytes a stream"),
    ("N = 1000, full rate", "broadcast<Bytes>"),
    ("N = 1000, server CPU", "axum's Sse over broadcast"),
];
