use std::{
    cell::{Cell, RefCell},
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::{Builder, Runtime},
};

use crate::machine;

/// Clients of one server, each a task on this thread with a connection of its own.
pub(super) struct Clients {
    runtime: Runtime,
    connections: usize,
}

thread_local! {
    static STREAMS: Cell<usize> = const { Cell::new(0) };
    static RECEIVED: Cell<usize> = const { Cell::new(0) };
    static LATENCIES: RefCell<Option<Vec<Duration>>> = const { RefCell::new(None) };
}

impl Clients {
    /// Connects them, and waits until each has an answer.
    pub(super) fn connect(address: &str, connections: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        STREAMS.set(0);
        runtime.block_on(async {
            for connected in 0..connections {
                let stream = tokio::net::TcpStream::connect(address).await?;
                tokio::spawn(async move {
                    if let Err(error) = receive(stream).await {
                        eprintln!("a client's connection: {error}");
                    }
                });
                // Not more at once than a listener takes.
                while STREAMS.get() + 64 < connected {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            while STREAMS.get() < connections {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            io::Result::Ok(())
        })?;
        Ok(Self { runtime, connections })
    }

    /// Has the server publish events, `rate` of them a second, and waits until all clients have all.
    pub(super) fn run(&mut self, address: &str, events: usize, rate: Option<usize>) -> io::Result<Duration> {
        let expected = RECEIVED.get() + events * self.connections;
        LATENCIES.set(rate.map(|_| Vec::new()));
        let path = format!("/run?events={events}&rate={}", rate.unwrap_or(0));
        let address = address.to_owned();
        let start = Instant::now();
        let control = thread::spawn(move || get(&address, &path));
        self.runtime.block_on(async {
            while RECEIVED.get() < expected {
                if start.elapsed() > Duration::from_secs(120) {
                    return Err(io::Error::other(format!(
                        "{} events are missing",
                        expected - RECEIVED.get()
                    )));
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        })?;
        let took = start.elapsed();
        control.join().map_err(|_| io::Error::other("control failed"))??;
        assert_eq!(RECEIVED.get(), expected, "an event came twice");
        Ok(took)
    }

    /// Returns the median and the 99th percentile of what the last run at a given rate took, in microseconds.
    pub(super) fn take_latencies(&mut self) -> (f64, f64) {
        let mut latencies = LATENCIES.take().unwrap_or_default();
        latencies.sort_unstable();
        let at = |part: f64| {
            let index = (latencies.len().saturating_sub(1) as f64 * part) as usize;
            latencies.get(index).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
        };
        (at(0.5), at(0.99))
    }
}

async fn receive(mut stream: tokio::net::TcpStream) -> io::Result<()> {
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n").await?;
    let mut buffer = vec![0; 16 * 1024];
    let mut answered = false;
    loop {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !std::mem::replace(&mut answered, true) {
            STREAMS.set(STREAMS.get() + 1);
        }
        let text = &buffer[..len];
        let mut events = 0;
        LATENCIES.with_borrow_mut(|latencies| {
            for at in memchr::memchr_iter(b'~', text) {
                events += 1;
                // One that is cut is left out.
                if let (Some(latencies), Some(time)) = (latencies.as_mut(), text.get(at + 1..at + 21)) {
                    let time = std::str::from_utf8(time).ok().and_then(|time| time.parse().ok());
                    let time = Duration::from_nanos(time.unwrap_or_default());
                    latencies.push(machine::monotonic().saturating_sub(time));
                }
            }
        });
        RECEIVED.set(RECEIVED.get() + events);
    }
}

/// Requests a page, and returns its text.
pub(crate) fn get(address: &str, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    body.ok_or_else(|| io::Error::other("no answer"))
}
