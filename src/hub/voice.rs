use std::time::Duration;

use crate::{
    event::event_type::EventType,
    hub::notice::{Notices, PositionForm, SharedNotices},
};

/// How one subscription tells its position, as far as it differs from the hub.
#[derive(Clone, Debug, Default)]
pub(crate) struct Voice {
    pub(super) form: Option<PositionForm>,
    pub(super) position_type: Option<EventType>,
    pub(super) retry: Option<Duration>,
}

impl Voice {
    /// Returns the subscription's notices, unless they are those of the hub.
    pub(crate) fn notices(&self, of_hub: &Notices) -> Option<SharedNotices> {
        // Fast path: a client without wishes of its own shares the hub's.
        let Self { form: None, position_type: None, retry: None } = self else {
            let own = self.clone();
            return Some(SharedNotices::new(Notices {
                form: own.form.unwrap_or(of_hub.form),
                position_type: own.position_type.unwrap_or_else(|| of_hub.position_type.clone()),
                reset_type: of_hub.reset_type.clone(),
                retry: own.retry.or(of_hub.retry),
            }));
        };
        None
    }
}
