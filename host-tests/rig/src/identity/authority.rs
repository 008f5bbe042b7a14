//! Certificates for one run.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};

/// Issues certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

impl Authority {
    /// A new one, trusted by nobody yet.
    pub fn generate() -> Result<Self> {
        let mut params = params("Test authority", Vec::new());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self {
            issuer,
            certificate,
        })
    }

    /// Its own certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A server's certificate for 127.0.0.1.
    pub fn server(&self) -> Result<Certificate> {
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        self.issue(params("server", vec![address]))
    }

    /// A client's certificate with these URI SANs, and none if there are none.
    pub fn client(&self, name: &str, uris: &[&str]) -> Result<Certificate> {
        let uri = |uri: &&str| Ok(SanType::URI((*uri).try_into().context("a URI SAN")?));
        self.issue(params(name, uris.iter().map(uri).collect::<Result<_>>()?))
    }

    /// As [`Authority::client`], until this time.
    pub fn client_until(&self, uri: &str, end: SystemTime) -> Result<Certificate> {
        let uri = SanType::URI(uri.try_into().context("a URI SAN")?);
        let mut params = params("agent", vec![uri]);
        params.not_after = end.into();
        self.issue(params)
    }

    fn issue(&self, params: CertificateParams) -> Result<Certificate> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn params(name: &str, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.subject_alt_names = names;
    params
}
