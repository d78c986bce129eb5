//! Certificates of a test's own authority.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::redis_server::Folder;

/// A folder with the certificate of an authority (`ca.pem`), and one with its key for a server or a client (`cert.pem`
/// and `key.pem`).
pub(crate) struct Certificates(Folder);

impl Certificates {
    /// Makes some for hosts, which may be names and IP addresses.
    pub(crate) fn new(hosts: &[&str]) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        // Two authorities with the same name would be taken for one, and so would an authority and a server.
        let folder = Folder::new();
        authority.distinguished_name.push(DnType::CommonName, folder.path().display().to_string());
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let issuer = Issuer::new(authority, authority_key);
        let certificate = CertificateParams::new(hosts).unwrap().signed_by(&key, &issuer).unwrap();

        let certificates = Self(folder);
        let write = |name, text| fs::write(certificates.path().join(name), text).unwrap();
        write("ca.pem", root.pem());
        write("cert.pem", certificate.pem());
        write("key.pem", key.serialize_pem());
        certificates
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).unwrap()
    }
}
