//! TLS of a listener: its settings, what is wrong with its files, and the rustls configuration that is made of them.
//!
//! ```text
//!   TlsSettings ──▶ files (PEM) ──▶ server (rustls' ServerConfig) ──▶ LiveTls, which each handshake asks for the
//!        │                                                            current one, and a reload puts a new one into
//!        └────────▶ check: what is wrong, and what is about to be
//! ```

mod check;
mod files;
mod live;
mod name;
mod resolver;
mod server;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::live::{LiveTls, Prepared};

/// The settings of a listener's TLS. File names are relative to the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The server's certificate, and behind it those of the authorities between it and the root.
    #[schemars(example = &"server.pem")]
    pub cert: PathBuf,
    /// Its private key, not encrypted.
    #[schemars(example = &"server.key")]
    pub key: PathBuf,
    /// The authorities that issue clients' certificates.
    #[schemars(example = &"clients.pem")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
    /// Whether clients show a certificate.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// Which of a client certificate's names becomes the user name.
    #[serde(default)]
    pub client_name: ClientName,
    /// Lists of revoked client certificates. Where there is one, there must be one of each authority in a client's
    /// chain: a certificate whose state nobody tells is refused.
    #[serde(default)]
    pub crl: Vec<PathBuf>,
    /// The oldest version of TLS that is spoken.
    #[serde(default)]
    pub min_version: TlsVersion,
    /// Further certificates: a client that names a host (SNI) gets the first that is for it, any other `cert`.
    #[schemars(extend("x-default" = "none"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Pair>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The certificate, and behind it those of the authorities between it and the root.
    #[schemars(example = &"other.pem")]
    pub cert: PathBuf,
    /// Its private key, not encrypted.
    #[schemars(example = &"other.key")]
    pub key: PathBuf,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientAuth {
    /// They are not asked for one.
    #[default]
    None,
    /// They are asked for one, and what is shown must be right.
    Optional,
    /// Without one there is no connection.
    Required,
}

/// Which of a client certificate's names becomes the user name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ClientName {
    /// The subject's common name.
    #[default]
    Cn,
    /// The first subject alternative name that is a host name, an e-mail address or a URI.
    San,
}

/// A version of TLS. Older ones than 1.2 are not spoken at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    V12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V13,
}

/// What is wrong with a listener's TLS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tls.{key}: {text}")]
pub struct TlsFault {
    /// The setting, as `cert` or `certificates[0].key`.
    pub key: String,
    /// What is wrong with which file, and what would be right.
    pub text: String,
}

impl TlsFault {
    fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: text.into() }
    }
}

impl TlsSettings {
    /// Has `find` say where the files are that settings name.
    pub fn resolve(&mut self, find: &impl Fn(&Path) -> PathBuf) {
        let pairs = self.certificates.iter_mut().flat_map(|pair| [&mut pair.cert, &mut pair.key]);
        let files = [&mut self.cert, &mut self.key].into_iter().chain(pairs);
        for file in files.chain(&mut self.client_ca).chain(&mut self.crl) {
            *file = find(file);
        }
    }

    /// Certificates and keys, each with the prefix of its settings' names; the one without a prefix is the first.
    fn pairs(&self) -> impl Iterator<Item = (String, &Path, &Path)> {
        let own = (String::new(), self.cert.as_path(), self.key.as_path());
        let further = self.certificates.iter().enumerate();
        let further = further.map(|(index, pair)| {
            (format!("certificates[{index}]."), pair.cert.as_path(), pair.key.as_path())
        });
        std::iter::once(own).chain(further)
    }
}
