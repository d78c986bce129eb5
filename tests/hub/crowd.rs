//! A topic with so many subscriptions that they are spread over lanes: nothing that they see tells so.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use crate::support::blocks::blocks;
use crate::support::clock::Clock;
use crate::support::counting_waker::CountingWaker;
use crate::support::hub_client::{Seen, is_notice, read};
use futures_core::Stream;
use ssekit::{
    Bounds, Event, Hub, Subscribe, Subscription,
    hub::{Close, Lag},
};

const CROWD: usize = 300;

fn event(data: impl ToString) -> Event {
    Event::new(data.to_string())
}

fn publish(hub: &Hub, topic: &str, data: impl ToString) {
    hub.publish(topic, event(data)).unwrap();
}

fn crowd(hub: &Hub) -> Vec<Subscription> {
    (0..CROWD).map(|_| hub.subscribe(["a"]).unwrap()).collect()
}

/// Reads what there is for each, all of which must see the same.
fn read_all(crowd: &mut [Subscription]) -> Seen {
    let mut seen = crowd.iter_mut().map(read);
    let first = seen.next().unwrap();
    assert!(seen.all(|seen| seen == first));
    first
}

/// Clients with a waker that counts.
struct Client {
    subscription: Subscription,
    wakes: Arc<CountingWaker>,
    waker: Waker,
}

impl Client {
    fn new(subscription: Subscription) -> Self {
        let (wakes, waker) = CountingWaker::new();
        Self { subscription, wakes, waker }
    }

    /// Reads until it is parked, or has ended.
    fn read(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        let cx = &mut Context::from_waker(&self.waker);
        while let Poll::Ready(Some(bytes)) = Pin::new(&mut self.subscription).poll_next(cx) {
            seen.extend(blocks(&bytes).into_iter().filter(|block| !is_notice(block)).filter_map(|b| b.data));
        }
        seen
    }
}

#[test]
fn each_sees_every_event_once_and_in_order_whenever_it_reads() {
    let hub = Hub::new(Bounds::events(1_000));
    let mut clients: Vec<_> = crowd(&hub).into_iter().map(Client::new).collect();
    let mut seen = vec![Vec::new(); CROWD];
    for n in 0..100 {
        publish(&hub, "a", n);
        publish(&hub, "other", n);
        for (at, client) in clients.iter_mut().enumerate().filter(|(at, _)| n % (at % 7 + 1) == 0) {
            seen[at].extend(client.read());
        }
    }
    let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    for (client, mut seen) in clients.iter_mut().zip(seen) {
        seen.extend(client.read());
        assert_eq!(seen, expected);
    }
    assert_eq!(hub.stats().delivered, 100 * CROWD as u64);
}

#[test]
fn each_that_is_parked_is_woken_once_and_who_is_not_is_left_alone() {
    let hub = Hub::new(Bounds::events(1_000));
    let mut clients: Vec<_> = crowd(&hub).into_iter().map(Client::new).collect();
    clients.iter_mut().for_each(|client| assert!(client.read().is_empty()));
    for round in 0..5 {
        publish(&hub, "other", round);
        assert!(clients.iter().all(|client| client.wakes.take() == 0));
        publish(&hub, "a", 1);
        publish(&hub, "a", 2);
        assert!(clients.iter().all(|client| client.wakes.take() == 1));
        assert!(clients.iter_mut().all(|client| client.read() == ["1", "2"]));
        // Some go, and others come.
        for at in (round..CROWD).step_by(3) {
            clients[at] = Client::new(hub.subscribe(["a"]).unwrap());
            clients[at].read();
        }
    }
    hub.finish("a");
    assert!(clients.iter().all(|client| client.wakes.take() == 1));
}

#[test]
fn all_end_after_what_is_pending_when_the_topic_is_finished_or_the_hub_closes() {
    let ends: [fn(&Hub); 2] = [|hub| hub.finish("a"), |hub| hub.close(Close::new())];
    for end in ends {
        let hub = Hub::new(Bounds::events(10));
        let mut behind = crowd(&hub);
        let mut up_to_date = crowd(&hub);
        publish(&hub, "a", 1);
        assert_eq!(read_all(&mut up_to_date).data(), ["1"]);
        end(&hub);
        let rest = read_all(&mut up_to_date);
        assert_eq!((rest.data().len(), rest.ended), (0, true));
        let all = read_all(&mut behind);
        assert_eq!((all.data(), all.ended), (vec!["1"], true));
        let stats = hub.stats();
        assert_eq!((stats.subscribers, stats.delivered), (0, 2 * CROWD as u64));
    }
}

#[test]
fn what_one_has_read_is_told_to_be_gone_to_others_once_it_is_evicted() {
    let clock = Clock::new();
    let cost = {
        let hub = Hub::new(Bounds::events(1));
        publish(&hub, "a", 1);
        hub.stats().memory
    };
    let evictions: [fn(&Hub, &Clock); 3] = [
        |hub, clock| {
            clock.advance(Duration::from_secs(1));
            hub.expire();
        },
        |hub, _| publish(hub, "b", 2),
        |hub, _| publish(hub, "a", 2),
    ];
    for evict in evictions {
        let bounds = Bounds::events(1).with_age(Duration::from_secs(1));
        let hub = Hub::builder(bounds).max_bytes(cost + 30).clock(clock.now()).build();
        let mut clients: Vec<_> =
            (0..CROWD).map(|_| hub.subscribe(Subscribe::to(["a"]).lag(Lag::Skip)).unwrap()).collect();
        publish(&hub, "a", 1);
        // Every second one reads it.
        assert!(clients.iter_mut().step_by(2).all(|client| read(client).data() == ["1"]));
        evict(&hub, &clock);
        for client in clients.iter_mut().skip(1).step_by(2) {
            let seen = read(client);
            assert_eq!(seen.gaps(), ["lagged"]);
            assert!(!seen.data().contains(&"1"));
        }
        assert_eq!(hub.stats().lagged, CROWD as u64 / 2);
    }
}

#[test]
fn nothing_is_lost_or_counted_twice_when_the_crowd_goes_and_comes() {
    let hub = Hub::new(Bounds::events(10));
    let mut last = None;
    for round in 1..4 {
        let mut clients = crowd(&hub);
        publish(&hub, "a", round);
        let seen = read_all(&mut clients);
        assert_eq!(seen.data(), [round.to_string()]);
        last = seen.last_event_id();
        assert_eq!(hub.stats().delivered, round * CROWD as u64);
        drop(clients);
        let stats = hub.stats();
        assert_eq!((stats.subscribers, stats.delivered), (0, round * CROWD as u64));
    }
    publish(&hub, "a", "missed");
    let mut clients: Vec<_> =
        (0..CROWD).map(|_| hub.subscribe(Subscribe::to(["a"]).after(last.clone())).unwrap()).collect();
    assert_eq!(read_all(&mut clients).data(), ["missed"]);
}
