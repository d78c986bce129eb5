use std::{
    convert::Infallible,
    error::Error,
    fs, io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{HeaderMap, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Builder,
    sync::oneshot,
};

use crate::machine;

/// One way to serve an event stream.
pub(crate) trait Stack: Send + Sync + Sized + 'static {
    const NAME: &'static str;

    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Creates it for subscribers that may be `capacity` events behind.
    fn new(capacity: usize) -> Self;

    /// Answers a client with a stream, which goes on after its last event if the server can do that.
    fn subscribe(&self, headers: &HeaderMap) -> Response<Self::Body>;

    fn publish(&self, data: String);

    /// Serves connections for ever, by default each by hyper.
    fn serve(stack: Arc<Self>, listener: TcpListener) -> impl Future<Output = io::Result<()>> {
        serve_by_hyper(stack, listener)
    }
}

/// Serves until the process is killed.
///
/// `/events` is the stream, `/run?events=N&rate=R` publishes and answers when it has, `/usage` tells CPU seconds and
/// bytes of memory so far.
pub(crate) fn serve<S: Stack>() -> io::Result<()> {
    machine::raise_open_files();
    machine::pin(0);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stack = Arc::new(S::new(CAPACITY));
        let listener = listen()?;
        println!("{}", listener.local_addr()?);
        S::serve(stack, listener).await
    })
}

async fn serve_by_hyper<S: Stack>(stack: Arc<S>, listener: TcpListener) -> io::Result<()> {
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let stack = Arc::clone(&stack);
        let service = service_fn(move |request: Request<Incoming>| answer(Arc::clone(&stack), request));
        // A client that goes away ends its connection with an error, which concerns nobody.
        let mut server = http1::Builder::new();
        tokio::spawn(server.max_buf_size(MAX_BUFFER).serve_connection(TokioIo::new(connection), service));
    }
}

/// Listens for thousands of clients at once. What the kernel holds for one that does not read is bounded.
fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(BACKLOG)
}

pub(super) async fn answer<S: Stack, B>(
    stack: Arc<S>,
    request: Request<B>,
) -> Result<Response<Either<S::Body, Full<Bytes>>>, Infallible> {
    let text = match request.uri().path() {
        "/events" => return Ok(stack.subscribe(request.headers()).map(Either::Left)),
        "/run" => {
            let query = request.uri().query().unwrap_or_default();
            let number = |name| {
                let mut parts = query.split('&').filter_map(|part| part.split_once('='));
                parts.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok())
            };
            let (events, rate) = (number("events").unwrap_or(0), number("rate").unwrap_or(0));
            let (done, is_done) = oneshot::channel();
            thread::spawn(move || {
                publish(&*stack, events, rate);
                let _ = done.send(());
            });
            let _ = is_done.await;
            String::new()
        }
        _ => usage(),
    };
    Ok(Response::new(Either::Right(Full::from(text))))
}

/// Publishes events, `rate` of them a second or, if that is zero, as fast as the core allows.
fn publish(stack: &impl Stack, events: usize, rate: usize) {
    let start = Instant::now();
    for event in 0..events {
        if rate > 0 {
            let due = start + Duration::from_secs_f64(event as f64 / rate as f64);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        stack.publish(data());
    }
}

/// Makes data of 200 bytes, with the one `~` in an event, by which clients find the time and the event's number.
pub(crate) fn data() -> String {
    static PUBLISHED: AtomicU64 = AtomicU64::new(0);
    let number = PUBLISHED.fetch_add(1, Ordering::Relaxed);
    format!("~{:020} {number:010}{:x<168}", machine::monotonic().as_nanos(), "")
}

fn usage() -> String {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    format!("{} {}", machine::process_cpu().as_secs_f64(), pages * 4096)
}

/// No subscriber may lose events at full rate, or there would be less to do.
pub(crate) const CAPACITY: usize = 8_192;
/// hyper would take up to 400 KB a connection from a stream whose reader has stalled.
pub(super) const MAX_BUFFER: usize = 16 * 1024;
const SEND_BUFFER: u32 = 16 * 1024;
const BACKLOG: u32 = 4096;
