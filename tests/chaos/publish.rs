//! The publishers: bursts on topics that stay, and jobs, which are topics that come, finish and go.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    HISTORY, Stage,
    publisher::Publisher,
    random::Random,
    record::{Id, data},
};

/// Topics that stay.
pub(crate) const TOPICS: u32 = 8;

/// A topic that is to be followed up to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) topic: u32,
    /// How many hubs there have been when it began.
    pub(crate) hubs: usize,
}

/// Publishes in short bursts until the time is up.
pub(crate) async fn bursts(stage: Arc<Stage>, seed: u64) {
    let mut random = Random::new(seed);
    let mut publisher = None;
    while !stage.is_over() {
        let topic = random.within(0..TOPICS as usize) as u32;
        publish(&stage, &mut publisher, topic, random.within(1..16)).await;
        sleep(Duration::from_millis(random.within(0..100) as u64)).await;
    }
}

/// Publishes more than the history holds, on one topic after the other, until the time is up.
pub(crate) async fn floods(stage: Arc<Stage>) {
    let mut publisher = None;
    for topic in (0..TOPICS).cycle() {
        sleep(Duration::from_millis(700)).await;
        publish(&stage, &mut publisher, topic, 2 * HISTORY).await;
        if stage.is_over() {
            break;
        }
    }
}

/// Publishes jobs until the time is up. Each is over when all who follow it were told so.
pub(crate) async fn jobs(stage: Arc<Stage>, lane: usize, seed: u64, followers: usize) -> usize {
    let mut random = Random::new(seed);
    let mut publisher = None;
    let mut followed = stage.followed[lane].subscribe();
    let mut jobs = 0;
    while !stage.is_over() {
        let topic = stage.next_topic();
        stage.jobs[lane].send_replace(Some(Job { topic, hubs: stage.hubs.load(Ordering::Relaxed) }));
        for _ in 0..random.within(1..6) {
            publish(&stage, &mut publisher, topic, random.within(1..20)).await;
            sleep(Duration::from_millis(random.within(0..200) as u64)).await;
        }
        jobs += 1;
        let is_over = |count: &usize| *count == jobs * followers;
        // A hub that restarts forgets what is finished.
        while !is_over(&followed.borrow_and_update()) {
            finish(stage.hub_address, topic).await.unwrap_or_default();
            let _ = timeout(Duration::from_millis(200), followed.wait_for(is_over)).await;
        }
    }
    stage.jobs[lane].send_replace(None);
    jobs
}

/// Publishes several events at once, and takes down what became of them.
async fn publish(stage: &Stage, publisher: &mut Option<Publisher>, topic: u32, events: usize) {
    if publisher.is_none() {
        *publisher = Publisher::try_connect(stage.hub_address).await.ok();
    }
    let Some(connected) = publisher else { return };
    let sequences: Vec<_> = (0..events).map(|_| stage.next_sequence()).collect();
    let path = format!("/events?topic={topic}");
    let events: Vec<_> = sequences.iter().map(|sequence| (&*path, data(topic, *sequence))).collect();
    let mut ids = Vec::new();
    let published = connected.try_publish(&events, &mut ids).await;
    let mut ledger = stage.ledger.lock().unwrap();
    for (id, sequence) in ids.iter().zip(&sequences) {
        ledger.add(Id::parse(id).expect("one of the hub's IDs"), topic, *sequence);
    }
    for sequence in &sequences[ids.len()..] {
        ledger.add_unanswered(*sequence);
    }
    if published.is_err() {
        *publisher = None;
    }
}

async fn finish(hub: SocketAddr, topic: u32) -> io::Result<()> {
    let mut socket = TcpStream::connect(hub).await?;
    let head = format!("DELETE /events?topic={topic} HTTP/1.0\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    socket.read_to_end(&mut Vec::new()).await?;
    Ok(())
}
