//! A node: a hub or a relay, behind the crate's server.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use hyper::{Request, service::service_fn};
use ssekit::{
    Bounds, Event, Hub, LastEventId, Subscribe, Subscription,
    hub::{Close, End, Lag, PositionForm, PublishError as HubPublishError, Refusal, Start, Topic},
    relay::{PublishError, Relay},
    serve::{Listener, Server},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
};
use turmoil::net::{TcpListener, TcpStream};

use crate::{
    client::Polls,
    log::{NetLog, within},
    plan::{ClientPlan, Form, Item, Kind, NodePlan, TOPICS},
    truth::What,
    world::{Command, Reading, World},
};

pub const PORT: u16 = 80;
/// A relay answers a client within this time, by its documentation.
const PATIENCE: u64 = 5_000;

#[derive(Clone)]
enum Source {
    Relay(Relay<NetLog>),
    /// With the number of the instance.
    Hub(Hub, usize),
}

/// Runs a node until it is closed or crashes.
pub async fn serve(world: World, index: usize) -> turmoil::Result {
    let plan = &world.plan().nodes[index];
    {
        let mut state = world.lock();
        state.reading[index] = Reading { since: state.now, ..Reading::default() };
    }
    let source = source(&world, index, plan);
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let incoming = Incoming { listener, most: plan.narrow.unwrap_or(usize::MAX) };
    let write_timeout = Duration::from_millis(plan.write_timeout);
    let mut server = Server::new().write_timeout(write_timeout).drain(Duration::from_millis(500));
    if plan.narrow.is_some() {
        server = server.max_buffer_bytes(8192);
    }
    let service = {
        let (world, source) = (world.clone(), source.clone());
        service_fn(move |request: Request<_>| answer(world.clone(), source.clone(), index, request))
    };
    let stop = std::sync::Arc::new(Notify::new());
    let stopped = std::sync::Arc::clone(&stop);
    let server = tokio::task::spawn_local(
        server.serve_until(incoming, service, async move { stopped.notified().await }),
    );
    tokio::task::spawn_local(watch(world.clone(), source.clone(), index));
    loop {
        match world.next_command(index).await {
            Command::Close { deadline } => {
                let retry = Duration::from_millis(200);
                let close = Close::new().retry(retry, retry * 2).last_event("closing");
                let close = close.deadline(Duration::from_millis(deadline));
                match &source {
                    Source::Relay(relay) => relay.close(close),
                    Source::Hub(hub, _) => hub.close(close),
                }
                stop.notify_one();
            }
            Command::Halt => server.abort(),
            command => {
                tokio::task::spawn_local(carry_out(world.clone(), source.clone(), index, command));
            }
        }
    }
}

fn source(world: &World, index: usize, plan: &NodePlan) -> Source {
    let mut bounds = Bounds::events(plan.events);
    if let Some(bytes) = plan.bytes {
        bounds = bounds.with_bytes(bytes);
    }
    if let Some(age) = plan.age {
        bounds = bounds.with_age(Duration::from_millis(age));
    }
    let form = match plan.form {
        Form::Event => PositionForm::Event,
        Form::IdOnly => PositionForm::IdOnly,
        Form::Off => PositionForm::Off,
    };
    let clock = {
        let world = world.clone();
        move || {
            let jump = Duration::from_millis(world.lock().jumps[index]);
            tokio::time::Instant::now().into_std() + jump
        }
    };
    let mut builder = Hub::builder(bounds).retry(Duration::from_millis(300)).position_form(form).clock(clock);
    if let Some(max_bytes) = plan.max_bytes {
        builder = builder.max_bytes(max_bytes);
    }
    if let Some(max_topics) = plan.max_topics {
        builder = builder.max_remembered_topics(max_topics);
    }
    match plan.kind {
        Kind::Hub => Source::Hub(builder.build(), world.lock().truth.begin_instance(index)),
        Kind::Relay => {
            let (relay, tail) = Relay::new(NetLog::new(world.clone(), index), builder);
            tokio::task::spawn_local(tail.remembered_ids(plan.remembered_ids).run());
            Source::Relay(relay)
        }
    }
}

/// Looks at the memory of a node from time to time.
async fn watch(world: World, source: Source, index: usize) {
    let plan = world.plan().nodes[index].clone();
    let mut before = (0, 0);
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let stats = match &source {
            Source::Hub(hub, _) => hub.stats(),
            Source::Relay(relay) => {
                let stats = relay.stats();
                let figures = &mut world.lock().figures;
                figures.resets += stats.resets - before.0;
                figures.paged += stats.paged - before.1;
                before = (stats.resets, stats.paged);
                stats.hub
            }
        };
        let mut state = world.lock();
        if stats.events > plan.events * TOPICS.len() {
            state.violated(format_args!("node{index} holds {} events", stats.events));
        }
        if plan.bytes.is_some_and(|bytes| stats.bytes > bytes * TOPICS.len()) {
            state.violated(format_args!("node{index} holds {} bytes of events", stats.bytes));
        }
        // The newest event is always held.
        if plan.max_bytes.is_some_and(|max| stats.memory > max && stats.events > 1) {
            state.violated(format_args!("node{index} takes {} bytes", stats.memory));
        }
        let clients = world.plan().clients.len();
        if stats.subscribers > clients * 4 {
            state.violated(format_args!("node{index} has {} subscribers", stats.subscribers));
        }
    }
}

