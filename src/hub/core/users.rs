use std::mem;

use crate::{
    base::{slab::Key, sync::Arc},
    hub::core::{
        lane::{LANE_THRESHOLD, Lane, Lanes},
        parking::SlotId,
        topics::Topics,
    },
};

/// The users of topics: subscriptions, on lanes or not, and handles.
impl Topics {
    /// Adds a subscription to a topic.
    pub(crate) fn follow(&mut self, key: Key) {
        let followers = &mut self.topics[key].topic.followers;
        if followers.is_none() {
            // Topics with one short-lived subscription at a time would otherwise allocate for each.
            *followers = Some(self.spare.take().unwrap_or_default());
        }
        self.subscribe(key);
    }

    /// Counts one more user of a topic.
    pub(crate) fn subscribe(&mut self, key: Key) {
        let topic = &mut *self.topics[key].topic;
        topic.users += 1;
        if topic.ended {
            self.update_ended(key);
        }
    }

    /// Gives a subscription that follows a topic a slot to park in: on a lane, if the topic has enough
    /// subscriptions for lanes.
    pub(crate) fn join(&mut self, key: Key) -> (Option<Arc<Lane>>, SlotId) {
        let topic = &mut *self.topics[key].topic;
        let subscriptions = topic.subscriptions() as usize;
        let followers = topic.followers.get_or_insert_default();
        // With few subscriptions the hub's lock is not contended, and a second lock would only cost
        // time.
        if subscriptions <= LANE_THRESHOLD {
            return (None, followers.parking.occupy());
        }
        let lanes = followers.lanes.get_or_insert_with(|| {
            self.busy.push(key);
            Box::new(Lanes::new())
        });
        let (lane, slot) = lanes.join();
        (Some(lane), slot)
    }

    /// Removes a subscription from its lane. If that was the last one on any lane, returns the events
    /// delivered on lanes.
    pub(crate) fn leave_lane(&mut self, key: Key, lane: &Lane) -> u64 {
        let followers = self.topics[key].topic.followers.as_mut();
        let lanes = followers.and_then(|followers| followers.lanes.take_if(|lanes| !lanes.leave(lane)));
        let Some(lanes) = lanes else { return 0 };
        // No subscription is on a lane any more. The lanes go, and what they delivered moves to the
        // hub's own count.
        self.busy.retain(|busy| *busy != key);
        lanes.delivered()
    }

    /// Returns the number of events delivered on lanes.
    pub(crate) fn delivered(&self) -> u64 {
        let followers = self.busy.iter().filter_map(|key| self.topics[*key].topic.followers.as_ref());
        followers.filter_map(|followers| followers.lanes.as_ref()).map(|lanes| lanes.delivered()).sum()
    }

    /// Adds a handle to a topic.
    pub(crate) fn hold(&mut self, key: Key) {
        self.subscribe(key);
        let topic = &mut *self.topics[key].topic;
        topic.handles += 1;
        // It has a publisher, so it has not ended.
        topic.unknown = false;
    }

    /// Drops a handle of a topic.
    pub(crate) fn release(&mut self, key: Key) {
        self.topics[key].topic.handles -= 1;
        self.unsubscribe(key);
    }

    /// Takes the futures that wait for topics which have lost their last subscription.
    pub(crate) fn take_unsubscribed(&mut self) -> Vec<Key> {
        mem::take(&mut self.unsubscribed)
    }

    /// Ends a subscription to a topic.
    pub(crate) fn unsubscribe(&mut self, key: Key) {
        let topic = &mut *self.topics[key].topic;
        topic.users -= 1;
        // Handles are users as well, but nobody listens through them.
        if topic.subscriptions() == 0 {
            if let Some(followers) = &mut topic.followers {
                self.unsubscribed.append(&mut followers.unsubscribed);
            }
        }
        if topic.users == 0 {
            if let Some(mut followers) = topic.followers.take() {
                followers.begin_anew();
                self.spare = Some(followers);
            }
            if topic.finished {
                self.update_ended(key);
            }
            self.retire(key);
        }
    }
}
