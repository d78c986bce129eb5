use std::{
    convert::Infallible,
    error::Error,
    fs, io,
    net::Ipv4Addr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};

use crate::machine;

/// One way to serve an event stream.
pub(super) trait Stack: Send + Sync + Sized + 'static {
    const NAME: &'static str;

    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Creates it for subscribers that may be `capacity` events behind.
    fn new(capacity: usize) -> Self;

    fn subscribe(&self) -> Response<Self::Body>;

    fn publish(&self, data: String);
}

/// Serves until the process is killed.
///
/// `/events` is the stream, `/run?events=N&rate=R` publishes and answers when it has, `/usage` tells CPU seconds and
/// bytes of memory so far.
pub(super) fn serve<S: Stack>() -> io::Result<()> {
    machine::raise_open_files();
    machine::pin(0);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let stack = Arc::new(S::new(CAPACITY));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (connection, _) = listener.accept().await?;
            connection.set_nodelay(true)?;
            let stack = Arc::clone(&stack);
            let service = service_fn(move |request| answer(Arc::clone(&stack), request));
            // A client that goes away ends its connection with an error, which concerns nobody.
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(connection), service));
        }
    })
}

async fn answer<S: Stack>(
    stack: Arc<S>,
    request: Request<Incoming>,
) -> Result<Response<Either<S::Body, Full<Bytes>>>, Infallible> {
    let text = match request.uri().path() {
        "/events" => return Ok(stack.subscribe().map(Either::Left)),
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
        // 200 bytes, with the one `~` in an event, by which clients count and find the time.
        stack.publish(format!("~{:020}{:x<179}", machine::monotonic().as_nanos(), ""));
    }
}

fn usage() -> String {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    format!("{} {}", machine::process_cpu().as_secs_f64(), pages * 4096)
}

/// No subscriber may lose events at full rate, or there would be less to do.
pub(super) const CAPACITY: usize = 8_192;