async fn carry_out(world: World, source: Source, index: usize, command: Command) {
    match command {
        Command::Publish { topic, events, last } => {
            for item in events {
                let done = publish(&world, &source, topic, &item).await;
                if last && !done {
                    // The end of the world needs it.
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    world.command(index, Command::Publish { topic, events: vec![item], last });
                    return;
                }
            }
            world.lock().pending -= usize::from(last);
        }
        Command::Finish { topic } => match &source {
            Source::Relay(relay) => {
                let result = relay.finish(TOPICS[topic]).await;
                world.note(format_args!("node{index}: finish {}: {result:?}", TOPICS[topic]));
            }
            Source::Hub(hub, instance) => {
                hub.finish(TOPICS[topic]);
                world.lock().truth.instances[*instance].is_finished[topic] = true;
            }
        },
        Command::Remove { topic } => {
            if let Source::Hub(hub, instance) = &source {
                let mut state = world.lock();
                let newest = state.truth.instances[*instance].facts.last().copied();
                state.truth.instances[*instance].removed[topic] = newest;
                drop(state);
                hub.remove(TOPICS[topic]);
            }
        }
        Command::Reopen { topic } => {
            if let Source::Hub(hub, instance) = &source {
                let handle: Topic = hub.topic(TOPICS[topic]);
                handle.reopen();
                let state = &mut *world.lock();
                let of = &mut state.truth.instances[*instance];
                (of.is_finished[topic], of.unfinished_at[topic]) = (false, state.now);
            }
        }
        Command::Close { .. } | Command::Halt => {}
    }
}

/// Returns whether nothing more is to be done for it.
async fn publish(world: &World, source: &Source, topic: usize, item: &Item) -> bool {
    let serial = {
        let mut state = world.lock();
        state.serials += 1;
        state.serials
    };
    let mut event = Event::new(format!("{serial} {}", "x".repeat(item.size)));
    event = event.with_label(item.label.to_string());
    event = match item.key {
        Some(key) if item.removes => event.with_removed_key(format!("k{key}")),
        Some(key) => event.with_key(format!("k{key}")),
        None => event,
    };
    let (key, label) = (item.key, item.label);
    let what = What::Event { topic, key, removes: key.is_some() && item.removes, label, serial };
    match source {
        Source::Hub(hub, instance) => match hub.publish(TOPICS[topic], event) {
            Ok(id) => {
                let mut state = world.lock();
                let now = state.now;
                state.truth.published(*instance, id.as_str(), what, now);
                state.note(format_args!("hub: {id} {what:?}"));
                true
            }
            Err(error) => {
                let mut state = world.lock();
                let finished = state.truth.instances[*instance].is_finished[topic];
                state.note(format_args!("hub: {serial} not published: {error}"));
                match error {
                    HubPublishError::Finished if !finished => {
                        state.violated(format_args!("{} is not finished", TOPICS[topic]));
                    }
                    HubPublishError::Finished
                    | HubPublishError::Closed
                    | HubPublishError::TooLarge { .. } => {}
                    other => state.violated(format_args!("{serial} not published: {other}")),
                }
                true
            }
        },
        Source::Relay(relay) => {
            for _ in 0..if item.once { 4 } else { 1 } {
                let key = format!("once-{serial}");
                let result = match item.once {
                    true => relay.publish_once(TOPICS[topic], &key, event.clone()).await,
                    false => relay.publish(TOPICS[topic], event.clone()).await,
                };
                let mut state = world.lock();
                let times = state.truth.times(serial);
                match result {
                    Ok(id) => {
                        if state
                            .truth
                            .entry_of(id.as_str())
                            .is_none_or(|fact| state.truth.facts[fact].what != what)
                        {
                            state.violated(format_args!(
                                "{serial} was published as {id}, which is another event"
                            ));
                        }
                        return true;
                    }
                    Err(PublishError::Refused(_)) => return true,
                    Err(PublishError::NotPublished(_)) if times > 0 && !item.once => {
                        state.violated(format_args!(
                            "{serial} was published, but its publisher knows otherwise"
                        ));
                    }
                    Err(error) => state.note(format_args!("relay: {serial}: {error}")),
                }
                if item.once && times > 1 && state.truth.log.replaced_at == 0 {
                    state.violated(format_args!("{serial} was published {times} times"));
                }
                if !item.once {
                    return false;
                }
            }
            false
        }
    }
}

