use std::{sync::Arc, time::Instant};

use crate::{
    hub::{notice::SharedNotices, policies::Lag, reader::live::Live, steering::Steering},
    relay::node::Pages,
};

/// The options of a subscription, for each of the places that it reads from.
pub(super) struct Reading {
    pub(super) pages: Arc<dyn Pages>,
    pub(super) topics: Arc<[String]>,
    pub(super) lag: Lag,
    pub(super) ends_at: Option<Instant>,
    pub(super) notices: SharedNotices,
    /// Handles that change its topics.
    pub(super) steering: Option<Arc<Steering>>,
}

impl Reading {
    /// Passes the options on to a reader of a hub.
    pub(super) fn give(&self, live: Live) -> Live {
        let mut live =
            live.with_log().ending_at(self.ends_at).with_notices(Some(SharedNotices::clone(&self.notices)));
        if let Some(steering) = &self.steering {
            live.steer(Arc::clone(steering));
        }
        live
    }
}
