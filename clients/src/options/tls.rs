//! How a broker proves itself, and a client to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// TLS 1.2 or 1.3. By default the certificates of the system's authorities are believed. Files are read at each connect,
/// so that one that is replaced counts from the next connect on.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    ca_file: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
    server_name: Option<String>,
    is_insecure: bool,
}

impl Tls {
    /// Believes the authorities in this file, in PEM, and not those of the system.
    #[must_use]
    pub fn with_ca_file(self, path: impl Into<PathBuf>) -> Self {
        Self { ca_file: Some(path.into()), ..self }
    }

    /// Shows this certificate, with those between it and its authority behind it, and has its key; both in PEM.
    #[must_use]
    pub fn with_client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client: Some((certificate.into(), key.into())), ..self }
    }

    /// The name that the broker's certificate is to be for, instead of the URL's host.
    #[must_use]
    pub fn with_server_name(self, name: impl Into<String>) -> Self {
        Self { server_name: Some(name.into()), ..self }
    }

    /// Believes every certificate: whoever is on the way can read and change everything. For trials only.
    #[must_use]
    pub fn insecure(self) -> Self {
        Self { is_insecure: true, ..self }
    }

    /// The name for a broker at `host`.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, String> {
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        ServerName::try_from(name.clone())
            .map_err(|_| format!("{name:?} is no name that a certificate could be for"))
    }

    /// Reads the files. It blocks. The error is for a person.
    pub(crate) fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match (self.is_insecure, &self.ca_file) {
            (true, _) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone { provider })),
            (false, Some(path)) => builder.with_root_certificates(authorities(path)?),
            (false, None) => builder.with_root_certificates(authorities_of_the_system()?),
        };
        match &self.client {
            None => Ok(builder.with_no_client_auth()),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| format!("{} with {}: {error}", certificate.display(), key.display())),
        }
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(path)? {
        authorities.add(certificate).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(authorities)
}

/// Read once: there are over a hundred.
fn authorities_of_the_system() -> Result<Arc<RootCertStore>, String> {
    static AUTHORITIES: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let authorities = AUTHORITIES.get_or_init(|| {
        let mut authorities = RootCertStore::empty();
        // One that cannot be read does not keep the others from being believed.
        authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(authorities)
    });
    match authorities.is_empty() {
        true => Err("the system trusts nobody: name a file of authorities".to_owned()),
        false => Ok(Arc::clone(authorities)),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: rustls::pki_types::pem::Error| format!("{}: {error}", path.display());
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<_, _>>().map_err(failed)?;
    match certificates.is_empty() {
        true => Err(format!("{}: there is no certificate in it", path.display())),
        false => Ok(certificates),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Believes every certificate; that its bearer has the key is checked all the same.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_that_are_of_no_use_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, missing) = (folder.path().join("empty.pem"), folder.path().join("missing.pem"));
        fs::write(&empty, "").unwrap();
        let tls = Tls::default;
        for (tls, named) in [
            (tls().with_ca_file(&empty), "empty.pem: there is no certificate"),
            (tls().with_ca_file(&missing), "missing.pem"),
            (tls().insecure().with_client_certificate(&empty, &missing), "empty.pem"),
        ] {
            let error = tls.config().map(|_| ()).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        assert!(tls().insecure().config().is_ok());
    }

    #[test]
    fn the_name_is_the_hosts_unless_another_is_given() {
        for (tls, host, name) in [
            (Tls::default(), "broker", Some("broker")),
            (Tls::default(), "::1", Some("::1")),
            (Tls::default().with_server_name("other"), "broker", Some("other")),
            (Tls::default().with_server_name("a b"), "broker", None),
        ] {
            assert_eq!(tls.server_name(host).ok().map(|name| name.to_str().into_owned()).as_deref(), name);
        }
    }
}
