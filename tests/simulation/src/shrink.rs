//! Makes a failing world smaller: with fewer faults, clients and events, as long as it fails.

use crate::{
    plan::{Plan, Publish},
    sim::{Outcome, run},
};

/// Takes out what a failing plan does not need. Returns the plan and what becomes of it.
pub fn shrink(mut plan: Plan, mut outcome: Outcome) -> (Plan, Outcome) {
    let mut budget = 400;
    let mut try_out = |plan: &mut Plan, outcome: &mut Outcome, smaller: Plan| {
        if budget == 0 {
            return false;
        }
        budget -= 1;
        let next = run(&smaller);
        let fails = next.violation.is_some();
        if fails {
            (*plan, *outcome) = (smaller, next);
        }
        fails
    };
    loop {
        let before = (plan.faults.len(), plan.clients.len(), plan.publishes.len());
        let mut size = plan.publishes.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at < plan.publishes.len() {
                let mut smaller = plan.clone();
                smaller.publishes.drain(at..(at + size).min(plan.publishes.len()));
                if !try_out(&mut plan, &mut outcome, smaller) {
                    at += size;
                }
            }
            size /= 2;
        }
        let mut at = 0;
        while at < plan.faults.len() {
            let mut smaller = plan.clone();
            smaller.faults.remove(at);
            if !try_out(&mut plan, &mut outcome, smaller) {
                at += 1;
            }
        }
        // Clients have numbers, so only the last ones can go.
        while plan.clients.len() > 1 {
            let mut smaller = plan.clone();
            smaller.clients.pop();
            let clients = smaller.clients.len();
            smaller.publishes.retain(|(_, publish)| match publish {
                Publish::EndStream { client, .. }
                | Publish::AddTopic { client, .. }
                | Publish::DropTopic { client, .. } => *client < clients,
                _ => true,
            });
            if !try_out(&mut plan, &mut outcome, smaller) {
                break;
            }
        }
        if before == (plan.faults.len(), plan.clients.len(), plan.publishes.len()) {
            return (plan, outcome);
        }
    }
}
