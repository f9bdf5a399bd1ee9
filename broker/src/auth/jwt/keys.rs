//! The set of keys that tokens are verified with, and which of them a token is held against.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::Key;
use super::{Algorithm, KeyError, Refused, jwk_set, pem};

/// Keys that one token is held against; each try is work that somebody without a key can cause.
const KEYS_TRIED_MAX: usize = 16;

/// Verification keys. A set does not change: who gets new keys makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// The keys of a PEM file: public keys (`PUBLIC KEY`, `RSA PUBLIC KEY`) and those of certificates. They
    /// have no name, so they are tried for every token that no other key is named for. Of a certificate only
    /// the key is taken, and its dates and issuer are not looked at; the certificates of its authorities do
    /// not belong into the file, because their keys would be trusted as well.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it; a file without a key.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        pem::keys(text).map(Self)
    }

    /// The HMAC secret of a file: its bytes, or what they stand for in base64 (the usual alphabet, with
    /// padding) behind `base64:`. From a file that is nothing but printable ASCII the line's end is taken
    /// off, since an editor put it there.
    ///
    /// # Errors
    ///
    /// When it is shorter than 32 bytes, or a PEM file.
    pub fn from_secret(file: &[u8]) -> Result<Self, KeyError> {
        if file.windows(PEM.len()).any(|window| window == PEM) {
            return Err(KeyError::PemAsSecret);
        }
        let line = file.strip_suffix(b"\n").unwrap_or(file);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_text = line.iter().all(|byte| (b' '..=b'~').contains(byte));
        let secret = if is_text { line } else { file };
        let key = match secret.strip_prefix(b"base64:") {
            Some(encoded) => Key::secret(&STANDARD.decode(encoded).map_err(|_| KeyError::Base64)?),
            None => Key::secret(secret),
        };
        Ok(Self(vec![key?]))
    }

    /// The keys of a JWK set. Keys for encryption, of kinds and algorithms that are not known here, and those
    /// that are wrong are passed over, as the set may be made for other readers as well. (RFC 7517, section
    /// 5)
    ///
    /// # Errors
    ///
    /// When the text is no JWK set, holds a private key, or no key that verifies tokens.
    pub fn from_jwk_set(text: &[u8]) -> Result<Self, KeyError> {
        jwk_set::keys(text).map(Self)
    }

    /// These and the other ones.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Those of them that may be published: public keys.
    pub fn without_secrets(mut self) -> Self {
        self.0.retain(|key| !key.algorithms.iter().any(|algorithm| algorithm.is_symmetric()));
        self
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key among them verifies by that algorithm.
    pub fn has_key_for(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.is_for(algorithm))
    }

    /// Whether one of them signed `message`. Where the token names a key, those of that name are tried. Where
    /// no key has that name, those without a name are; when they fail, the key is unknown rather than the
    /// signature wrong, because a newer set may have it. Where the token names none, all are tried.
    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        key_id: Option<&str>,
        message: &str,
        signature: &str,
    ) -> Result<(), Refused> {
        let is_known = key_id.is_none_or(|id| self.0.iter().any(|key| key.is_named(id)));
        let is_meant = |key: &&Key| match key_id {
            Some(id) if is_known => key.is_named(id),
            Some(_) => key.id.is_none(),
            None => true,
        };
        let fit = self.0.iter().filter(|key| key.is_for(algorithm)).filter(is_meant);
        let mut fit = fit.take(KEYS_TRIED_MAX).peekable();
        let is_unknown = !is_known || fit.peek().is_none();
        if fit.any(|key| key.has_signed(algorithm, message, signature)) {
            return Ok(());
        }
        Err(if is_unknown { Refused::UnknownKey } else { Refused::Signature })
    }
}

const PEM: &[u8] = b"-----BEGIN ";
