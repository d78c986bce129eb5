use std::mem;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::{
    encode::{plan::Plan, short::ShortEvent},
    event::value::Event,
    history::{
        beside::Beside,
        bounds::Bounds,
        error::PushError,
        position::Position,
        scheme::{IdLine, Scheme},
    },
    wire::put::{Filled, Put},
};

/// An event that is ready to be appended. Appending assigns its position and writes it after its `id` line.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    event: &'a Event,
    text: Text<'a>,
    /// The position of its own ID.
    position: Option<Position>,
}

#[derive(Debug)]
enum Text<'a> {
    /// Writing it copies each byte once and does no other work, so it is written straight into the history.
    Short(ShortEvent<'a>),
    /// The same applies here.
    Planned(Plan<'a>),
    /// The encoded event, with room before it for an `id` line.
    Written(BytesMut),
}

impl<'a> Prepared<'a> {
    /// Does all work on an event that does not depend on its position, and checks its ID and the bound on
    /// bytes.
    #[inline]
    pub(crate) fn new(event: &'a Event, scheme: &Scheme, max: usize) -> Result<Self, PushError> {
        let position = scheme.position_of(event)?;
        let beside = scheme.max_line() + Bounds::EVENT_OVERHEAD + Beside::cost_of(event);
        let text = match ShortEvent::new(event, event.id()) {
            Some(short) => {
                check_len(short.len + beside, max)?;
                Text::Short(short)
            }
            None => Text::of_any(event, beside, max)?,
        };
        Ok(Self { event, text, position })
    }

    pub(crate) fn event(&self) -> &'a Event {
        self.event
    }

    pub(super) fn position(&self) -> Option<Position> {
        self.position
    }

    /// Returns the length without the `id` line before it.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match &self.text {
            Text::Short(short) => short.len,
            Text::Planned(plan) => plan.len(),
            Text::Written(buffer) => buffer.len() - IdLine::MAX,
        }
    }

    /// Writes the event to a buffer with enough capacity.
    #[inline]
    pub(super) fn write(&self, id_line: &[u8], buffer: &mut BytesMut) {
        if let Text::Short(short) = &self.text {
            let start = buffer.len();
            // Room for the whole event at once, which is then filled without a check for each part.
            buffer.put_bytes(0, id_line.len() + short.len);
            let mut out = Filled(&mut buffer[start..]);
            out.put(id_line);
            return short.write(out);
        }
        buffer.extend_from_slice(id_line);
        match &self.text {
            Text::Short(_) => {}
            Text::Planned(plan) => plan.write(buffer),
            Text::Written(written) => buffer.extend_from_slice(&written[IdLine::MAX..]),
        }
    }

    /// Completes the event in its own buffer, and returns that.
    pub(super) fn take(&mut self, id_line: &[u8]) -> Bytes {
        let mut buffer = match &mut self.text {
            Text::Written(buffer) => mem::take(buffer),
            // Only a long event is taken, and a long one was written before the lock.
            _ => write(&Plan::new(self.event, self.event.id())),
        };
        // The ID is known only now. It fills the end of the room that was left for it, and what is
        // before it is skipped.
        let start = IdLine::MAX - id_line.len();
        buffer[start..IdLine::MAX].copy_from_slice(id_line);
        buffer.advance(start);
        buffer.freeze()
    }
}

impl<'a> Text<'a> {
    fn of_any(event: &'a Event, beside: usize, max: usize) -> Result<Self, PushError> {
        let plan = Plan::new(event, event.id());
        check_len(plan.len() + beside, max)?;
        // Plain text is copied fast enough under the lock. Other text is written before the lock is
        // taken.
        Ok(match plan.is_plain() && plan.len() < LONG_EVENT - IdLine::MAX {
            true => Self::Planned(plan),
            false => Self::Written(write(&plan)),
        })
    }
}

#[inline]
fn check_len(len: usize, max: usize) -> Result<(), PushError> {
    if len > max { Err(PushError::TooLarge { len, max }) } else { Ok(()) }
}

/// Writes an event with room before it for an `id` line.
fn write(plan: &Plan<'_>) -> BytesMut {
    let mut buffer = BytesMut::with_capacity(IdLine::MAX + plan.len());
    buffer.put_bytes(0, IdLine::MAX);
    plan.write(&mut buffer);
    buffer
}

/// An event of at least this size gets its own segment if the open chunk has no room for it.
pub(super) const LONG_EVENT: usize = 16 * 1024;
