//! JWK sets: the keys that an issuer publishes as JSON. (RFC 7517; RFC 7518, section 6; RFC 8037)

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Kind;
use super::key::Key;
use super::{Algorithm, KeyError, json};

/// The keys of a set that verify tokens; at least one.
pub(super) fn keys(text: &[u8]) -> Result<Vec<Key>, KeyError> {
    let set = json::read(text).map_err(|error| not_json(&error))?;
    let items = set.get("keys").and_then(Value::as_array).ok_or(KeyError::NotJwkSet)?;
    let items: Option<Vec<_>> = items.iter().map(Value::as_object).collect();
    let items = items.ok_or(KeyError::NotJwkSet)?;
    // A secret is no pair, so its one half cannot be published by mistake.
    if items.iter().any(|item| text_of(item, "kty") != Some("oct") && item.contains_key("d")) {
        return Err(KeyError::Private);
    }
    let (mut keys, mut reason) = (Vec::new(), None);
    for item in items {
        match key(item) {
            Ok(key) => keys.push(key),
            Err(passed_over) => reason = reason.or(Some(passed_over)),
        }
    }
    if keys.is_empty() {
        return Err(KeyError::NoUsableKey(reason.unwrap_or_else(|| "there is none in it".to_owned())));
    }
    Ok(keys)
}

fn not_json(error: &serde_json::Error) -> KeyError {
    let (line, column, text) = (error.line(), error.column(), error.to_string());
    let text = text.split(" at line ").next().unwrap_or_default().to_owned();
    KeyError::NotJson { line, column, text }
}

/// One key, or why it is passed over.
fn key(item: &Map<String, Value>) -> Result<Key, String> {
    if item.get("use").is_some_and(|usage| usage != "sig") {
        return Err("it is not for signatures".to_owned());
    }
    let is_verify = |operations: &Value| {
        operations
            .as_array()
            .is_some_and(|operations| operations.iter().any(|operation| operation == "verify"))
    };
    if item.get("key_ops").is_some_and(|operations| !is_verify(operations)) {
        return Err("it is not for verifying".to_owned());
    }
    let mut key = material(item).map_err(|error| error.to_string())?;
    key.id = match item.get("kid") {
        None => None,
        Some(id) => Some(id.as_str().ok_or("its kid is no string")?.into()),
    };
    if let Some(name) = item.get("alg") {
        let named = name.as_str().and_then(Algorithm::named);
        key.algorithms.retain(|algorithm| Some(*algorithm) == named);
        if key.algorithms.is_empty() {
            return Err(format!("it is for {name}, which is not for such a key or not known here"));
        }
    }
    Ok(key)
}

fn material(item: &Map<String, Value>) -> Result<Key, KeyError> {
    match (text_of(item, "kty"), text_of(item, "crv")) {
        (Some("RSA"), _) => Key::rsa(&bytes_of(item, "n")?, &bytes_of(item, "e")?),
        (Some("EC"), Some("P-256")) => elliptic(Kind::P256, item),
        (Some("EC"), Some("P-384")) => elliptic(Kind::P384, item),
        (Some("OKP"), Some("Ed25519")) => Key::ed25519(&bytes_of(item, "x")?),
        (Some("oct"), _) => Key::secret(&bytes_of(item, "k")?),
        _ => Err(KeyError::Kind),
    }
}

fn elliptic(curve: Kind, item: &Map<String, Value>) -> Result<Key, KeyError> {
    let (x, y) = (bytes_of(item, "x")?, bytes_of(item, "y")?);
    // Both have the curve's full length (RFC 7518, section 6.2.1.2), else it is unclear where one ends.
    if x.len() != y.len() {
        return Err(KeyError::Damaged("the EC key's point".to_owned()));
    }
    Key::elliptic(curve, &[&[4], x.as_slice(), &y].concat())
}

fn text_of<'a>(item: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    item.get(name).and_then(Value::as_str)
}

fn bytes_of(item: &Map<String, Value>, name: &str) -> Result<Vec<u8>, KeyError> {
    let bytes = text_of(item, name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    bytes.ok_or_else(|| KeyError::Damaged(format!("the key's \"{name}\"")))
}
