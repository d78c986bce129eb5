//! Runs ssekit beside its peers, and beside what the machine can do.
//!
//! ```text
//! cargo run --release -p ssekit-peers -- all [--quick]
//! ```
//!
//! Each table gives medians of ratios, with their quartiles, and the figure to reach where there is one. The exit
//! status is 1 if one was missed. To add an implementation, add a file beside the others and name it in the list of
//! the `mod.rs` next to it.

mod allocations;
mod encode;
mod machine;
mod measure;
mod poll;
mod report;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::measure::Effort;

#[derive(Parser)]
#[command(about, version)]
struct Options {
    #[command(subcommand)]
    what: What,
    /// Measure for a short time only, to see that everything works.
    #[arg(long, global = true)]
    quick: bool,
}

#[derive(Clone, Copy, PartialEq, Subcommand)]
enum What {
    /// Encoding events.
    Encode,
    /// Everything, one after the other.
    All,
}

fn main() -> ExitCode {
    let Options { what, quick } = Options::parse();
    let effort = Effort::new(quick);
    let mut missed = 0;
    let wanted = |part| what == part || what == What::All;
    if wanted(What::Encode) {
        machine::pin(1);
        missed += encode::run(effort);
    }
    println!("\n{missed} figures missed");
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
