use bytes::{Bytes, BytesMut};

/// Joins consecutive pieces, with one copy if there are several.
pub(crate) fn join(mut pieces: Vec<Bytes>) -> Option<Bytes> {
    if pieces.len() < 2 {
        return pieces.pop();
    }
    let mut joined = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in &pieces {
        joined.extend_from_slice(piece);
    }
    Some(joined.freeze())
}
