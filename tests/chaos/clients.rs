//! The clients: the crate's own, and ones that know nothing of the crate.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use http::Request;
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use ssekit::{
    EventSource,
    client::{Policy, Update},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    Stage,
    publish::Job,
    random::Random,
    record::{Id, Record, Seen},
    twin::{self, interpret},
};

/// Reads with the crate's client until it has everything.
pub(crate) async fn event_source(stage: Arc<Stage>, mut record: Record, seed: u64) -> Record {
    let mut source = connect(&stage, &record, seed);
    let mut end = stage.end.subscribe();
    loop {
        let change = tokio::select! {
            change = source.next() => change.expect("a client is stopped").expect("a client fails"),
            _ = end.wait_for(|end| end.as_ref().is_some_and(|end| end.is_reached_by(&record))) => return record,
        };
        note(&mut record, change);
    }
}

/// Follows one job after the other with the crate's client, each until 204. Returns a record for each.
pub(crate) async fn follower(stage: Arc<Stage>, lane: usize, seed: u64) -> Vec<Record> {
    let mut jobs = stage.jobs[lane].subscribe();
    let mut records = Vec::new();
    let mut last = None;
    loop {
        let job = *jobs.wait_for(|job| *job != last).await.unwrap();
        let Some(Job { topic, hubs }) = job else { return records };
        last = job;
        let mut record = Record::new(vec![topic], true);
        let mut source = connect(&stage, &record, seed + u64::from(topic));
        while let Some(change) = source.next().await {
            note(&mut record, change.expect("a client fails"));
        }
        let hub_was_replaced = stage.hubs.load(Ordering::Relaxed) != hubs;
        record.seen.push(Seen::End { hub_was_replaced });
        records.push(record);
        stage.followed[lane].send_modify(|count| *count += 1);
    }
}

fn connect(
    stage: &Stage,
    record: &Record,
    seed: u64,
) -> impl futures_util::Stream<Item = Item> + Unpin + use<> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let uri = format!("http://{}{}", stage.proxy.address(), record.path());
    let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
    let policy = Policy::default()
        .with_reconnection_time_bounds(Duration::from_millis(10), Duration::from_millis(100))
        .with_backoff(Duration::from_millis(10), Duration::from_millis(200))
        .with_connect_timeout(Some(SILENCE))
        .with_idle_timeout(Some(SILENCE));
    EventSource::new(move |request| client.request(request), request).policy(policy).seed(seed)
}

type Item = Result<Update, ssekit::client::EventSourceError>;

fn note(record: &mut Record, update: Update) {
    match update {
        Update::Event(event) => record.note(event.event_type(), event.data(), event.last_event_id()),
        Update::Reconnecting { .. } => record.reconnections += 1,
        Update::Opened(_) => {}
        other => panic!("{other:?}"),
    }
}

/// Reads streams of HTTP/1.0 byte for byte until it has everything, and stays away between them for up to so long.
pub(crate) async fn raw(stage: Arc<Stage>, mut record: Record, seed: u64, absence: Duration) -> Record {
    let mut random = Random::new(seed);
    let mut end = stage.end.subscribe();
    loop {
        if end.borrow_and_update().as_ref().is_some_and(|end| end.is_reached_by(&record)) {
            return record;
        }
        let bytes = random.within(1..200_000);
        let time = Duration::from_millis(random.within(100..3_000) as u64);
        if let Ok(mut socket) = TcpStream::connect(stage.proxy.address()).await {
            let mut response = Vec::new();
            if request(&mut socket, &record).await.is_ok() {
                read(&mut socket, &mut response, bytes, time).await;
            }
            interpret_response(&mut record, &response);
        }
        sleep(absence.mul_f64(random.within(1..100) as f64 / 100.0)).await;
    }
}

/// Reads a byte a second, over sockets that hold little, until the faults are over, and the rest as others do.
pub(crate) async fn slow(stage: Arc<Stage>, mut record: Record, seed: u64) -> Record {
    // Every second one reads its position before that.
    let first_bytes = if seed % 2 == 0 { 400 } else { 1 };
    let mut end = stage.end.subscribe();
    while end.borrow_and_update().is_none() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let Ok(mut socket) = socket.connect(stage.hub_address).await else {
            sleep(Duration::from_millis(50)).await;
            continue;
        };
        let mut response = Vec::new();
        if request(&mut socket, &record).await.is_ok() {
            read(&mut socket, &mut response, first_bytes, SILENCE).await;
            while end.borrow_and_update().is_none() {
                let Ok(byte) = socket.read_u8().await else { break };
                response.push(byte);
                let _ = timeout(Duration::from_secs(1), end.changed()).await;
            }
            read(&mut socket, &mut response, usize::MAX, SILENCE).await;
        }
        interpret_response(&mut record, &response);
    }
    raw(stage, record, seed, SHORT_ABSENCE).await
}

async fn request(socket: &mut TcpStream, record: &Record) -> std::io::Result<()> {
    let mut head = format!("GET {} HTTP/1.0\r\naccept: text/event-stream\r\n", record.path());
    if !record.last_event_id().is_empty() {
        head += &format!("last-event-id: {}\r\n", record.last_event_id());
    }
    socket.write_all(format!("{head}\r\n").as_bytes()).await
}

/// Reads up to the end, so many bytes more or less, or for so long.
async fn read(socket: &mut TcpStream, response: &mut Vec<u8>, bytes: usize, time: Duration) {
    let reading = async {
        while response.len() < bytes && socket.read_buf(response).await.is_ok_and(|length| length > 0) {}
    };
    timeout(time, reading).await.unwrap_or_default();
}

/// Takes down what was read of a response, as far as it came.
fn interpret_response(record: &mut Record, response: &[u8]) {
    let Some(head) = response.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return };
    let (head, body) = response.split_at(head + 4);
    assert!(head[8..].starts_with(b" 200 "), "{}", String::from_utf8_lossy(head));
    record.reconnections += 1;
    let items = interpret(body).items;
    for (number, item) in items.iter().enumerate() {
        if let twin::Seen::Event { event_type, data, last_event_id } = item {
            assert!(
                Id::parse(last_event_id).is_some(),
                "none of the hub's IDs: {:?} after {:?}, in {} bytes that begin with {:?}",
                item,
                &items[number.saturating_sub(3)..number],
                response.len(),
                String::from_utf8_lossy(&response[..response.len().min(1_000)]),
            );
            record.note(event_type, data, last_event_id);
        }
    }
}

pub(crate) const SHORT_ABSENCE: Duration = Duration::from_millis(100);
/// Long enough for more to be published than the history holds.
pub(crate) const LONG_ABSENCE: Duration = Duration::from_secs(4);
/// The hub sends keep-alives more often than that.
const SILENCE: Duration = Duration::from_secs(1);
