//! A log behind the network: a server, and the client of it that is each node's `Log`.
//!
//! A request is a length and a JSON value, and so is its answer.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use ssekit::{
    EventId,
    relay::{AppendError, Entry, Limit, Log, Page, Record},
    replay::IdOrder,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout, timeout_at},
};
use turmoil::net::{TcpListener, TcpStream};

use crate::{
    plan::TOPICS,
    truth::What,
    world::{State, World},
};

const PORT: u16 = 6379;

/// Runs the server. What it holds is in the world, so that it outlives a crash.
pub async fn serve(world: World) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let world = world.clone();
        tokio::task::spawn_local(async move {
            let _ = connection(world, stream).await;
        });
    }
}

async fn connection(world: World, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let request = receive(&mut stream, |_| Ok(())).await?;
        match answer(&world, &request).await {
            Some(answer) => send(&mut stream, &answer).await?,
            None => return Ok(()),
        }
    }
}

/// Carries out a request. `None` breaks the connection.
async fn answer(world: &World, request: &Value) -> Option<Value> {
    match request["op"].as_str()? {
        "append" => append(world, request),
        "follow" => {
            let deadline = Instant::now() + Duration::from_millis(world.plan().log.poll);
            loop {
                let mut appended = std::pin::pin!(world.appended().notified());
                appended.as_mut().enable();
                let page = page(world, request);
                let is_empty = page["entries"].as_array().is_some_and(Vec::is_empty);
                let waits = page["held"] == true && is_empty && Instant::now() < deadline;
                if !waits || timeout_at(deadline, appended).await.is_err() {
                    return Some(page);
                }
            }
        }
        _ => {
            while world.lock().truth.log.is_stalled {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Some(page(world, request))
        }
    }
}

fn append(world: &World, request: &Value) -> Option<Value> {
    let mut state = world.lock();
    let State { truth, now, .. } = &mut *state;
    if truth.log.refused > 0 {
        truth.log.refused -= 1;
        return Some(json!({ "refused": true }));
    }
    let key = request["key"].as_str();
    if let Some(id) = key.and_then(|key| truth.log.keys.get(key)) {
        return Some(json!({ "id": truth.facts[*id].number }));
    }
    let what = what(&request["fields"])?;
    if what.topic().is_some_and(|topic| truth.is_finished(topic)) {
        return Some(json!({ "finished": true }));
    }
    let id = truth.append(what, request["fields"].clone(), *now);
    if let Some(key) = key {
        truth.log.keys.insert(key.to_owned(), id);
    }
    let number = truth.facts[id].number;
    let is_lost = truth.log.unacknowledged > 0;
    truth.log.unacknowledged -= usize::from(is_lost);
    state.note(format_args!("log: n{number} {what:?}"));
    drop(state);
    world.appended().notify_waiters();
    (!is_lost).then(|| json!({ "id": number }))
}

/// Reads what a record is from its fields, as far as the oracle needs to know.
fn what(fields: &Value) -> Option<What> {
    let field = |name: &str| {
        let mut fields = fields.as_array().into_iter().flatten();
        fields.find(|field| field[0] == name).and_then(|field| field[1].as_str())
    };
    let topic = field("topic").and_then(|name| TOPICS.iter().position(|topic| *topic == name));
    Some(match (field("mark"), topic) {
        (Some("begin"), _) => What::Begin,
        (Some(_), Some(topic)) => What::Finish { topic },
        (None, Some(topic)) => What::Event {
            topic,
            key: field("key").and_then(|key| key.strip_prefix('k')?.parse().ok()),
            removes: field("removes").is_some(),
            label: field("label")?.parse().ok()?,
            serial: serial(field("data")?)?,
        },
        _ => return None,
    })
}

/// The number that an event's data begins with.
pub fn serial(data: &str) -> Option<u64> {
    data.split(' ').next()?.parse().ok()
}

fn page(world: &World, request: &Value) -> Value {
    let state = world.lock();
    let truth = &state.truth;
    let log = &truth.log;
    let (held, from) = match request["after"].as_u64() {
        None => (truth.is_whole(), 0),
        Some(number) => {
            let at = truth.entry(number).and_then(|id| log.entries.iter().position(|entry| *entry == id));
            // Of an entry that it does not hold, a log may tell what follows nevertheless.
            let later = || match world.plan().log.reads_on {
                true => log.entries.partition_point(|entry| truth.facts[*entry].number <= number),
                false => usize::MAX,
            };
            at.map_or_else(|| (false, later()), |at| (true, at + 1))
        }
    };
    let most = request["entries"].as_u64().unwrap_or(0).min(world.plan().log.page as u64) as usize;
    let mut left = match world.plan().log.counts_bytes {
        true => request["bytes"].as_u64().unwrap_or(u64::MAX),
        false => u64::MAX,
    };
    let mut entries = Vec::new();
    for id in log.entries.iter().skip(from).take(most) {
        let fields = &log.fields[id];
        let size = 64 + fields.to_string().len() as u64;
        if size > left && !entries.is_empty() {
            break;
        }
        left = left.saturating_sub(size);
        entries.push(json!([truth.facts[*id].number, fields]));
    }
    let at_end = from.saturating_add(entries.len()) >= log.entries.len();
    json!({ "held": held, "at_end": at_end, "entries": entries })
}

async fn send(stream: &mut TcpStream, value: &Value) -> io::Result<()> {
    let text = value.to_string();
    let mut frame = (text.len() as u32).to_be_bytes().to_vec();
    frame.extend_from_slice(text.as_bytes());
    stream.write_all(&frame).await
}

async fn receive(stream: &mut TcpStream, check: impl Fn(usize) -> io::Result<()>) -> io::Result<Value> {
    let len = stream.read_u32().await? as usize;
    let mut text = vec![0; len];
    stream.read_exact(&mut text).await?;
    check(len)?;
    Ok(serde_json::from_slice(&text)?)
}

/// A node's way to the log.
#[derive(Clone)]
pub struct NetLog {
    world: World,
    node: usize,
    patience: Duration,
    /// Connections that are not in use.
    idle: Arc<Mutex<Vec<TcpStream>>>,
}

impl std::fmt::Debug for NetLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NetLog")
    }
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the log does not answer")]
pub struct NoAnswer {
    /// Whether the request may have arrived.
    was_sent: bool,
}

