//! Many clients that come back at once, each a hundred events behind.

use futures_util::StreamExt;
use ssekit::{Event, EventId, Hub, Subscribe, Subscription};

use crate::{
    fanout::ssekit::{UPDATE, hub},
    measure::{Contender, Effort, Ratio, interleave},
    poll::now,
    report::{Report, Target},
};

/// Clients that resume in a hub that holds this many events.
struct Resuming {
    hub: Hub,
    clients: usize,
    last_event_id: EventId,
    /// What a client must get.
    missed: usize,
    subscriptions: Vec<Subscription>,
}

pub(crate) fn run(effort: Effort) -> usize {
    let mut report = Report::new();
    let mut costs = Vec::new();
    for clients in [100, 1_000, 10_000] {
        for held in [1_000, 10_000, 100_000] {
            let measured = interleave(effort, &mut [Resuming::contender(clients, held)]);
            let samples = &measured.contenders[0].cpu;
            let cost = Ratio::summary(samples.iter().map(|time| time * 1e6 / clients as f64).collect());
            report.ratio(
                &format!("{clients} clients, {held} events held"),
                "us a client",
                cost,
                Target::Told,
            );
            costs.push(((clients, held), cost.median));
        }
    }
    let cost = |clients, held| costs.iter().find(|(case, _)| *case == (clients, held)).unwrap().1;
    report.figure(
        "10000 clients",
        "100 clients",
        cost(10_000, 10_000) / cost(100, 10_000),
        Target::AtMost(1.5),
    );
    report.figure(
        "100000 events held",
        "1000",
        cost(1_000, 100_000) / cost(1_000, 1_000),
        Target::AtMost(1.5),
    );
    report.print("Resume: clients that come back at once, each 100 events behind")
}

impl Resuming {
    fn contender(clients: usize, held: usize) -> Box<dyn Contender> {
        let hub = hub(held);
        let event = Event::new("x".repeat(200)).with_type(UPDATE);
        let ids: Vec<EventId> =
            (0..held + held / 2).map(|_| hub.publish("orders", &event).unwrap()).collect();
        let last_event_id = ids[ids.len() - 101].clone();
        let missed = ids[ids.len() - 100..].iter();
        let missed = missed.map(|id| event.clone().with_id(id.clone()).encoded_len()).sum();
        Box::new(Self { hub, clients, last_event_id, missed, subscriptions: Vec::with_capacity(clients) })
    }
}

impl Contender for Resuming {
    fn name(&self) -> &'static str {
        "ssekit"
    }

    fn prepare(&mut self) {
        self.subscriptions.clear();
    }

    fn run(&mut self) -> u64 {
        for _ in 0..self.clients {
            let id = Some(self.last_event_id.clone().into());
            self.subscriptions.push(self.hub.subscribe(Subscribe::to(["orders"]).after(id)).unwrap());
        }
        for subscription in &mut self.subscriptions {
            assert!(subscription.gap().is_none());
            let position = now(subscription.next()).flatten().unwrap().len();
            let mut got = 0;
            while let Some(bytes) = now(subscription.next()) {
                got += bytes.unwrap().len();
            }
            assert!(position > 0 && got == self.missed);
        }
        self.clients as u64
    }
}
