//! The certificates that connections with TLS use.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::relay::redis::{RedisLog, error::RedisLogError};

impl RedisLog {
    /// Trusts only servers with a certificate from one of these roots, in PEM format, instead of the system's
    /// roots.
    ///
    /// It has an effect only for addresses with TLS. The Sentinels need a certificate from these roots, too.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no certificate, or an invalid one.
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, RedisLogError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|error| RedisLogError::certificate(&error))?;
        }
        self.tls.roots = Some(Arc::new(roots));
        Ok(self.anew())
    }

    /// Presents a certificate with its chain, and proves it with a private key, both in PEM format.
    ///
    /// Redis asks for one unless it is configured with `tls-auth-clients no`. It has an effect only for
    /// addresses with TLS.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no certificate or no key, or an invalid one.
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, RedisLogError> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| RedisLogError::certificate(&error))?;
        ring::sign::any_supported_type(&key).map_err(|error| RedisLogError::certificate(&error))?;
        self.tls.identity = Some(Arc::new((chain, key)));
        Ok(self.anew())
    }

    /// Makes all connections anew, if there are any.
    fn anew(self) -> Self {
        // Connections that exist were made with other certificates.
        Self { tls: self.tls.anew(), links: OnceLock::new(), ..self }
    }
}

/// Reads certificates, of which there must be one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, RedisLogError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| RedisLogError::certificate(&error))?;
    if certificates.is_empty() { Err(RedisLogError::no_certificate()) } else { Ok(certificates) }
}
