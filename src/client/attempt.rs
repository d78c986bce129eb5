use super::disconnect_reason::DisconnectReason;

/// What is known of an attempt to connect when its request is made.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The number of reconnections in a row, this one included: 0 for the first attempt, and again from 1 on after
    /// a connection that made progress.
    pub number: u32,
    /// The last event ID; empty if none.
    ///
    /// The client adds the `Last-Event-ID` header itself.
    pub last_event_id: &'a str,
    /// Why the last connection was lost; `None` before the first one.
    pub reason: Option<&'a DisconnectReason>,
}
