//! What is wrong with a listener's TLS before anybody connects.

use tokio_rustls::rustls::crypto::aws_lc_rs;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

use super::server::{certified_key, new_tickets, server_config};
use super::{ClientAuth, TlsFault, TlsSettings, files};

/// How long before a certificate expires that is said, in seconds: 30 days.
const NOTICE_SECS: i64 = 30 * 86_400;

impl TlsSettings {
    /// Everything that makes it unusable; empty when nothing does.
    pub fn faults(&self) -> Vec<TlsFault> {
        let mut faults = Vec::new();
        match (self.client_auth, &self.client_ca) {
            (ClientAuth::None, Some(_)) => faults.push(TlsFault::new(
                "client_ca",
                "nobody is asked for a certificate: set client_auth to \"optional\" or \"required\"",
            )),
            (ClientAuth::Optional | ClientAuth::Required, None) => faults.push(TlsFault::new(
                "client_auth",
                "no client's certificate could be verified: name the authorities that issue them in client_ca",
            )),
            _ => {}
        }
        if self.client_auth == ClientAuth::None && !self.crl.is_empty() {
            let text =
                "nobody is asked for a certificate that could be revoked: set client_auth and client_ca";
            faults.push(TlsFault::new("crl", text));
        }
        let provider = aws_lc_rs::default_provider();
        let pairs =
            self.pairs().filter_map(|(prefix, cert, key)| certified_key(&prefix, cert, key, &provider).err());
        faults.extend(pairs);
        if faults.is_empty() {
            let built = new_tickets().and_then(|tickets| server_config(self, &[], tickets));
            faults.extend(built.err());
        }
        faults
    }

    /// What can be used and should not be, at that time, in seconds since the epoch: certificates that are not valid
    /// yet or any more, or not for another 30 days, and lists of revoked ones of which there should be a newer one.
    pub fn warnings(&self, now: i64) -> Vec<TlsFault> {
        let mut warnings = Vec::new();
        for (prefix, cert, _) in self.pairs() {
            let certificates = files::certificates(cert).unwrap_or_default();
            let stale = certificates.iter().filter_map(|certificate| staleness(certificate, now));
            let key = format!("{prefix}cert");
            warnings.extend(stale.map(|text| TlsFault::new(&key, format!("{}: {text}", cert.display()))));
        }
        if let Some(path) = &self.client_ca {
            let certificates = files::certificates(path).unwrap_or_default();
            let stale = certificates.iter().filter_map(|certificate| staleness(certificate, now));
            warnings
                .extend(stale.map(|text| TlsFault::new("client_ca", format!("{}: {text}", path.display()))));
        }
        for path in &self.crl {
            for list in files::revocation_lists(path).unwrap_or_default() {
                let Ok((_, list)) = CertificateRevocationList::from_der(&list) else { continue };
                if let Some(next) = list.next_update().filter(|next| next.timestamp() < now) {
                    let text = format!("{}: the list should have been renewed by {next}", path.display());
                    warnings.push(TlsFault::new("crl", text));
                }
            }
        }
        warnings
    }
}

/// What is wrong with a certificate's time, with the certificate's subject, since a file may hold several.
fn staleness(certificate: &[u8], now: i64) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    let subject = certificate.subject();
    if validity.not_after.timestamp() < now {
        return Some(format!("the certificate of {subject} expired on {}", validity.not_after));
    }
    if validity.not_after.timestamp() < now.saturating_add(NOTICE_SECS) {
        let day = validity.not_after;
        return Some(format!("the certificate of {subject} expires on {day}: renew it, and reload"));
    }
    if validity.not_before.timestamp() > now {
        return Some(format!("the certificate of {subject} is not valid before {}", validity.not_before));
    }
    None
}
