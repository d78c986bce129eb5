use std::time::Instant;

use crate::{
    base::sync::Arc,
    hub::{
        core::shared::Shared,
        event_info::EventInfo,
        notice::{Notices, SharedNotices},
        policies::Lag,
        steering::Steering,
    },
};

/// The options of a reader. Most readers have none, and take the fast path.
#[derive(Default)]
pub(crate) struct Options(Option<Box<Chosen>>);

#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) lag: Lag,
    pub(crate) filter: Option<Filter>,
    /// The filter has dropped the last events that it was called for, so that the client has no ID of them.
    pub(crate) has_dropped: bool,
    pub(crate) ends_at: Option<Instant>,
    /// How it tells positions and gaps, if not as the hub does.
    pub(crate) notices: Option<SharedNotices>,
    /// Handles that change its topics.
    pub(crate) steering: Option<Arc<Steering>>,
    /// It is fed by a log, which may hold what the hub has lost.
    pub(crate) has_log: bool,
}

pub(crate) type Filter = Box<dyn FnMut(&EventInfo<'_>) -> bool + Send>;

impl Options {
    /// Returns the options, to set some of them.
    pub(crate) fn choose(&mut self) -> &mut Chosen {
        self.0.get_or_insert_default()
    }

    #[inline]
    pub(super) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn lag(&self) -> Lag {
        self.0.as_ref().map_or(Lag::default(), |chosen| chosen.lag)
    }

    pub(super) fn has_filter(&self) -> bool {
        self.0.as_ref().is_some_and(|chosen| chosen.filter.is_some())
    }

    pub(super) fn filter(&mut self) -> Option<&mut Filter> {
        self.0.as_mut()?.filter.as_mut()
    }

    pub(super) fn has_dropped(&self) -> bool {
        self.0.as_ref().is_some_and(|chosen| chosen.has_dropped)
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn take_filter(&mut self) -> Option<Filter> {
        self.0.as_mut()?.filter.take()
    }

    pub(super) fn notices(&self) -> Option<&Notices> {
        self.0.as_ref()?.notices.as_deref()
    }

    pub(super) fn steering(&self) -> Option<&Steering> {
        self.0.as_ref()?.steering.as_deref()
    }

    pub(super) fn has_log(&self) -> bool {
        self.0.as_ref().is_some_and(|chosen| chosen.has_log)
    }

    /// Returns when the stream ends, if it has a maximum lifetime.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        self.0.as_ref()?.ends_at
    }

    /// Returns whether its maximum lifetime has passed.
    pub(super) fn is_over(&self, shared: &Shared) -> bool {
        self.ends_at().is_some_and(|end| shared.clock.now() >= end)
    }
}