/// Answers the request of a client, whose number is the path.
async fn answer<B>(
    world: World,
    source: Source,
    node: usize,
    request: Request<B>,
) -> Result<http::Response<ssekit::Body>, Infallible> {
    let client: usize = request.uri().path()[1..].parse().expect("the number of a client");
    let last_event_id = ssekit::last_event_id(request.headers(), request.uri().query());
    let plan = &world.plan().clients[client];
    let options = options(&world, plan, node, last_event_id);
    let (began, since) = {
        let state = world.lock();
        (state.now, state.reading[node].since)
    };
    let subscribed = match &source {
        Source::Hub(hub, _) => hub.subscribe(options),
        Source::Relay(relay) => within(PATIENCE + 500, relay.subscribe(options)).await.unwrap_or_else(|| {
            world.violated(format_args!("client{client} waits since {began} for node{node}"));
            relay_refusal(relay)
        }),
    };
    Ok(match subscribed {
        Ok(subscription) => {
            world.lock().served(client, node, since);
            stream(&world, client, node, subscription)
        }
        Err(refusal) => {
            let reason = refusal.reason();
            let mut state = world.lock();
            state.figures.refusals += 1;
            state.note(format_args!("node{node}: client{client} refused: {reason}"));
            refusal.response()
        }
    })
}

/// A refusal for an answer that did not come in time; the world has failed by then.
fn relay_refusal(relay: &Relay<NetLog>) -> Result<Subscription, Refusal> {
    relay.close(Close::new());
    let hub = Hub::new(Bounds::events(1));
    hub.close(Close::new());
    hub.subscribe("closed")
}

fn options(world: &World, plan: &ClientPlan, node: usize, after: Option<LastEventId>) -> Subscribe {
    let topics: Vec<&str> = plan.topics.iter().map(|topic| TOPICS[*topic]).collect();
    let mut options = Subscribe::to(topics).after(after);
    options = options.start(if plan.oldest { Start::Oldest } else { Start::Now });
    options = options.lag(if plan.skips { Lag::Skip } else { Lag::Disconnect });
    if let Some((least, most)) = world.plan().nodes[node].lifetime {
        options = options.lifetime(Duration::from_millis(least)..=Duration::from_millis(most));
    }
    match plan.labels {
        Some(remainder) => options.filter(move |event| {
            event
                .label()
                .and_then(|label| label.parse::<u8>().ok())
                .is_none_or(|label| label % 2 == remainder)
        }),
        None => options,
    }
}

fn stream(
    world: &World,
    client: usize,
    node: usize,
    mut subscription: Subscription,
) -> http::Response<ssekit::Body> {
    let handle = world.plan().clients[client].has_handle.then(|| subscription.handle());
    world.lock().handles[client] = handle;
    let interval = Duration::from_millis(world.plan().nodes[node].keep_alive);
    let events = subscription.keep_alive(interval);
    ssekit::response(Noted { events, world: world.clone(), client, node, polls: Polls::default() })
}

/// Notes the orderly end of a stream.
struct Noted<S> {
    events: S,
    world: World,
    client: usize,
    node: usize,
    polls: Polls,
}

impl<S: Stream<Item = Result<Bytes, Infallible>> + Unpin> Stream for Noted<S> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if !this.polls.count(&this.world) {
            this.world.violated(format_args!("the stream of client{} is polled without end", this.client));
            return Poll::Ready(None);
        }
        let item = ready!(Pin::new(&mut self.events).poll_next(cx));
        if item.is_none() {
            self.world.note(format_args!("node{}: the stream of client{} ends", self.node, self.client));
        }
        Poll::Ready(item)
    }
}

/// Ends a stream by its handle.
pub fn end(retry: bool) -> End {
    if retry { End::new().retry(Duration::from_millis(500)).last_event("ended") } else { End::new() }
}

/// Connections from the simulated network.
struct Incoming {
    listener: TcpListener,
    most: usize,
}

/// A connection that takes a few bytes at a time.
struct Narrow {
    stream: TcpStream,
    most: usize,
}

impl AsyncRead for Narrow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Narrow {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let len = buf.len().min(self.most);
        Pin::new(&mut self.stream).poll_write(cx, &buf[..len])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Listener for Incoming {
    type Stream = Narrow;
    type Handshake = Ready<io::Result<Narrow>>;

    async fn accept(&mut self) -> io::Result<Self::Handshake> {
        let (stream, _) = self.listener.accept().await?;
        Ok(ready(Ok(Narrow { stream, most: self.most })))
    }
}
