//! Certificates for every name that the mirror answers to, from an authority that only this host trusts.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// The certificate authority that only this host trusts.
#[derive(Clone)]
pub(in crate::rehearse::system) struct Authority(Arc<CertifiedIssuer<'static, KeyPair>>);

impl Authority {
    /// Makes a fresh authority.
    pub(in crate::rehearse::system) fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "pinboot rehearsal");
        Ok(Self(Arc::new(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)))
    }

    /// Its certificate for the host's trust stores.
    pub(in crate::rehearse::system) fn pem(&self) -> String {
        self.0.pem()
    }

    fn certify(&self, name: &str) -> Result<CertifiedKey, Box<dyn std::error::Error>> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &*self.0)?;
        let private = PrivateKeyDer::try_from(key.serialize_der())?;
        let chain = vec![certificate.der().clone(), CertificateDer::clone(self.0.der())];
        Ok(CertifiedKey::new(chain, ring::sign::any_supported_type(&private)?))
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

/// Certificates by name; each is made when it is first requested.
#[derive(Debug)]
pub(super) struct Certificates {
    authority: Authority,
    /// The name for clients that send none, because they connect to an address.
    unnamed: String,
    made: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    pub(super) fn new(authority: Authority, unnamed: String) -> Self {
        Self { authority, unnamed, made: Mutex::default() }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or(&self.unnamed).to_ascii_lowercase();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = made.get(&name) {
            return Some(Arc::clone(key));
        }
        let key = Arc::new(self.authority.certify(&name).ok()?);
        made.insert(name, Arc::clone(&key));
        Some(key)
    }
}
