//! Nodes on a real NATS server.

use std::{
    fs, io,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::StreamExt;
use ssekit::{Bounds, Event, Hub, LastEventId, Subscribe, Subscription, hub::GapReason, relay::Relay};
use ssekit_jetstream::JetStreamLog;

struct NatsServer {
    process: Child,
    folder: PathBuf,
    port: u16,
}

impl NatsServer {
    fn start() -> Self {
        // Free now: the tests of this program are few, and the system does not give a port out again at once.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("ssekit-nats-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("nats-server");
        command
            .args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string(), "--store_dir"])
            .arg(&folder);
        let process = command.stderr(Stdio::null()).spawn().unwrap_or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                panic!("nats-server is not to be found: install it (apt-get install nats-server)")
            }
            _ => panic!("nats-server: {error}"),
        });
        Self { process, folder, port }
    }

    async fn client(&self) -> async_nats::Client {
        loop {
            match async_nats::connect(format!("127.0.0.1:{}", self.port)).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }

    async fn node(&self, events: usize) -> Relay<JetStreamLog> {
        let log = JetStreamLog::open(self.client().await, "log").await.unwrap();
        let (relay, tail) = Relay::new(log, Hub::builder(Bounds::events(events)));
        tokio::spawn(tail.run());
        relay
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Reads the data of the next events.
async fn read(client: &mut Subscription, events: usize) -> Vec<String> {
    let mut data = Vec::new();
    while data.len() < events {
        let piece = client.next().await.expect("the stream does not end");
        let text = String::from_utf8(piece.to_vec()).unwrap();
        data.extend(text.lines().filter_map(|line| line.strip_prefix("data: number ")).map(str::to_owned));
    }
    data
}

async fn publish(relay: &Relay<JetStreamLog>, numbers: std::ops::Range<usize>) -> Vec<LastEventId> {
    let mut ids = Vec::new();
    for number in numbers {
        let id = relay.publish("a", Event::new(format!("number {number}"))).await.unwrap();
        ids.push(id.into());
    }
    ids
}

fn texts(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn a_client_goes_on_at_another_node() {
    let server = NatsServer::start();
    let (one, two) = (server.node(100).await, server.node(5).await);
    let mut client = one.subscribe(["a"]).await.unwrap();
    let ids = publish(&two, 0..40).await;
    assert_eq!(read(&mut client, 40).await, texts(0..40));
    let mut client = two.subscribe(Subscribe::to("a").after(Some(ids[3].clone()))).await.unwrap();
    assert_eq!(read(&mut client, 36).await, texts(4..40));
    publish(&one, 40..42).await;
    assert_eq!(read(&mut client, 2).await, texts(40..42));
}

#[tokio::test]
async fn a_key_is_published_once() {
    let server = NatsServer::start();
    let relay = server.node(100).await;
    let first = relay.publish_once("a", "key", Event::new("number 0")).await.unwrap();
    assert_eq!(relay.publish_once("a", "key", Event::new("number 1")).await.unwrap(), first);
}

#[tokio::test]
async fn a_stream_that_was_made_anew_is_told_though_its_numbers_are_the_same() {
    let server = NatsServer::start();
    let relay = server.node(100).await;
    let ids = publish(&relay, 0..5).await;
    let jetstream = async_nats::jetstream::new(server.client().await);
    jetstream.delete_stream("log").await.unwrap();
    let other = server.node(100).await;
    publish(&other, 5..15).await;
    let mut client = other.subscribe(Subscribe::to("a").after(Some(ids[3].clone()))).await.unwrap();
    assert_eq!(client.gap().unwrap().reason(), GapReason::Unknown);
    assert!(client.next().await.unwrap().starts_with(b"id: "));
}