/// Numbers that begin with a letter, so that not any number will do.
#[derive(Debug)]
pub struct Numbers;

impl IdOrder for Numbers {
    fn position(&self, id: &str) -> Option<u128> {
        id.strip_prefix('n')?.parse::<u64>().ok().map(u128::from)
    }

    fn id(&self, position: u128) -> EventId {
        EventId::try_from(format!("n{position}")).expect("no control characters")
    }
}

impl NetLog {
    pub fn new(world: World, node: usize) -> Self {
        let patience = Duration::from_millis(world.plan().nodes[node].log_timeout);
        Self { world, node, patience, idle: Arc::default() }
    }

    async fn call(&self, request: Value, patience: Duration) -> Result<Value, NoAnswer> {
        let deadline = Instant::now() + patience;
        let idle = self.idle.lock().unwrap().pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => match timeout_at(deadline, TcpStream::connect(("log", PORT))).await {
                Ok(Ok(stream)) => stream,
                _ => return Err(NoAnswer { was_sent: false }),
            },
        };
        let exchange = async {
            send(&mut stream, &request).await?;
            receive(&mut stream, |len| self.pass(len)).await
        };
        match timeout_at(deadline, exchange).await {
            Ok(Ok(answer)) => {
                self.idle.lock().unwrap().push(stream);
                Ok(answer)
            }
            _ => {
                // The others are as old, and may be as dead.
                self.idle.lock().unwrap().clear();
                Err(NoAnswer { was_sent: true })
            }
        }
    }

    /// Breaks the connection if that is what a fault wants.
    fn pass(&self, len: usize) -> io::Result<()> {
        let cut = &mut self.world.lock().log_cuts[self.node];
        match cut {
            Some(left) if *left <= len => {
                *cut = None;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Some(left) => {
                *left -= len;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn page(&self, op: &str, after: Option<&EventId>, limit: Limit) -> Result<Page, NoAnswer> {
        let after = after.and_then(|id| Numbers.position(id.as_str())).map(|position| position as u64);
        let poll = Duration::from_millis(if op == "follow" { self.world.plan().log.poll } else { 0 });
        let request = json!({ "op": op, "after": after, "entries": limit.entries, "bytes": limit.bytes });
        if op == "follow" {
            let reading = &mut self.world.lock().reading[self.node];
            reading.since = reading.noticed.take().unwrap_or(reading.since);
        }
        let called = self.call(request, self.patience + poll).await;
        if let ("follow", Err(error)) = (op, &called) {
            let state = &mut *self.world.lock();
            state.reading[self.node].follows_since = None;
            state.note(format_args!("node{} cannot follow the log: sent: {}", self.node, error.was_sent));
        }
        let answer = called?;
        self.note(op, &answer);
        let entries = answer["entries"].as_array().into_iter().flatten().map(|entry| {
            let fields = entry[1].as_array().into_iter().flatten().map(|field| {
                let text = |at: usize| field[at].as_str().unwrap_or_default().to_owned();
                (text(0), Bytes::from(text(1)))
            });
            Entry {
                id: Numbers.id(entry[0].as_u64().unwrap_or(0).into()),
                record: Record::from_fields(fields),
            }
        });
        let is = |name: &str| answer[name] == true;
        Ok(Page { held: is("held"), at_end: is("at_end"), entries: entries.collect() })
    }
}

impl NetLog {
    /// Notes what the node knows of the log by an answer.
    fn note(&self, op: &str, answer: &Value) {
        let mut state = self.world.lock();
        let now = state.now;
        let reading = &mut state.reading[self.node];
        let entries = answer["entries"].as_array().into_iter().flatten();
        let newest = entries.filter_map(|entry| entry[0].as_u64()).max();
        reading.newest = reading.newest.max(newest.unwrap_or(0));
        if op == "follow" && answer["held"] == true {
            reading.followed_at = now;
            reading.follows_since.get_or_insert(now);
        } else if op == "follow" {
            reading.noticed = Some(now);
        }
    }
}

impl Log for NetLog {
    type Order = Numbers;
    type Error = NoAnswer;

    fn order(&self) -> Numbers {
        Numbers
    }

    fn counts_bytes(&self) -> bool {
        self.world.plan().log.counts_bytes
    }

    async fn append(&self, record: Record, key: Option<&str>) -> Result<EventId, AppendError<NoAnswer>> {
        let text = |value: Bytes| String::from_utf8_lossy(&value).into_owned();
        let fields: Vec<_> =
            record.fields().into_iter().map(|(name, value)| json!([name, text(value)])).collect();
        let request = json!({ "op": "append", "key": key, "fields": fields });
        let answer = self.call(request, self.patience).await.map_err(|error| match error.was_sent {
            true => AppendError::Unacknowledged(error),
            false => AppendError::Refused(error),
        })?;
        if answer["finished"] == true {
            return Err(AppendError::Finished);
        }
        match answer["id"].as_u64() {
            Some(number) => Ok(Numbers.id(number.into())),
            None => Err(AppendError::Refused(NoAnswer { was_sent: false })),
        }
    }

    async fn holds(&self, id: &EventId) -> Result<bool, NoAnswer> {
        Ok(self.page("holds", Some(id), Limit::entries(1)).await?.held)
    }

    async fn read(&self, after: Option<&EventId>, limit: Limit) -> Result<Page, NoAnswer> {
        self.page("read", after, limit).await
    }

    async fn follow(&self, after: &EventId, limit: Limit) -> Result<Page, NoAnswer> {
        self.page("follow", Some(after), limit).await
    }
}

/// Waits for a future, but no longer than this.
pub async fn within<T>(millis: u64, future: impl Future<Output = T>) -> Option<T> {
    timeout(Duration::from_millis(millis), future).await.ok()
}
