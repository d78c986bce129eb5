use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};

/// The version that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Http1,
    Http2,
}

/// Reads until the bytes differ from the preface of HTTP/2 (RFC 9113, 3.4) or complete it.
///
/// The caller passes the bytes on. Reads no more bytes than the preface has.
pub(super) async fn read<Io: AsyncRead + Unpin>(io: &mut Io) -> io::Result<(Version, Bytes)> {
    let mut bytes = [0; PREFACE.len()];
    let mut buffer = ReadBuf::new(&mut bytes);
    let version = poll_fn(|cx| {
        loop {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            if read == PREFACE {
                return Poll::Ready(Ok(Version::Http2));
            }
            if read.len() == before || !PREFACE.starts_with(read) {
                return Poll::Ready(io::Result::Ok(Version::Http1));
            }
        }
    })
    .await?;
    Ok((version, Bytes::copy_from_slice(buffer.filled())))
}

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
