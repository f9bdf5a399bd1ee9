//! rustls' configuration, made of a listener's settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{NoClientAuth, ProducesTickets, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig};

use super::resolver::Resolver;
use super::{ClientAuth, TlsFault, TlsSettings, TlsVersion, files};

/// Who issues clients' certificates, and which of them are revoked: a digest of all that the settings say of it.
pub(super) type Trust = [u8; 32];

/// Tickets for a client to resume its session with. One is enough: a client of a broker has one connection.
const TICKETS: usize = 1;

/// The configuration; `tickets` are those that sessions are resumed with.
///
/// # Errors
///
/// The first thing that is wrong with the settings' files.
pub(super) fn server_config(
    settings: &TlsSettings,
    alpn: &[&[u8]],
    tickets: Arc<dyn ProducesTickets>,
) -> Result<ServerConfig, TlsFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let keys: Result<Vec<_>, _> =
        settings.pairs().map(|(prefix, cert, key)| certified_key(&prefix, cert, key, &provider)).collect();
    let keys = keys?;
    let verifier = client_verifier(settings, &provider)?;
    let versions = match settings.min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12][..],
        TlsVersion::V13 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| TlsFault::new("min_version", error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(Resolver::new(keys)));
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.ticketer = tickets;
    config.send_tls13_tickets = TICKETS;
    Ok(config)
}

/// New tickets: no session of before can be resumed with them.
///
/// # Errors
///
/// When the system gives no random numbers.
pub(super) fn new_tickets() -> Result<Arc<dyn ProducesTickets>, TlsFault> {
    aws_lc_rs::Ticketer::new().map_err(|error| TlsFault::new("cert", error.to_string()))
}

/// What the settings say of clients' certificates. A session that is resumed is not verified anew, so tickets must not
/// outlive a change of it.
///
/// # Errors
///
/// A file that cannot be used.
pub(super) fn trust(settings: &TlsSettings) -> Result<Trust, TlsFault> {
    let mut digest = Sha256::new();
    digest.update(format!("{:?} {:?}", settings.client_auth, settings.client_name));
    for certificate in authorities(settings)? {
        digest.update(Sha256::digest(&certificate));
    }
    digest.update(b"|");
    for path in &settings.crl {
        for list in files::revocation_lists(path).map_err(|text| TlsFault::new("crl", text))? {
            digest.update(Sha256::digest(&list));
        }
    }
    Ok(digest.finalize().into())
}

/// A certificate with the key that belongs to it.
///
/// # Errors
///
/// The file that cannot be used, or that the two do not belong together.
pub(super) fn certified_key(
    prefix: &str,
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsFault> {
    let of_cert = |text: String| TlsFault::new(format!("{prefix}cert"), text);
    let of_key = |text: String| TlsFault::new(format!("{prefix}key"), text);
    let chain = files::certificates(cert).map_err(of_cert)?;
    let private = files::private_key(key).map_err(of_key)?;
    let private = provider
        .key_provider
        .load_private_key(private)
        .map_err(|error| of_key(format!("{}: the key cannot be used: {error}", key.display())))?;
    let certified = CertifiedKey::new(chain, private);
    match certified.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(Error::InconsistentKeys(_)) => Err(of_key(format!(
            "{}: the key does not belong to the certificate in {}, which must be the first one there",
            key.display(),
            cert.display()
        ))),
        Err(error) => Err(of_cert(format!("{}: {error}", cert.display()))),
    }
}

/// Who is asked for a certificate, and which ones are right.
fn client_verifier(
    settings: &TlsSettings,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFault> {
    if settings.client_auth == ClientAuth::None {
        return Ok(Arc::new(NoClientAuth));
    }
    let path = settings.client_ca.as_deref().unwrap_or(Path::new(""));
    let of_ca = |text: String| TlsFault::new("client_ca", format!("{}: {text}", path.display()));
    let mut roots = RootCertStore::empty();
    for certificate in authorities(settings)? {
        roots.add(certificate).map_err(|error| of_ca(error.to_string()))?;
    }
    let mut lists = Vec::new();
    for path in &settings.crl {
        lists.extend(files::revocation_lists(path).map_err(|text| TlsFault::new("crl", text))?);
    }
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).with_crls(lists);
    if settings.client_auth == ClientAuth::Optional {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map(|verifier| verifier as Arc<dyn ClientCertVerifier>).map_err(|error| {
        let files: Vec<_> = settings.crl.iter().map(|path: &PathBuf| path.display().to_string()).collect();
        match settings.crl.is_empty() {
            true => of_ca(error.to_string()),
            false => TlsFault::new("crl", format!("{}: {error}", files.join(", "))),
        }
    })
}

fn authorities(
    settings: &TlsSettings,
) -> Result<Vec<tokio_rustls::rustls::pki_types::CertificateDer<'static>>, TlsFault> {
    match &settings.client_ca {
        Some(path) => files::certificates(path).map_err(|text| TlsFault::new("client_ca", text)),
        None => Ok(Vec::new()),
    }
}
