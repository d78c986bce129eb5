use crate::{
    event::id::EventId,
    history::{id_space::IdSpace, position::Position, scheme::Scheme},
    request::LastEventId,
};

/// A client's last event ID, if it sent any.
pub(super) enum Claim<'a> {
    Nothing,
    /// A value that cannot be an ID.
    NoId,
    /// An ID, and its position if the ID alone determines it.
    Id(&'a EventId, Option<Position>),
}

impl<'a> Claim<'a> {
    pub(super) fn new(last_event_id: Option<&'a LastEventId>, ids: &Scheme) -> Self {
        match last_event_id.map(LastEventId::as_id) {
            None => Self::Nothing,
            // A header that is no valid ID was not given out here. Such a client gets a gap; it is
            // no new client.
            Some(None) => Self::NoId,
            Some(Some(id)) => Self::Id(id, ids.locate(id)),
        }
    }

    /// Returns the position, if there is one, and whether the client sent something that has none here.
    pub(super) fn resolve(&self, ids: &IdSpace) -> (Option<Position>, bool) {
        match self {
            Self::Nothing => (None, false),
            Self::NoId => (None, true),
            Self::Id(id, located) => {
                let after = ids.resolve(id, *located);
                (after, after.is_none())
            }
        }
    }
}
