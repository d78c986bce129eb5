//! Clients: the crate's `EventSource` over hyper, and what each of them has seen.

use std::{
    collections::BTreeSet,
    error::Error,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream as _;
use http::{Request, Response};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use ssekit::{
    EventSource,
    client::{DisconnectReason, EventSourceError, Policy, Update},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use crate::{node, oracle::Block, plan::Kind, rng::Rng, truth::FactId, world::World};

type BoxError = Box<dyn Error + Send + Sync>;

/// What a client has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub last: Option<String>,
    pub fact: Option<FactId>,
    /// Whether what comes next need not follow from that.
    pub told: bool,
    /// All events after this one are to be seen, but for those that left the history before a gap was told.
    pub base: Option<FactId>,
    pub has_base: bool,
    /// Of what was published before this one, only what is still held is to be seen, since a gap was told then.
    pub excused: FactId,
    /// None of it, since it began anew with what came then.
    pub begins_now: bool,
    /// It began at the oldest event when there was nothing from this one on. Keys that were removed before need not
    /// come.
    pub begun: FactId,
    pub received: BTreeSet<FactId>,
    pub connection: Option<Connection>,
    /// Requests and bodies that it has now.
    pub open: usize,
    /// Streams in a row that brought nothing, not even a gap.
    pub fruitless: u32,
    pub is_open: bool,
    pub is_stopped: bool,
}

#[derive(Debug)]
pub struct Connection {
    pub node: usize,
    pub began: u64,
    /// The hub of the node holds nothing that was read from the log before.
    pub since: u64,
    pub served: bool,
    /// Whether a block of it changed the client's position, or told a gap.
    pub has_advanced: bool,
    pub blocks: usize,
    /// Topics that a handle added to the stream.
    pub added: Vec<usize>,
}

/// Runs all clients of a host.
pub async fn run(world: World, host: usize) -> turmoil::Result {
    for client in 0..world.plan().clients.len() {
        if world.plan().clients[client].host == host {
            world.lock().restarted(world.plan(), client);
            tokio::task::spawn_local(follow(world.clone(), client));
        }
    }
    std::future::pending().await
}

/// Follows the stream for ever, as an application that restarts its client when it was stopped.
async fn follow(world: World, client: usize) {
    loop {
        let mut source = source(&world, client);
        while let Some(update) = next(&world, client, &mut source).await {
            let update = match update {
                Ok(update) => update,
                Err(error) => {
                    world.violated(format_args!("client{client} failed: {error}"));
                    return;
                }
            };
            handle(&world, client, &update);
            let pause = world.lock().pauses[client];
            if pause > 0 {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
        }
        drop(source);
        world.lock().has_stopped(world.plan(), client);
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
}

/// Waits for the next update, but does not poll for it without end.
async fn next(
    world: &World,
    client: usize,
    source: &mut EventSource<String>,
) -> Option<Result<Update, EventSourceError>> {
    let mut polls = Polls::default();
    poll_fn(|cx| match polls.count(world) {
        true => Pin::new(&mut *source).poll_next(cx),
        false => {
            world.violated(format_args!("client{client} is polled without end"));
            Poll::Ready(None)
        }
    })
    .await
}

/// Counts polls of which none lets time pass.
#[derive(Debug, Default)]
pub struct Polls {
    at: u64,
    count: u32,
}

impl Polls {
    /// Returns whether they may go on.
    pub fn count(&mut self, world: &World) -> bool {
        let now = world.lock().now;
        self.count = if self.at == now { self.count + 1 } else { 0 };
        self.at = now;
        self.count < MAX_POLLS
    }
}

/// Far more than any client or stream needs between two steps of the world.
const MAX_POLLS: u32 = 20_000;

fn source(world: &World, client: usize) -> EventSource<String> {
    let plan = &world.plan().clients[client];
    let millis = Duration::from_millis;
    let policy = Policy::default()
        .with_reconnection_time_bounds(millis(100), millis(2000))
        .with_backoff(millis(300), millis(2000))
        .with_connect_timeout(Some(millis(7000)))
        .with_idle_timeout(Some(millis(plan.idle_timeout)));
    let connect = {
        let world = world.clone();
        async move |request: Request<String>| connect(world, client, request).await
    };
    let request = Request::get(format!("/{client}")).header("host", "node").body(String::new()).unwrap();
    let source = EventSource::new(connect, request).policy(policy).last_event_ids();
    let last = world.lock().clients[client].last.clone();
    source.after(last.unwrap_or_default())
}

fn handle(world: &World, client: usize, update: &Update) {
    let mut state = world.lock();
    match update {
        Update::Opened(_) => state.opened(client),
        Update::Event(event) => {
            let block = Block::of(event);
            state.block(world.plan(), client, block, event.last_event_id());
        }
        Update::LastEventId(id) => state.block(world.plan(), client, Block::Position, id),
        Update::Reconnecting { delay, reason } => {
            let ended = matches!(reason, DisconnectReason::Ended);
            state.note(format_args!("client{client}: {reason}, again in {delay:?}"));
            state.ended(client, ended);
        }
        other => state.violated(format_args!("client{client}: {other:?}")),
    }
}

async fn connect(world: World, client: usize, request: Request<String>) -> Result<Response<Held>, BoxError> {
    let guard = Guard::new(&world, client);
    let node = choose(&world, client);
    let id =
        request.headers().get("last-event-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    world.lock().connecting(client, node, &id);
    let stream = TcpStream::connect((format!("node{node}"), node::PORT)).await?;
    let read = world.plan().clients[client].read;
    let stream = Io { stream, world: world.clone(), client, read };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    let response = sender.send_request(request).await?;
    Ok(response.map(|body| Held { body, _guard: guard }))
}

/// Chooses a node, each time another one.
fn choose(world: &World, client: usize) -> usize {
    let plan = world.plan();
    let of_kind = |kind: Kind| -> Vec<usize> {
        (0..plan.nodes.len()).filter(|node| plan.nodes[*node].kind == kind).collect()
    };
    let mut state = world.lock();
    state.figures.connections += 1;
    match plan.clients[client].kind {
        Kind::Hub => {
            let hubs = of_kind(Kind::Hub);
            hubs[client % hubs.len()]
        }
        Kind::Relay if plan.clients[client].node.is_some() => plan.clients[client].node.unwrap_or(0),
        Kind::Relay => {
            let mut rng = Rng::new(plan.clients[client].seed ^ state.now);
            rng.pick(&of_kind(Kind::Relay))
        }
    }
}

/// Counts the connections of a client.
struct Guard {
    world: World,
    client: usize,
}

impl Guard {
    fn new(world: &World, client: usize) -> Self {
        let mut state = world.lock();
        state.clients[client].open += 1;
        if state.clients[client].open > 1 {
            state.violated(format_args!("client{client} has two connections"));
        }
        Self { world: world.clone(), client }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.world.lock().clients[self.client].open -= 1;
    }
}

struct Held {
    body: Incoming,
    _guard: Guard,
}

impl Body for Held {
    type Data = hyper::body::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }
}

/// A connection that gives a few bytes at a time, and that breaks when a fault wants it to.
struct Io {
    stream: TcpStream,
    world: World,
    client: usize,
    read: usize,
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let cut = self.world.lock().cuts[self.client];
        if cut == Some(0) {
            self.world.lock().cuts[self.client] = None;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most = buf.remaining().min(self.read).min(cut.unwrap_or(usize::MAX)).min(4096);
        let mut bytes = [0; 4096];
        let mut part = ReadBuf::new(&mut bytes[..most]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.put_slice(part.filled());
        if let Some(left) = &mut self.world.lock().cuts[self.client] {
            *left = left.saturating_sub(read);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
