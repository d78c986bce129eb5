//! Event streams on the command line, as bytes and as JSON lines.
//!
//! ```text
//! printf 'id: 1\ndata: hello\n\n' | cargo run --example wire -- decode
//! ```
//!
//! `decode` reads an event stream from the standard input and writes each event as one line of JSON, then the state
//! at the end. `--chunk` and `--cuts` choose the pieces that the decoder is fed with; the result is the same.

use std::{
    io::{self, BufWriter, Read, Write},
    num::NonZeroUsize,
};

use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use ssekit::{
    Decoder,
    decode::{Item, Limits},
};

/// Event streams as bytes and as JSON lines.
#[derive(Parser)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads an event stream, writes its events as JSON lines.
    Decode(DecodeArgs),
}

fn main() -> io::Result<()> {
    let output = BufWriter::new(io::stdout().lock());
    run(Cli::parse(), io::stdin().lock(), output)
}

pub(crate) fn run(cli: Cli, input: impl Read, output: impl Write) -> io::Result<()> {
    match cli.command {
        Command::Decode(args) => decode(&args, input, output),
    }
}

#[derive(Args)]
struct DecodeArgs {
    /// Feed so many bytes at a time.
    #[arg(long, value_name = "BYTES", conflicts_with = "cuts")]
    chunk: Option<NonZeroUsize>,
    /// Feed pieces that are cut at these offsets.
    #[arg(long, value_name = "OFFSETS", value_delimiter = ',')]
    cuts: Vec<u64>,
    /// Set all limits: bytes of a line, bytes of an event, and data lines.
    #[arg(long, value_name = "N")]
    max_event_bytes: Option<usize>,
}

impl DecodeArgs {
    fn decoder(&self) -> Decoder {
        let limits = self.max_event_bytes.map_or(Limits::new(), |max| {
            Limits::new().with_max_line_bytes(max).with_max_event_bytes(max).with_max_data_lines(max)
        });
        Decoder::with_limits(limits)
    }

    /// The lengths of the pieces to feed. What comes after them is fed as it is read.
    fn piece_lengths(&self) -> Box<dyn Iterator<Item = u64>> {
        if let Some(chunk) = self.chunk {
            return Box::new(std::iter::repeat(chunk.get() as u64));
        }
        let mut cuts = self.cuts.clone();
        cuts.sort_unstable();
        let mut start = 0;
        Box::new(cuts.into_iter().map(move |cut| cut - std::mem::replace(&mut start, cut)))
    }
}

/// What `decode` writes, a line each.
#[derive(Serialize)]
#[serde(untagged)]
enum Decoded<'a> {
    Event { r#type: &'a str, data: &'a str, last_event_id: &'a str },
    Error { error: String },
    End { end: bool, last_event_id: &'a str, retry_ms: Option<u64> },
}

fn decode(args: &DecodeArgs, mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut decoder = args.decoder();
    let mut piece = Vec::new();
    for length in args.piece_lengths() {
        piece.clear();
        let read = input.by_ref().take(length).read_to_end(&mut piece)?;
        decode_piece(&mut decoder, &piece, &mut output)?;
        if (read as u64) < length {
            break;
        }
    }
    piece.resize(READ_BYTES, 0);
    loop {
        match input.read(&mut piece)? {
            0 => break,
            read => decode_piece(&mut decoder, &piece[..read], &mut output)?,
        }
    }
    let end = Decoded::End {
        end: true,
        last_event_id: decoder.last_event_id(),
        retry_ms: decoder.reconnection_time().map(|time| time.as_millis().try_into().unwrap_or(u64::MAX)),
    };
    write_line(&end, &mut output)?;
    output.flush()
}

fn decode_piece(decoder: &mut Decoder, mut piece: &[u8], output: &mut impl Write) -> io::Result<()> {
    let mut items = decoder.decode(&mut piece);
    while let Some(item) = items.next() {
        match item {
            Item::Event(event) => {
                let event = Decoded::Event {
                    r#type: event.event_type(),
                    data: event.data(),
                    last_event_id: event.last_event_id(),
                };
                write_line(&event, output)?;
            }
            Item::LimitExceeded(over) => write_line(&Decoded::Error { error: over.to_string() }, output)?,
            Item::Retry(_) | Item::Comment(_) => {}
        }
    }
    output.flush()
}

fn write_line(line: &Decoded<'_>, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}

const READ_BYTES: usize = 64 * 1024;
