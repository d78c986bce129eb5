use std::{future::Future, io};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use crate::serve::{
    http1, http2, options::Options, registry::Permit, service::HttpService, version, version::Version,
};

/// Serves one connection from its handshake to its end, or until its stream is handed over.
pub(super) async fn serve<Io, S, K>(
    handshake: impl Future<Output = io::Result<Io>>,
    service: S,
    options: Options,
    permit: Permit,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: HttpService<K>,
    K: 'static,
{
    let registry = permit.registry();
    let opening = timeout(options.head_timeout, async {
        let mut io = handshake.await?;
        let (version, read) = version::read(&mut io).await?;
        io::Result::Ok((io, version, read))
    });
    // When the server shuts down, a connection that has not got this far ends.
    let Some(Ok(Ok((io, version, read)))) = registry.draining.interrupt(opening).await else { return };
    let handed_over = match version {
        Version::Http1 => registry.cut.interrupt(http1::serve(io, read, service, options, &permit)).await,
        Version::Http2 => {
            registry.cut.interrupt(http2::serve(io, read, service, options, &permit)).await;
            return;
        }
    };
    if let Some(Some(stream)) = handed_over {
        // A separate task, because this one is as large as hyper's connection until it ends.
        tokio::spawn(async move { stream.run(&permit.registry().cut).await });
    }
}
