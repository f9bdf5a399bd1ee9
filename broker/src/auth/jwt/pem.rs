//! PEM files: public keys, bare or in a certificate. (RFC 7468; RFC 5280, section 4.1.2.7; RFC 8017, A.1.1)

use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_PKCS1_RSAENCRYPTION, OID_SIG_ED25519,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::KeyError;
use super::algorithm::Kind;
use super::key::Key;

/// The keys of a file; at least one.
pub(super) fn keys(text: &[u8]) -> Result<Vec<Key>, KeyError> {
    // Looked for before anything is decoded, so that an encrypted one is called by its name as well.
    if text.windows(PRIVATE.len()).any(|window| window == PRIVATE) {
        return Err(KeyError::Private);
    }
    let sections = Pem::iter_from_buffer(text).map(|section| key(&section.map_err(|_| damaged())?));
    // Behind the last one there is at most the fault that ends the reading.
    let lines = text.split(|byte| *byte == b'\n').zip(1..).filter(|(line, _)| line.starts_with(BEGIN));
    let lines = lines.map(|(_, number)| number).chain(std::iter::repeat(1));
    let keys =
        sections.zip(lines).map(|(key, line)| key.map_err(|error| KeyError::Section(line, error.into())));
    let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(KeyError::NoPem) } else { Ok(keys) }
}

fn key(section: &Pem) -> Result<Key, KeyError> {
    let der = section.contents.as_slice();
    match section.label.as_str() {
        "PUBLIC KEY" => of_info(&whole(der)?),
        "RSA PUBLIC KEY" => rsa(der),
        "CERTIFICATE" => {
            let certificate: X509Certificate<'_> = whole(der)?;
            of_info(&certificate.tbs_certificate.subject_pki)
        }
        label => Err(KeyError::Label(label.to_owned())),
    }
}

fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Key, KeyError> {
    let bits = info.subject_public_key.data.as_ref();
    let kind = &info.algorithm.algorithm;
    if *kind == OID_PKCS1_RSAENCRYPTION {
        return rsa(bits);
    }
    if *kind == OID_SIG_ED25519 {
        return Key::ed25519(bits);
    }
    if *kind != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return Err(KeyError::Kind);
    }
    let curve = info.algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok());
    match curve {
        Some(curve) if curve == OID_EC_P256 => Key::elliptic(Kind::P256, bits),
        Some(curve) if curve == OID_NIST_EC_P384 => Key::elliptic(Kind::P384, bits),
        _ => Err(KeyError::Kind),
    }
}

fn rsa(der: &[u8]) -> Result<Key, KeyError> {
    let key: RSAPublicKey<'_> = whole(der)?;
    Key::rsa(key.modulus, key.exponent)
}

/// A structure that is all of `der`.
fn whole<'a, T: FromDer<'a, E>, E>(der: &'a [u8]) -> Result<T, KeyError> {
    match T::from_der(der) {
        Ok(([], whole)) => Ok(whole),
        _ => Err(damaged()),
    }
}

fn damaged() -> KeyError {
    KeyError::Damaged("a section of the PEM file".to_owned())
}

const BEGIN: &[u8] = b"-----BEGIN ";
const PRIVATE: &[u8] = b"PRIVATE KEY-----";
