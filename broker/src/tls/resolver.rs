//! Which certificate a client gets, where a listener has several.

use std::sync::Arc;

use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::name::{covers, hosts};

/// See the module. The first certificate is for clients that name no host, or one that none is for.
#[derive(Debug)]
pub(super) struct Resolver {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    hosts: Vec<String>,
    key: Arc<CertifiedKey>,
}

impl Resolver {
    pub(super) fn new(keys: Vec<CertifiedKey>) -> Self {
        let entry = |key: CertifiedKey| Entry {
            hosts: key.cert.first().map(|certificate| hosts(certificate)).unwrap_or_default(),
            key: Arc::new(key),
        };
        Self { entries: keys.into_iter().map(entry).collect() }
    }
}

impl ResolvesServerCert for Resolver {
    /// Of several for one host, the first whose kind of key the client can verify: so an RSA certificate may stand
    /// beside one with an elliptic curve.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_usable = |entry: &&Entry| entry.key.key.choose_scheme(hello.signature_schemes()).is_some();
        let host = hello.server_name().map(str::to_ascii_lowercase);
        let named = host.and_then(|host| {
            let is_for = |entry: &&Entry| entry.hosts.iter().any(|pattern| covers(pattern, &host));
            self.entries.iter().filter(is_for).find(is_usable)
        });
        let entry = named.or_else(|| self.entries.iter().find(is_usable));
        entry.map(|entry| Arc::clone(&entry.key))
    }
}
