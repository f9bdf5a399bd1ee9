//! When, for whom and by whom a token is. (RFC 7519, section 4.1)

use serde_json::{Map, Value};

use super::{Refused, Rules};

/// Holds a token against the time. Returns when it ends, the leeway included.
pub(super) fn time(
    claims: &Map<String, Value>,
    rules: &Rules,
    now_secs: u64,
) -> Result<Option<u64>, Refused> {
    let expires_at = date(claims, "exp")?.map(|expiry| expiry.saturating_add(rules.leeway_secs));
    if expires_at.is_none() && rules.requires_expiry {
        return Err(Refused::Claim("exp".to_owned()));
    }
    if expires_at.is_some_and(|expires_at| now_secs >= expires_at) {
        return Err(Refused::Expired);
    }
    for claim in ["nbf", "iat"] {
        if date(claims, claim)?.is_some_and(|begin| now_secs.saturating_add(rules.leeway_secs) < begin) {
            return Err(Refused::NotYet);
        }
    }
    Ok(expires_at)
}

/// Whether one of the audiences is meant.
pub(super) fn audience(claims: &Map<String, Value>, rules: &Rules) -> Result<(), Refused> {
    let is_ours = |audience: &Value| {
        audience.as_str().is_some_and(|audience| rules.audiences.iter().any(|ours| ours == audience))
    };
    let is_for_us = match claims.get("aud") {
        Some(Value::Array(audiences)) => audiences.iter().any(is_ours),
        Some(audience) => is_ours(audience),
        None => false,
    };
    if is_for_us || rules.audiences.is_empty() { Ok(()) } else { Err(Refused::Audience) }
}

/// Whether it is of the issuer.
pub(super) fn issuer(claims: &Map<String, Value>, rules: &Rules) -> Result<(), Refused> {
    let issuer = claims.get("iss").and_then(Value::as_str);
    if rules.issuer.is_none() || issuer == rules.issuer.as_deref() { Ok(()) } else { Err(Refused::Issuer) }
}

/// A NumericDate, in seconds since 1970. A fraction is rounded up: a whole second lies before it exactly when
/// it lies before the next whole one. What is before 1970 is 1970, and what is beyond all times is the end of
/// all times.
fn date(claims: &Map<String, Value>, claim: &str) -> Result<Option<u64>, Refused> {
    let Some(value) = claims.get(claim) else { return Ok(None) };
    let Value::Number(number) = value else { return Err(Refused::Claim(claim.to_owned())) };
    // The cast saturates, and what is negative becomes 0.
    let rounded = number.as_f64().map(|seconds| seconds.ceil() as u64);
    number.as_u64().or(rounded).map(Some).ok_or_else(|| Refused::Claim(claim.to_owned()))
}
