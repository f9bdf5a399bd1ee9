//! The names in a certificate.

use time::OffsetDateTime;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use super::ClientName;

/// Longest user name, in bytes: an MQTT string has 16 bits for its length, and nobody needs as much.
const NAME_BYTES_MAX: usize = 1024;

/// The user that a client's certificate names; `None` where it names none that could be one.
pub(super) fn user(certificate: &CertificateDer<'_>, which: ClientName) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = match which {
        ClientName::Cn => certificate.subject().iter_common_name().next()?.as_str().ok()?.to_owned(),
        ClientName::San => alternative_names(&certificate).find_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
                Some((*name).to_owned())
            }
            _ => None,
        })?,
    };
    let is_name = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
    is_name.then_some(name)
}

/// Whether a certificate is valid at a time: neither too early for it nor too late. (RFC 5280, section 4.1.2.5)
pub(super) fn is_valid_at(certificate: &CertificateDer<'_>, now: OffsetDateTime) -> bool {
    x509_parser::parse_x509_certificate(certificate)
        .is_ok_and(|(_, certificate)| certificate.validity().is_valid_at(now.into()))
}

/// The hosts that a server's certificate is for, in lower case; one may begin with `*.`.
pub(super) fn hosts(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else { return Vec::new() };
    let names = alternative_names(&certificate).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    names.collect()
}

/// Whether a host, in lower case, is one of those that a pattern is for: a star stands for one label, the leftmost.
/// (RFC 9525, section 6.3)
pub(super) fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => pattern == host,
    }
}

fn alternative_names<'a>(certificate: &'a X509Certificate<'_>) -> impl Iterator<Item = &'a GeneralName<'a>> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    extension.into_iter().flat_map(|extension| extension.value.general_names.iter())
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn a_certificate_has_its_time() {
        let now = OffsetDateTime::now_utc();
        for (not_before, not_after, is_valid) in [(-2, 2, true), (-2, -1, false), (1, 2, false)] {
            let mut parameters = rcgen::CertificateParams::new(vec!["device".to_owned()]).unwrap();
            parameters.not_before = now + Duration::hours(not_before);
            parameters.not_after = now + Duration::hours(not_after);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            assert_eq!(is_valid_at(certificate.der(), now), is_valid, "{not_before} to {not_after}");
        }
        assert!(!is_valid_at(&CertificateDer::from(vec![0x30]), now));
    }

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(covers("*.example", "a.example"));
        for host in ["example", "a.b.example", ".example", "aexample"] {
            assert!(!covers("*.example", host), "{host}");
        }
        assert!(covers("a.example", "a.example"));
        assert!(!covers("a.example", "b.example"));
    }
}
