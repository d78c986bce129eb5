//! Runs ssekit beside its peers, and beside what the machine can do.
//!
//! ```text
//! cargo run --release -p ssekit-peers -- all [--quick]
//! cargo run --release -p ssekit-peers -- tables
//! ```
//!
//! Each table gives medians of ratios, with their quartiles, and the figure to reach where there is one. The exit
//! status is 1 if one was missed. At the end come the rows that `docs/speed.md` and the README show; `tables` prints these
//! alone. To add an implementation, add a file beside the others and name it in the list of the `mod.rs` next to it.

mod allocations;
mod decode;
mod encode;
mod expiry;
mod fanout;
mod http;
mod instructions;
mod keep_alive;
mod load;
mod machine;
mod measure;
mod poll;
mod report;
mod resume;
mod topics;

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

#[derive(Clone, PartialEq, Subcommand)]
enum What {
    /// Encoding events.
    Encode,
    /// Decoding streams.
    Decode,
    /// One publisher, many subscribers.
    Fanout,
    /// Many clients that come back at once.
    Resume,
    /// Idle topics, and subscribers to many.
    Topics,
    /// How long one publish takes while millions of events are too old.
    Expiry,
    /// The memory of idle streams.
    #[command(name = "keepalive")]
    KeepAlive,
    /// Through hyper and sockets, each server a process on a core of its own.
    Http,
    /// Ten thousand connections, and a storm of reconnections, beside axum's Sse and nginx with nchan.
    Load {
        /// How many connections there are. Both sides of each need a file descriptor.
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
    },
    /// The memory of idle connections, by who serves them.
    Idle {
        /// How many connections there are.
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
    },
    /// Instructions for an event, counted by callgrind. Takes minutes.
    Instructions { part: Option<instructions::Part> },
    #[command(hide = true)]
    Serve { name: String },
    #[command(hide = true)]
    RunOnce { part: String, workload: String, contender: String },
    /// Everything, one after the other.
    All,
    /// The rows that the README and `docs/speed.md` show, of everything.
    Tables,
}

fn main() -> ExitCode {
    let Options { what, quick } = Options::parse();
    // Also for the servers that it starts.
    machine::raise_open_files();
    match &what {
        What::Serve { name } => {
            let Err(error) = http::serve_named(name) else { return ExitCode::SUCCESS };
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
        What::Load { connections } | What::Idle { connections } => {
            let result = match what {
                What::Idle { .. } => load::run_idle(*connections),
                _ => load::run(*connections, quick),
            };
            return match result {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("{error}");
                    ExitCode::FAILURE
                }
            };
        }
        What::RunOnce { part, workload, contender } => {
            instructions::run_once(part, workload, contender);
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let effort = Effort::new(quick);
    machine::keep_heap();
    let mut missed = 0;
    if what == What::Tables {
        report::only_for_page();
    }
    let wanted = |part| what == part || matches!(what, What::All | What::Tables);
    machine::pin(1);
    if wanted(What::Encode) {
        missed += encode::run(effort);
    }
    if wanted(What::Decode) {
        missed += decode::run(effort);
    }
    if wanted(What::Fanout) {
        missed += fanout::run(effort);
    }
    if wanted(What::Resume) {
        missed += resume::run(effort);
    }
    if wanted(What::Topics) {
        missed += topics::run(effort);
    }
    if wanted(What::Expiry) {
        missed += expiry::run(quick);
    }
    if wanted(What::KeepAlive) {
        missed += keep_alive::run();
    }
    if wanted(What::Http) {
        missed += http::run(effort);
    }
    if let What::Instructions { part } = what {
        missed += instructions::run(part);
    }
    report::print_for_page();
    println!("\n{missed} figures missed");
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
