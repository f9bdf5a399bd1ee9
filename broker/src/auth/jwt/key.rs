//! One key, bound to what it is.

use std::fmt;

use jsonwebtoken::{DecodingKey, crypto};

use super::Algorithm;
use super::algorithm::Kind;

/// Bits of an RSA key. Shorter ones can be broken (RFC 7518, section 3.3), and longer ones keep a processor
/// busy.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

/// A key that verifies signatures: what it is decides by which algorithms.
#[derive(Clone)]
pub(super) struct Key {
    /// Its `kid`, if it has a name.
    pub(super) id: Option<Box<str>>,
    pub(super) algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Why there is no key. No text holds any part of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A PEM file without a key.
    #[error(
        "no public key is in it: one begins with \"-----BEGIN PUBLIC KEY-----\" or \"-----BEGIN CERTIFICATE-----\""
    )]
    NoPem,
    /// A private key.
    #[error(
        "a private key is in it, and whoever has that can make tokens: keep it with the issuer, and give the public \
         one, as \"openssl pkey -in FILE -pubout\" writes it"
    )]
    Private,
    /// A PEM file with something else; what it says it is.
    #[error("\"-----BEGIN {0}-----\" is neither a public key nor a certificate")]
    Label(String),
    /// A key that cannot be read; its place.
    #[error("{0} cannot be read: it is damaged")]
    Damaged(String),
    /// A key that no algorithm uses.
    #[error("the key is of another kind than RSA, EC on P-256 or P-384, and Ed25519")]
    Kind,
    /// An RSA key that is too short or too long; its bits.
    #[error("the RSA key has {0} bits: use {min} to {max}", min = RSA_BITS.start(), max = RSA_BITS.end())]
    RsaBits(usize),
    /// A secret that can be guessed; its bytes.
    #[error(
        "the secret has {0} bytes: use at least 32 for HS256, 48 for HS384, 64 for HS512, all of them random"
    )]
    ShortSecret(usize),
    /// What follows `base64:` is something else.
    #[error("what follows \"base64:\" is not base64")]
    Base64,
    /// A key in the place of a secret.
    #[error("a PEM file is no secret: give a public key as one of \"keys\"")]
    PemAsSecret,
    /// A text that is no JWK set.
    #[error("it is no JWK set, as in {{\"keys\":[…]}}")]
    NotJwkSet,
    /// A text that is no JSON, or not without ambiguity.
    #[error("it is no JWK set: {text}")]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where in the line, in bytes from 1.
        column: usize,
        /// What is wrong there.
        text: String,
    },
    /// A section of a PEM file; the line that it begins in, from 1.
    #[error("{1}")]
    Section(usize, #[source] Box<KeyError>),
    /// A JWK set without a key that verifies tokens; why the first one does not.
    #[error("no key of the set verifies tokens ({0})")]
    NoUsableKey(String),
}

impl KeyError {
    /// Line and column of what is wrong, where one place is.
    pub fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::NotJson { line, column, .. } => Some((*line, *column)),
            Self::Section(line, _) => Some((*line, 1)),
            _ => None,
        }
    }
}

impl Key {
    /// An HMAC secret.
    pub(super) fn secret(secret: &[u8]) -> Result<Self, KeyError> {
        let is_enough = |algorithm: &Algorithm| algorithm.secret_bytes_min() <= secret.len();
        let too_short = || KeyError::ShortSecret(secret.len());
        let key = DecodingKey::from_secret(secret).map_err(|_| too_short())?;
        let key = Self::new(Kind::Secret, key, is_enough);
        if key.algorithms.is_empty() { Err(too_short()) } else { Ok(key) }
    }

    /// A public RSA key of two numbers, the highest byte first.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let (modulus, exponent) = (without_leading_zeros(modulus), without_leading_zeros(exponent));
        let unused = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = modulus.len() * 8 - unused;
        if !RSA_BITS.contains(&bits) {
            return Err(KeyError::RsaBits(bits));
        }
        // By an exponent of 1 everybody could sign.
        if exponent == [1] || exponent.last().is_none_or(|byte| byte % 2 == 0) {
            return Err(KeyError::Damaged("the RSA key's exponent".to_owned()));
        }
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Ok(Self::new(Kind::Rsa, key, |_| true))
    }

    /// A public key on P-256 or P-384: the point, uncompressed. (SEC 1, section 2.3.3)
    pub(super) fn elliptic(curve: Kind, point: &[u8]) -> Result<Self, KeyError> {
        let coordinate_bytes = if curve == Kind::P384 { 48 } else { 32 };
        if point.len() != 1 + 2 * coordinate_bytes || point[0] != 4 {
            return Err(KeyError::Damaged("the EC key's point".to_owned()));
        }
        Ok(Self::new(curve, DecodingKey::from_ec_der(point), |_| true))
    }

    /// A public Ed25519 key.
    pub(super) fn ed25519(key: &[u8]) -> Result<Self, KeyError> {
        if key.len() != 32 {
            return Err(KeyError::Damaged("the Ed25519 key".to_owned()));
        }
        Ok(Self::new(Kind::Ed25519, DecodingKey::from_ed_der(key), |_| true))
    }

    fn new(kind: Kind, key: DecodingKey, is_fit: impl Fn(&Algorithm) -> bool) -> Self {
        let of_kind = Algorithm::ALL.into_iter().filter(|algorithm| algorithm.kind() == kind);
        Self { id: None, algorithms: of_kind.filter(is_fit).collect(), key }
    }

    /// Whether it is the key of that name.
    pub(super) fn is_named(&self, id: &str) -> bool {
        self.id.as_deref() == Some(id)
    }

    /// Whether it may verify by that algorithm.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// Whether it signed `message`; the signature is in base64url. The time it takes tells nothing of a
    /// secret.
    pub(super) fn has_signed(&self, algorithm: Algorithm, message: &str, signature: &str) -> bool {
        self.is_for(algorithm)
            && crypto::verify(signature, message.as_bytes(), &self.key, algorithm.as_library())
                .unwrap_or(false)
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// A secret belongs into no log.
impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = formatter.debug_struct("Key");
        key.field("id", &self.id).field("algorithms", &self.algorithms).finish_non_exhaustive()
    }
}
