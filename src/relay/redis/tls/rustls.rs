use std::{
    io,
    sync::{Arc, OnceLock},
};

use rustls_native_certs::load_native_certs;
use tokio::net::TcpStream;
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    },
};

/// Connects with TLS. Clones share what the first connection made.
#[derive(Clone, Default)]
pub(in crate::relay::redis) struct Tls {
    /// The root certificates of the application. `None` for those of the system.
    pub(in crate::relay::redis) roots: Option<Arc<RootCertStore>>,
    /// A certificate with its chain, and its private key.
    pub(in crate::relay::redis) identity: Option<Arc<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>>,
    /// Made by the first connection, because it reads files of the system.
    connector: Arc<OnceLock<TlsConnector>>,
}

impl Tls {
    pub(in crate::relay::redis) async fn connect(
        &self,
        host: &str,
        socket: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let connector = match self.connector.get() {
            Some(connector) => connector,
            None => {
                // Made outside of `get_or_init`, because it may fail. If two make one, the first is
                // used.
                let made = self.connector()?;
                self.connector.get_or_init(|| made)
            }
        };
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        connector.connect(name, socket).await
    }

    /// Returns the same, for connections that are made from now on.
    pub(in crate::relay::redis) fn anew(self) -> Self {
        Self { connector: Arc::default(), ..self }
    }

    fn connector(&self) -> io::Result<TlsConnector> {
        let roots = match &self.roots {
            Some(roots) => Arc::clone(roots),
            None => Arc::new(of_system()?),
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(io::Error::other)?;
        let builder = builder.with_root_certificates(roots);
        let config = match self.identity.as_deref() {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(io::Error::other)?
            }
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

/// Reads the root certificates of the system.
fn of_system() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let found = load_native_certs();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reason = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(io::Error::other(format!("the system has no root certificates{reason}")));
    }
    Ok(roots)
}
