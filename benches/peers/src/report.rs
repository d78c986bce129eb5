//! The tables that are printed: what was reached, beside what was to be reached.

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
        println!("\n## {heading}\n");
        let head = ["what", "beside", "median", "quartiles", "target"].map(str::to_owned);
        let mut widths = head.each_ref().map(String::len);
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: &[String; 5]| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!(" {cell:width$} |"));
            println!("|{}", cells.collect::<String>());
        };
        line(&head);
        line(&widths.map(|width| "-".repeat(width)));
        self.rows.iter().for_each(line);
        self.missed
    }
}

/// Three digits that count.
fn figure(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.1}"),
        value if value >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
