//! Event streams on the command line, as bytes and as JSON lines.
//!
//! ```text
//! echo '{"id": "1", "data": "hello"}' | cargo run --example wire -- encode
//! printf 'id: 1\ndata: hello\n\n' | cargo run --example wire -- decode
//! ```
//!
//! `encode` reads one event a line, an object with any of `id`, `event`, `data`, `comment` (strings) and `retry_ms`
//! (an integer), and writes the event stream. An event that is refused writes nothing but a line to the standard
//! error, and the exit status is 1 at the end.
//!
//! `decode` reads an event stream from the standard input and writes each event as one line of JSON, then the state
//! at the end. `--chunk` and `--cuts` choose the pieces that the decoder is fed with; the result is the same.

use std::{
    error::Error,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    num::NonZeroUsize,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use serde::{Deserialize, Serialize};
use ssekit::{
    Decoder, Event, EventId,
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
    /// Reads events as JSON lines, writes the event stream.
    Encode,
    /// Reads an event stream, writes its events as JSON lines.
    Decode(DecodeArgs),
}

fn main() -> io::Result<ExitCode> {
    let output = BufWriter::new(io::stdout().lock());
    let all_taken = run(Cli::parse(), io::stdin().lock(), output, io::stderr().lock())?;
    Ok(if all_taken { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns whether all of the input was taken.
pub(crate) fn run(cli: Cli, input: impl Read, output: impl Write, errors: impl Write) -> io::Result<bool> {
    match cli.command {
        Command::Encode => encode(input, output, errors),
        Command::Decode(args) => decode(&args, input, output).map(|()| true),
    }
}

/// One line of what `encode` reads.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToEncode {
    id: Option<String>,
    event: Option<String>,
    data: Option<String>,
    comment: Option<String>,
    retry_ms: Option<u64>,
}

/// What `encode` writes of an event that it refuses.
#[derive(Serialize)]
struct Refused {
    line: usize,
    error: String,
}

fn encode(input: impl Read, mut output: impl Write, mut errors: impl Write) -> io::Result<bool> {
    let mut all_taken = true;
    for (index, line) in BufReader::new(input).split(b'\n').enumerate() {
        match event(&line?) {
            Ok(event) => output.write_all(&event.encode())?,
            Err(error) => {
                all_taken = false;
                write_line(&Refused { line: index + 1, error: error.to_string() }, &mut errors)?;
            }
        }
    }
    output.flush()?;
    Ok(all_taken)
}

fn event(line: &[u8]) -> Result<Event, Box<dyn Error>> {
    let fields: ToEncode = serde_json::from_slice(line)?;
    let mut event = Event::default();
    if let Some(id) = fields.id {
        event = event.with_id(EventId::try_from(id)?);
    }
    if let Some(event_type) = fields.event {
        event = event.with_type(event_type.try_into()?);
    }
    if let Some(data) = fields.data {
        event = event.with_data(data);
    }
    if let Some(comment) = fields.comment {
        event = event.with_comment(comment);
    }
    if let Some(millis) = fields.retry_ms {
        event = event.with_retry(Duration::from_millis(millis));
    }
    Ok(event)
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
            Limits::new()
                .with_max_line_bytes(max)
                .with_max_event_bytes(max)
                .with_max_data_lines(max)
                .with_max_id_bytes(max)
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

fn decode_piece(decoder: &mut Decoder, piece: &[u8], output: &mut impl Write) -> io::Result<()> {
    decoder.feed(piece);
    while let Some(item) = decoder.next() {
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

fn write_line(line: &impl Serialize, output: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *output, line)?;
    output.write_all(b"\n")
}

const READ_BYTES: usize = 64 * 1024;
