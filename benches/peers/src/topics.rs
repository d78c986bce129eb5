//! What other topics cost: those that are idle, and those that a subscriber has beside one.

use futures_util::StreamExt;
use ssekit::{Event, Hub, Subscription};

use crate::{
    fanout::ssekit::{UPDATE, hub},
    measure::{Contender, Effort, Ratio, interleave},
    poll::now,
    report::{Report, Target},
};

pub(crate) fn run(effort: Effort) -> usize {
    publish(effort) + subscribe(effort)
}

fn publish(effort: Effort) -> usize {
    let mut report = Report::new();
    let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
    for (name, idle) in
        [("no other topic", 0), ("1,000 idle topics", 1_000), ("100,000 idle topics", 100_000)]
    {
        contenders.push(Box::new(Publishing::new(name, idle)));
    }
    let measured = interleave(effort, &mut contenders);
    let alone = measured.get("no other topic");
    for samples in &measured.contenders {
        let cost = samples.cpu.iter().map(|time| time * 1e9 / EVENTS as f64).collect();
        report.ratio(samples.name, "ns an event", Ratio::summary(cost), Target::Told);
    }
    for beside in ["1,000 idle topics", "100,000 idle topics"] {
        let ratio = measured.get(beside).cpu_over(alone);
        report.ratio(beside, "no other topic", ratio, Target::AtMost(1.3));
    }
    report.print("Topics: publishing to one with one subscriber, among others that each hold an event")
}

fn subscribe(effort: Effort) -> usize {
    let mut report = Report::new();
    for burst in [1, 100] {
        let mut contenders: Vec<Box<dyn Contender>> = Vec::new();
        for (name, topics) in [("1 topic", 1), ("10 topics", 10), ("100 topics", 100)] {
            contenders.push(Box::new(Subscribed::new(name, topics, burst)));
        }
        let measured = interleave(effort, &mut contenders);
        let one = measured.get("1 topic");
        let how = if burst == 1 { "one at a time" } else { "100 behind" };
        for (samples, most) in measured.contenders.iter().zip([None, Some(2.0), Some(4.0)]) {
            let cost = samples.cpu.iter().map(|time| time * 1e9 / EVENTS as f64).collect();
            let what = format!("{}, {how}", samples.name);
            report.ratio(&what, "ns an event", Ratio::summary(cost), Target::Told);
            // Logarithmic would be 4 and 8 times the part that is not shared.
            if let Some(most) = most.filter(|_| burst == 1) {
                report.ratio(&what, "1 topic", samples.cpu_over(one), Target::AtMost(most));
            }
        }
    }
    report.print("Topics: publishing to many in turn, to one subscriber of them all")
}

struct Publishing {
    name: &'static str,
    hub: Hub,
    event: Event,
    subscription: Subscription,
}

impl Publishing {
    fn new(name: &'static str, idle: usize) -> Self {
        let hub = hub(1_000);
        let event = Event::new("x".repeat(200)).with_type(UPDATE);
        for topic in 0..idle {
            hub.publish(&format!("idle-{topic}"), &event).unwrap();
        }
        let mut subscription = hub.subscribe(["orders"]).unwrap();
        now(subscription.next()).flatten().unwrap();
        Self { name, hub, event, subscription }
    }
}

impl Contender for Publishing {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self) -> u64 {
        for _ in 0..EVENTS {
            self.hub.publish("orders", &self.event).unwrap();
            now(self.subscription.next()).flatten().unwrap();
            assert!(now(self.subscription.next()).is_none());
        }
        EVENTS as u64
    }
}

struct Subscribed {
    name: &'static str,
    hub: Hub,
    event: Event,
    topics: Vec<String>,
    burst: usize,
    subscription: Subscription,
}

impl Subscribed {
    fn new(name: &'static str, topics: usize, burst: usize) -> Self {
        let hub = hub(1_000);
        let topics: Vec<String> = (0..topics).map(|topic| format!("topic-{topic}")).collect();
        let mut subscription = hub.subscribe(&topics).unwrap();
        now(subscription.next()).flatten().unwrap();
        let event = Event::new("x".repeat(200)).with_type(UPDATE);
        Self { name, hub, event, topics, burst, subscription }
    }
}

impl Contender for Subscribed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(&mut self) -> u64 {
        let mut topics = self.topics.iter().cycle();
        for _ in 0..EVENTS / self.burst {
            for topic in topics.by_ref().take(self.burst) {
                self.hub.publish(topic, &self.event).unwrap();
            }
            now(self.subscription.next()).flatten().unwrap();
            while now(self.subscription.next()).is_some() {}
        }
        EVENTS as u64
    }
}

const EVENTS: usize = 10_000;
