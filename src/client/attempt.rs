use crate::client::disconnect_reason::DisconnectReason;

/// The state of the client when it makes the request of an attempt to connect.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The number of reconnections in a row, including this one: 0 for the first attempt. It starts again at
    /// 1 after a connection that made progress.
    pub number: u32,
    /// The last event ID; empty if none.
    ///
    /// The client adds the `Last-Event-ID` header itself.
    pub last_event_id: &'a str,
    /// Why the last connection was lost; `None` before the first one.
    pub reason: Option<&'a DisconnectReason>,
}
