//! The PEM files: what is in them, or, for a person, what is wrong with them.

use std::fs;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// Largest file that is read. The certificates of all the web's authorities take a quarter of a MiB; a list of revoked
/// certificates may be longer.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The certificates of a file; at least one.
///
/// # Errors
///
/// The file and what is wrong with it.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    all(path, "certificate", "BEGIN CERTIFICATE")
}

/// The lists of revoked certificates of a file; at least one.
///
/// # Errors
///
/// The file and what is wrong with it.
pub(super) fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    all(path, "list of revoked certificates", "BEGIN X509 CRL")
}

/// The private key of a file.
///
/// # Errors
///
/// The file and what is wrong with it.
pub(super) fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(path)?;
    let is_encrypted = bytes.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED);
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted => {
            format!("{}: the key is encrypted, and nobody is there to type its password", path.display())
        }
        pem::Error::NoItemsFound => {
            format!(
                "{}: no private key is in it: it begins with \"-----BEGIN PRIVATE KEY-----\"",
                path.display()
            )
        }
        error => format!("{}: {error}", path.display()),
    })
}

const ENCRYPTED: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";

fn all<T: PemObject>(path: &Path, what: &str, begin: &str) -> Result<Vec<T>, String> {
    let bytes = read(path)?;
    let found: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(format!("{}: no {what} is in it: one begins with \"-----{begin}-----\"", path.display()))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let in_words = |error| format!("{}: {error}", path.display());
    if fs::metadata(path).map_err(in_words)?.len() > FILE_BYTES_MAX {
        return Err(format!("{}: it is larger than {FILE_BYTES_MAX} bytes", path.display()));
    }
    fs::read(path).map_err(in_words)
}
