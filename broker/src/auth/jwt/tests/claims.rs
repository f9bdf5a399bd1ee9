//! What a signed token says, and whether it counts.

use serde_json::{Value, json};

use super::super::{Algorithm, Keys, Refused, Rules, Verifier};
use super::signer::{SECRET, Signer};
use super::{NOW, ann, rules};

fn verify(rules: &Rules, claims: &str) -> Result<Option<u64>, Refused> {
    let verifier = Verifier::new(rules.clone(), Keys::from_secret(SECRET).unwrap());
    let token = Signer::new(Algorithm::HS256).token_with(r#"{"alg":"HS256"}"#, claims);
    verifier.verify(&token, NOW).map(|claims| claims.expires_at)
}

/// The right claims with this one besides.
fn with(name: &str, value: impl Into<Value>) -> String {
    let mut claims = ann();
    claims[name] = value.into();
    claims.to_string()
}

fn wrong(name: &str) -> Result<Option<u64>, Refused> {
    Err(Refused::Claim(name.to_owned()))
}

#[test]
fn a_token_counts_for_a_while() {
    // Written out, because not all of these are numbers that Rust could write.
    let text = |name: &str, number: &str| format!(r#"{{"sub":"ann","exp":1700000300,"{name}":{number}}}"#);
    let exp = |number: &str| format!(r#"{{"sub":"ann","exp":{number}}}"#);
    let right = Ok(Some(NOW + 360));
    for (case, claims, expected) in [
        ("to come", exp("1700000300"), right.clone()),
        ("over", exp("1600000000"), Err(Refused::Expired)),
        ("now over, leeway included", exp("1699999940"), Err(Refused::Expired)),
        ("just within the leeway", exp("1699999941"), Ok(Some(NOW + 1))),
        ("a fraction within it", exp("1699999940.5"), Ok(Some(NOW + 1))),
        ("a fraction that is whole", exp("1.69999994e9"), Err(Refused::Expired)),
        ("negative", exp("-1"), Err(Refused::Expired)),
        ("negative without end", exp("-1e300"), Err(Refused::Expired)),
        ("the largest whole number", exp("18446744073709551615"), Ok(Some(u64::MAX))),
        ("larger than that", exp("1e300"), Ok(Some(u64::MAX))),
        ("larger than any number", exp("1e999"), Err(Refused::Malformed)),
        ("a string", exp("\"1700000300\""), wrong("exp")),
        ("null", exp("null"), wrong("exp")),
        ("a list", exp("[1700000300]"), wrong("exp")),
        ("none", r#"{"sub":"ann"}"#.to_owned(), wrong("exp")),
        ("twice", r#"{"sub":"ann","exp":1700000300,"exp":1800000000}"#.to_owned(), Err(Refused::Malformed)),
        ("not before, over", text("nbf", "1700000000"), right.clone()),
        ("not before, within the leeway", text("nbf", "1700000060"), right.clone()),
        ("not before, to come", text("nbf", "1700000061"), Err(Refused::NotYet)),
        ("not before, a fraction to come", text("nbf", "1700000060.1"), Err(Refused::NotYet)),
        ("not before, never", text("nbf", "1e300"), Err(Refused::NotYet)),
        ("not before, long ago", text("nbf", "-1"), right.clone()),
        ("not before, a string", text("nbf", "\"1\""), wrong("nbf")),
        ("issued", text("iat", "1700000060"), right),
        ("issued in the future", text("iat", "1700000061"), Err(Refused::NotYet)),
        ("issued, a boolean", text("iat", "true"), wrong("iat")),
    ] {
        assert_eq!(verify(&rules(), &claims), expected, "{case}");
    }
}

#[test]
fn times_do_not_overflow_the_leeway() {
    let endless = Rules { leeway_secs: u64::MAX, ..rules() };
    assert_eq!(verify(&endless, &with("nbf", u64::MAX)), Ok(Some(u64::MAX)));
    let strict = Rules { leeway_secs: 0, ..rules() };
    assert_eq!(verify(&strict, &with("exp", NOW)), Err(Refused::Expired));
    assert_eq!(verify(&strict, &with("exp", NOW + 1)), Ok(Some(NOW + 1)));
}

#[test]
fn expiry_may_be_left_out_where_that_is_allowed() {
    let lax = Rules { requires_expiry: false, ..rules() };
    assert_eq!(verify(&lax, r#"{"sub":"ann"}"#), Ok(None));
    assert_eq!(verify(&lax, r#"{"sub":"ann","exp":1}"#), Err(Refused::Expired));
    assert_eq!(verify(&lax, r#"{"sub":"ann","exp":"1"}"#), wrong("exp"));
}

#[test]
fn a_token_is_for_somebody() {
    let ours = Rules { audiences: vec!["tidewire".into(), "second".into()], ..rules() };
    let right = Ok(Some(NOW + 360));
    for (case, claims, expected) in [
        ("us", with("aud", "tidewire"), right.clone()),
        ("our other name", with("aud", "second"), right.clone()),
        ("a list with us", with("aud", json!(["other", "tidewire"])), right.clone()),
        ("somebody else", with("aud", "other"), Err(Refused::Audience)),
        ("our name in another case", with("aud", "Tidewire"), Err(Refused::Audience)),
        ("a beginning of our name", with("aud", "tide"), Err(Refused::Audience)),
        ("a list without us", with("aud", json!(["other", 1])), Err(Refused::Audience)),
        ("an empty list", with("aud", json!([])), Err(Refused::Audience)),
        ("an object", with("aud", json!({ "tidewire": true })), Err(Refused::Audience)),
        ("nobody", ann().to_string(), Err(Refused::Audience)),
    ] {
        assert_eq!(verify(&ours, &claims), expected, "{case}");
    }
    assert_eq!(verify(&rules(), &with("aud", "other")), right, "no audience is asked for");
}

#[test]
fn a_token_is_of_somebody() {
    let theirs = Rules { issuer: Some("https://issuer.example".into()), ..rules() };
    for (case, claims, expected) in [
        ("the issuer", with("iss", "https://issuer.example"), Ok(Some(NOW + 360))),
        ("another one", with("iss", "https://issuer.example/"), Err(Refused::Issuer)),
        ("a list", with("iss", json!(["https://issuer.example"])), Err(Refused::Issuer)),
        ("null", with("iss", Value::Null), Err(Refused::Issuer)),
        ("nobody", ann().to_string(), Err(Refused::Issuer)),
    ] {
        assert_eq!(verify(&theirs, &claims), expected, "{case}");
    }
    assert!(verify(&rules(), &with("iss", "anybody")).is_ok(), "no issuer is asked for");
}

#[test]
fn a_token_is_about_somebody() {
    assert_eq!(verify(&rules(), &with("sub", "")), wrong("sub"));
    assert_eq!(verify(&rules(), r#"{"exp":1800000000}"#), wrong("sub"));
    let nested = Rules { username_claim: "user.name".into(), ..rules() };
    assert!(verify(&nested, &with("user", json!({ "name": "ann" }))).is_ok());
    assert_eq!(verify(&nested, &ann().to_string()), wrong("user.name"));
}
