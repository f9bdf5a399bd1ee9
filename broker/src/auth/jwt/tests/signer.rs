//! An issuer for tests: keys of every kind, and tokens that are right or wrong in any way.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use super::super::Algorithm;
use super::super::algorithm::Kind;

/// A secret that is long enough for every algorithm.
pub(super) const SECRET: &[u8; 64] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One that signs.
pub(super) struct Signer {
    pub(super) algorithm: Algorithm,
    key: EncodingKey,
    pair: Option<KeyPair>,
}

/// Made once: it takes long.
static RSA: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());

impl Signer {
    /// One with a key of its own, but for RSA and HMAC, of which there is one key.
    pub(super) fn new(algorithm: Algorithm) -> Self {
        let pair = match algorithm.kind() {
            Kind::Secret => return Self::with_secret(algorithm, SECRET),
            Kind::Rsa => KeyPair::from_pem(&RSA.serialize_pem()),
            Kind::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Kind::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Kind::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
        };
        let pair = pair.unwrap();
        let key = match algorithm.kind() {
            Kind::Rsa => EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap(),
            Kind::Ed25519 => EncodingKey::from_ed_der(&pair.serialize_der()),
            _ => EncodingKey::from_ec_der(&pair.serialize_der()),
        };
        Self { algorithm, key, pair: Some(pair) }
    }

    pub(super) fn with_secret(algorithm: Algorithm, secret: &[u8]) -> Self {
        Self { algorithm, key: EncodingKey::from_secret(secret).unwrap(), pair: None }
    }

    pub(super) fn pair(&self) -> &KeyPair {
        self.pair.as_ref().unwrap()
    }

    pub(super) fn public_pem(&self) -> String {
        self.pair().public_key_pem()
    }

    /// Its public key, or its secret, as a JWK without `kid` and `alg`.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match self.algorithm.kind() {
            // The library makes none of an Ed25519 key of this encoding.
            Kind::Ed25519 => {
                let x = URL_SAFE_NO_PAD.encode(self.pair().public_key_raw());
                json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
            }
            _ => {
                let jwk = Jwk::from_encoding_key(&self.key, self.algorithm.as_library()).unwrap();
                serde_json::to_value(jwk).unwrap()
            }
        };
        jwk.as_object_mut().unwrap().remove("alg");
        jwk
    }

    /// A token with the usual header and `claims`.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&format!(r#"{{"alg":"{}","typ":"JWT"}}"#, self.algorithm), &claims.to_string())
    }

    /// A token that names its key.
    pub(super) fn token_of(&self, key_id: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm, "kid": key_id });
        self.token_with(&header.to_string(), &claims.to_string())
    }

    /// A token of these two texts, signed whatever they say.
    pub(super) fn token_with(&self, header: &str, claims: &str) -> String {
        self.sign(&format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims)))
    }

    /// `message` and its signature.
    pub(super) fn sign(&self, message: &str) -> String {
        let signature = crypto::sign(message.as_bytes(), &self.key, self.algorithm.as_library()).unwrap();
        format!("{message}.{signature}")
    }
}

/// `der` as a PEM file's section.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// A JWK set of keys with these members besides.
pub(super) fn jwk_set(keys: &[(&Signer, Value)]) -> String {
    let with = |(signer, members): &(&Signer, Value)| {
        let mut jwk = signer.jwk();
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        jwk
    };
    json!({ "keys": keys.iter().map(with).collect::<Vec<_>>() }).to_string()
}
