//! Thousands of clients on one thread. Each checks that no event is missing, double or out of order.

use std::{
    cell::RefCell,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use memchr::memchr;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    runtime::{Builder, Runtime},
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};

use crate::machine;

/// The clients of one hub.
pub(super) struct Crowd {
    runtime: Runtime,
    address: String,
    clients: JoinSet<()>,
    stalled: Vec<TcpStream>,
    tally: Arc<Tally>,
}

/// What all clients have seen.
#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    received: AtomicUsize,
    /// Events that were not the next one, and connections that ended.
    wrong: AtomicUsize,
    latencies: Mutex<Option<Vec<Duration>>>,
    /// What the first client has read.
    text: Mutex<Vec<u8>>,
}

/// One client.
struct Client {
    tally: Arc<Tally>,
    is_first: bool,
    next: Arc<AtomicU64>,
    /// The beginning of an event that is not yet there.
    rest: Vec<u8>,
}

impl Crowd {
    pub(super) fn new(address: &str) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (clients, stalled, tally) = (JoinSet::new(), Vec::new(), Arc::default());
        Ok(Self { runtime, address: address.to_owned(), clients, stalled, tally })
    }

    /// Connects clients that expect the event of this number next, not more than so many at once, and waits until each
    /// has the beginning of an answer.
    pub(super) fn connect(
        &mut self,
        count: usize,
        at_once: usize,
        last_event_id: &str,
        next: usize,
    ) -> io::Result<()> {
        self.tally = Arc::default();
        let permits = Arc::new(Semaphore::new(at_once));
        let head = "GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n";
        let last = if last_event_id.is_empty() {
            String::new()
        } else {
            format!("last-event-id: {last_event_id}\r\n")
        };
        let request: Arc<str> = format!("{head}{last}\r\n").into();
        let guard = self.runtime.enter();
        for number in 0..count {
            let client = Client {
                tally: Arc::clone(&self.tally),
                is_first: number == 0,
                next: Arc::new(AtomicU64::new(next as u64)),
                rest: Vec::new(),
            };
            let (address, request, permits) =
                (self.address.clone(), Arc::clone(&request), Arc::clone(&permits));
            self.clients.spawn(client.run(address, request, permits));
        }
        drop(guard);
        self.wait(|tally| tally.answered.load(Ordering::Relaxed) >= count, "clients have no answer")
    }

    /// Connects clients that send a request and never read.
    pub(super) fn stall(&mut self, count: usize) -> io::Result<()> {
        let address = self.address.parse().map_err(io::Error::other)?;
        let stalled = self.runtime.block_on(async {
            let mut stalled = Vec::new();
            for _ in 0..count {
                let socket = TcpSocket::new_v4()?;
                socket.set_recv_buffer_size(4096)?;
                let mut stream = socket.connect(address).await?;
                stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
                stalled.push(stream);
            }
            io::Result::Ok(stalled)
        })?;
        self.stalled = stalled;
        Ok(())
    }

    /// Waits until all clients together have received so many events since they are connected, and says how long
    /// that took.
    pub(super) fn receive(&mut self, events: usize) -> io::Result<Duration> {
        let start = Instant::now();
        self.wait(|tally| tally.received.load(Ordering::Relaxed) >= events, "events are missing")?;
        Ok(start.elapsed())
    }

    fn wait(&self, is_done: impl Fn(&Tally) -> bool, what: &str) -> io::Result<()> {
        let tally = &self.tally;
        self.runtime.block_on(async {
            let start = Instant::now();
            while !is_done(tally) {
                if start.elapsed() > PATIENCE {
                    let (answered, received) = (&tally.answered, &tally.received);
                    return Err(io::Error::other(format!(
                        "{what}: {answered:?} answers, {received:?} events"
                    )));
                }
                sleep(Duration::from_millis(1)).await;
            }
            Ok(())
        })
    }

    /// Lets the clients go on for a while: nothing more is expected to come.
    pub(super) fn linger(&self) {
        self.runtime.block_on(async { sleep(Duration::from_millis(300)).await });
    }

    /// Closes all connections but the stalled ones.
    pub(super) fn leave(&mut self) {
        self.runtime.block_on(self.clients.shutdown());
    }

    /// Begins to take down how long events are under way.
    pub(super) fn time_events(&self) {
        *self.tally.latencies.lock().unwrap() = Some(Vec::new());
    }

    /// Returns how long events were under way, in order.
    pub(super) fn take_latencies(&self) -> Vec<Duration> {
        let mut latencies = self.tally.latencies.lock().unwrap().take().unwrap_or_default();
        latencies.sort_unstable();
        latencies
    }

    pub(super) fn received(&self) -> usize {
        self.tally.received.load(Ordering::Relaxed)
    }

    /// Returns how many events were missing, double or out of order, and connections that ended.
    pub(super) fn wrong(&self) -> usize {
        self.tally.wrong.load(Ordering::Relaxed)
    }

    /// Returns the IDs of the events that the first client has received.
    pub(super) fn ids(&self) -> Vec<String> {
        let text = self.tally.text.lock().unwrap();
        let text = String::from_utf8_lossy(&text);
        let events = text.split("\n\n").filter(|block| block.contains('~'));
        let ids = events.filter_map(|block| block.lines().find_map(|line| line.strip_prefix("id: ")));
        ids.map(|id| id.trim_end().to_owned()).collect()
    }
}

impl Client {
    async fn run(mut self, address: String, request: Arc<str>, permits: Arc<Semaphore>) {
        let permit = permits.acquire_owned().await;
        let result = self.read(address, &request, permit).await;
        let Err(error) = result;
        if self.tally.wrong.fetch_add(1, Ordering::Relaxed) == 0 {
            eprintln!("a client's connection: {error}");
        }
    }

    async fn read<P>(
        &mut self,
        address: String,
        request: &str,
        permit: P,
    ) -> Result<std::convert::Infallible, io::Error> {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut permit = Some(permit);
        loop {
            stream.readable().await?;
            let read: io::Result<usize> = BUFFER.with_borrow_mut(|buffer| {
                let length = stream.try_read(buffer)?;
                self.take(&buffer[..length]);
                Ok(length)
            });
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) if permit.take().is_some() => {
                    self.tally.answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        if self.is_first {
            self.tally.text.lock().unwrap().extend_from_slice(bytes);
        }
        let joined;
        let mut text = bytes;
        if !self.rest.is_empty() {
            self.rest.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.rest);
            text = &joined;
        }
        let now = machine::monotonic();
        let mut latencies = self.tally.latencies.lock().unwrap();
        while let Some(at) = memchr(b'~', text) {
            let Some(stamp) = text.get(at + 1..at + 32) else {
                self.rest = text[at..].to_vec();
                break;
            };
            let number = |digits: &[u8]| {
                std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok())
            };
            let (time, number) = (number(&stamp[..20]), number(&stamp[21..]));
            let expected = self.next.fetch_add(1, Ordering::Relaxed);
            if number != Some(expected) && self.tally.wrong.fetch_add(1, Ordering::Relaxed) == 0 {
                eprintln!("{number:?} came instead of {expected}");
            }
            if let (Some(latencies), Some(time)) = (latencies.as_mut(), time) {
                latencies.push(now.saturating_sub(Duration::from_nanos(time)));
            }
            self.tally.received.fetch_add(1, Ordering::Relaxed);
            text = &text[at + 32..];
        }
    }
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 64 * 1024]);
}

const PATIENCE: Duration = Duration::from_secs(120);
