//! Writes inputs to begin with into `fuzz/corpus`: the recorded cases, and randomness that is the same each time.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::prelude::*;
use serde_json::Value;
use ssekit_fuzz::{random, write_counted};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = |name: &str| -> Vec<Value> {
        let path = root.join("../tests/conformance").join(name);
        let mut file: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        serde_json::from_value(file["cases"].take()).unwrap()
    };

    let mut decoder = Corpus::new(root, "decoder");
    for case in cases("cases.json") {
        let chunks: Vec<_> = case["chunks"].as_array().unwrap().iter().map(decoded).collect();
        let stream = chunks.concat();
        for header in
            [&[0, 0, 0, 0, 64, 128, 192, 255, 0, 0, 0, 0], &[1, 16, 8, 3, 1, 2, 3, 5, 8, 13, 21, 34]]
        {
            decoder.add(&[header, &stream[..]].concat());
        }
    }

    let mut round_trip = Corpus::new(root, "round_trip");
    for case in cases("encode.json") {
        let mut input = vec![1, 2, 3, 5, 8, 13, 21, 34];
        for message in case["inputs"].as_array().unwrap() {
            write_event(&mut input, message);
        }
        round_trip.add(&input);
    }

    let mut request = Corpus::new(root, "request");
    let accept: [&[u8]; 6] = [
        b"text/event-stream",
        b"text/*;q=0.000, */*;q=0.1",
        b"*",
        b"a/b;c=\"d,\\\"\"",
        b"",
        b"text/event-stream;q=0",
    ];
    let ids: [&[u8]; 6] = [b"7", "\u{E9}".as_bytes(), b"\xFF", b"", &[b'x'; 257], b"a b%20+c"];
    for (accept, id) in accept.into_iter().zip(ids) {
        for query in ["last_event_id=7", "a=b&last_event_id=%2D%zz+%", "last%5Fevent_id=1&last_event_id=1"] {
            let mut input = vec![2, 0];
            write_counted(&mut input, accept);
            input.push(1);
            write_counted(&mut input, id);
            write_counted(&mut input, query.as_bytes());
            request.add(&[&input[..], &[0, 0, 0, 0, 0, 0, 1, 0, 9]].concat());
        }
    }

    let mut serve = Corpus::new(root, "serve");
    let requests = [
        "GET /edpd0Dd HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /d HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /ecddx HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST /red HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        "POST /ed HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HEAD /ed HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        "POST /red HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ];
    for first in requests {
        for second in requests {
            // Small pieces over a small buffer, and all at once.
            for header in [[7, 0, 16, 0], [255, 1, 255, 31]] {
                serve.add(&[&header[..], first.as_bytes(), second.as_bytes()].concat());
            }
        }
    }

    // Each byte of these is a choice.
    for target in ["client", "hub", "replay"] {
        let mut corpus = Corpus::new(root, target);
        let mut bytes = random(2);
        for size in [64, 128, 256, 512].into_iter().cycle().take(64) {
            corpus.add(&bytes.by_ref().take(size).collect::<Vec<_>>());
        }
    }
}

struct Corpus {
    directory: PathBuf,
    count: usize,
}

impl Corpus {
    fn new(root: &Path, target: &str) -> Self {
        let directory = root.join("corpus").join(target);
        fs::create_dir_all(&directory).unwrap();
        Self { directory, count: 0 }
    }

    fn add(&mut self, input: &[u8]) {
        fs::write(self.directory.join(format!("seed-{:03}", self.count)), input).unwrap();
        self.count += 1;
    }
}

fn decoded(chunk: &Value) -> Vec<u8> {
    BASE64_STANDARD.decode(chunk.as_str().unwrap()).unwrap()
}

/// Writes an event as the target `round_trip` reads it.
fn write_event(input: &mut Vec<u8>, message: &Value) {
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    let retry = message.get("retry_ms").and_then(Value::as_u64);
    let parts = [text("id"), text("event"), None, text("comment"), text("data")];
    let present = parts.map(|part| part.is_some());
    let flags = (0..5).filter(|part| present[*part] || *part == 2 && retry.is_some());
    input.push(flags.map(|part| 1 << part).sum());
    for (part, text) in parts.into_iter().enumerate() {
        if let (2, Some(retry)) = (part, retry) {
            input.extend((retry / 1000).to_be_bytes());
            input.push(0);
        }
        if let Some(text) = text {
            write_counted(input, text.as_bytes());
        }
    }
}
