//! `KeepAlive` around a stream of your own, with a timer that is not tokio's: hyper on smol's sockets, without any feature
//! of the crate.
//!
//! ```text
//! cargo run --example keep_alive
//! curl -N localhost:3000
//! ```
//!
//! An event comes after one second, then after two, four, eight and so on. Pauses longer than five seconds get keep-alives.

use std::{
    convert::Infallible,
    error::Error,
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use async_executor::Executor;
use async_io::Async;
use futures_util::{Stream, TryStreamExt, stream};
use http_body_util::StreamBody;
use hyper::{
    Response,
    body::{Bytes, Frame},
    server::conn::http1,
    service::service_fn,
};
use smol_hyper::rt::FuturesIo;
use ssekit::{Event, KeepAlive, RESPONSE_HEADERS, timer::Timer};

/// A timer of async-io, which is smol's.
pub(crate) struct SmolTimer(async_io::Timer);

impl SmolTimer {
    pub(crate) fn new() -> Self {
        Self(async_io::Timer::never())
    }
}

impl Timer for SmolTimer {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn arm(&mut self, delay: Duration) {
        self.0.set_after(delay);
    }

    fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(Pin::new(&mut self.0).poll(cx));
        // The timer is ready once for each time that it is armed.
        self.0 = async_io::Timer::never();
        Poll::Ready(())
    }
}

/// Yields a number after a pause, the next one after twice that pause, and so on.
fn doubling(pause: Duration) -> impl Stream<Item = Event> {
    stream::unfold((0_u64, pause), async |(number, pause)| {
        async_io::Timer::after(pause).await;
        Some((Event::new(number.to_string()), (number + 1, pause * 2)))
    })
}

/// Answers each request on the listener with a stream of its own.
pub(crate) async fn serve(
    listener: TcpListener,
    pause: Duration,
    keep_alive: Duration,
) -> io::Result<Infallible> {
    let (listener, connections) = (Async::<TcpListener>::new(listener)?, Executor::new());
    let accept = async {
        loop {
            let (socket, _) = listener.accept().await?;
            let _ = socket.get_ref().set_nodelay(true);
            connections.spawn(connection(socket, pause, keep_alive)).detach();
        }
    };
    connections.run(accept).await
}

async fn connection(socket: Async<TcpStream>, pause: Duration, keep_alive: Duration) {
    let service = service_fn(async |_| {
        let events = KeepAlive::with_timer(doubling(pause), keep_alive, SmolTimer::new());
        Ok::<_, Infallible>(respond(events))
    });
    // A connection that breaks takes its stream and its timer with it.
    drop(http1::Builder::new().serve_connection(FuturesIo::new(socket), service).await);
}

fn respond<S, E>(frames: S) -> Response<StreamBody<impl Stream<Item = Result<Frame<Bytes>, E>>>>
where
    S: Stream<Item = Result<Bytes, E>>,
{
    let mut response = Response::new(StreamBody::new(frames.map_ok(Frame::data)));
    for &(name, value) in RESPONSE_HEADERS {
        response.headers_mut().insert(name, value.parse().expect("it is a header's value"));
    }
    response
}

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 3000))?;
    println!("listening on http://{}", listener.local_addr()?);
    match async_io::block_on(serve(listener, Duration::from_secs(1), Duration::from_secs(5)))? {}
}
