use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    encode::{plan::Plan, short::ShortEvent},
    event::value::Event,
    wire::put::Filled,
};

impl Event {
    /// Encodes the event, including the blank line at its end.
    ///
    /// It allocates once, exactly the bytes of the encoded event. An event without any part is a blank line,
    /// which a client ignores.
    ///
    /// # Examples
    ///
    /// ```
    /// use ssekit::Event;
    ///
    /// assert_eq!(Event::new("a\r\nb").encode(), "data: a\ndata: b\n\n");
    /// assert_eq!(Event::comment("still here").encode(), ": still here\n\n");
    /// ```
    pub fn encode(&self) -> Bytes {
        let Some(short) = ShortEvent::new(self, self.id()) else { return self.encode_any() };
        let mut buffer = Vec::with_capacity(short.len);
        buffer.put_bytes(0, short.len);
        short.write(Filled(&mut buffer));
        // A box is returned in registers; a `Vec` is not.
        buffer.into_boxed_slice().into()
    }

    /// Appends the encoded event to a buffer.
    ///
    /// It allocates only if the buffer's spare capacity is less than [`encoded_len`](Self::encoded_len).
    ///
    /// # Examples
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use ssekit::Event;
    ///
    /// let mut buffer = BytesMut::new();
    /// Event::new("a").encode_into(&mut buffer);
    /// Event::new("b").encode_into(&mut buffer);
    /// assert_eq!(buffer, "data: a\n\ndata: b\n\n");
    /// ```
    pub fn encode_into(&self, buffer: &mut BytesMut) {
        let Some(short) = ShortEvent::new(self, self.id()) else { return self.encode_any_into(buffer) };
        let start = buffer.len();
        buffer.put_bytes(0, short.len);
        short.write(Filled(&mut buffer[start..]));
    }

    /// Returns the length of the encoded event in bytes. Scans the text once.
    pub fn encoded_len(&self) -> usize {
        Plan::new(self, self.id()).len
    }

    #[inline(never)] // bench: encode
    fn encode_any(&self) -> Bytes {
        let plan = Plan::new(self, self.id());
        let mut buffer = Vec::with_capacity(plan.len);
        plan.write(&mut buffer);
        buffer.into_boxed_slice().into()
    }

    #[inline(never)] // bench: encode
    fn encode_any_into(&self, buffer: &mut BytesMut) {
        let plan = Plan::new(self, self.id());
        buffer.reserve(plan.len);
        plan.write(buffer);
    }
}
