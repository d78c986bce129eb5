use crate::{
    encode::plan::{SHORT_EVENT, has_extras, written_type},
    event::{
        id::EventId,
        value::{Data, Event},
    },
    wire::{
        breaks::has_low_byte,
        field::{DATA, EVENT, ID, NEXT_DATA, NEXT_EVENT, line_len},
        put::{Filled, Put},
    },
};

/// A short event of the commonest shape: an ID, a type and one line of data, or only some of these.
///
/// Fast path: all but three of its pieces have a length that the compiler knows. Its methods are inlined, so
/// that it is kept in registers.
#[derive(Debug)]
pub(crate) struct ShortEvent<'a> {
    id: Option<&'a [u8]>,
    event_type: Option<&'a [u8]>,
    data: &'a [u8],
    pub(crate) len: usize,
}

impl<'a> ShortEvent<'a> {
    #[inline(always)] // bench: encode
    pub(crate) fn new(event: &'a Event, id: Option<&'a EventId>) -> Option<Self> {
        let Data::Text(data) = event.data_field() else { return None };
        let data = data.as_bytes();
        let id = id.map(EventId::as_bytes);
        let event_type = written_type(event);
        let len = id.map_or(0, |id| line_len(ID, id))
            + event_type.map_or(0, |event_type| line_len(EVENT, event_type))
            + line_len(DATA, data)
            + b"\n".len();
        if len > SHORT_EVENT || has_extras(event) || has_low_byte(data) {
            return None;
        }
        Some(Self { id, event_type, data, len })
    }

    /// Writes the event over a slice of exactly its length.
    #[inline(always)] // bench: encode
    pub(crate) fn write(&self, mut out: Filled<'_>) {
        match (self.id, self.event_type) {
            (Some(id), Some(event_type)) => {
                out.put(ID);
                out.put(id);
                out.put(NEXT_EVENT);
                out.put(event_type);
                out.put(NEXT_DATA);
            }
            (Some(id), None) => {
                out.put(ID);
                out.put(id);
                out.put(NEXT_DATA);
            }
            (None, Some(event_type)) => {
                out.put(EVENT);
                out.put(event_type);
                out.put(NEXT_DATA);
            }
            (None, None) => out.put(DATA),
        }
        out.put(self.data);
        out.put(b"\n\n");
        debug_assert!(out.0.is_empty(), "a short event fills the room made for it");
    }
}
