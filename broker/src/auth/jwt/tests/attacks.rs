//! What attackers send, and honest clients with the wrong token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::super::{Algorithm, Keys, Refused, Rules, Verifier};
use super::signer::{SECRET, Signer, jwk_set};
use super::{NOW, ann, rules};

/// The keys `rsa`, `ec` and `ed`, which have these names, and the signers that have them.
struct Stage {
    rsa: Signer,
    ec: Signer,
    ed: Signer,
    verifier: Verifier,
}

fn stage() -> Stage {
    let (rsa, ec, ed) =
        (Signer::new(Algorithm::RS256), Signer::new(Algorithm::ES256), Signer::new(Algorithm::EdDSA));
    let set = jwk_set(&[
        (&rsa, json!({ "kid": "rsa" })),
        (&ec, json!({ "kid": "ec", "alg": "ES256" })),
        (&ed, json!({ "kid": "ed" })),
    ]);
    let keys = Keys::from_jwk_set(set.as_bytes()).unwrap();
    Stage { rsa, ec, ed, verifier: Verifier::new(rules(), keys) }
}

#[test]
fn each_attack_is_refused() {
    let stage = stage();
    let (ec, rsa) = (&stage.ec, &stage.rsa);
    let right = ec.token(&ann());
    let parts: Vec<_> = right.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("a token has three parts") };
    let base64 = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let with_header = |header: &str| ec.token_with(header, &ann().to_string());
    let none = |name: &str| format!("{}.{claims}.{signature}", base64(&format!(r#"{{"alg":"{name}"}}"#)));
    // The public key's text, in the forms an attacker may guess, as the secret of HMAC.
    let by_text = |text: &str| Signer::with_secret(Algorithm::HS256, text.as_bytes()).token(&ann());
    let stranger = Signer::new(Algorithm::ES256);
    let with_own_key = json!({ "alg": "ES256", "jwk": stranger.jwk(), "jku": "https://evil.example/" });
    let ann = &ann();
    use Refused::{Algorithm as NoAlgorithm, Malformed, Signature, TooLarge, UnknownKey};
    for (attack, token, refused) in [
        ("alg none", none("none"), NoAlgorithm),
        ("alg None", none("None"), NoAlgorithm),
        ("alg NONE", none("NONE"), NoAlgorithm),
        ("alg nOnE", none("nOnE"), NoAlgorithm),
        ("alg empty", none(""), NoAlgorithm),
        ("alg none, no signature", format!("{}.{claims}.", base64(r#"{"alg":"none"}"#)), NoAlgorithm),
        ("alg in lower case", with_header(r#"{"alg":"es256"}"#), NoAlgorithm),
        ("alg missing", with_header(r#"{"typ":"JWT"}"#), Malformed),
        ("alg a list", with_header(r#"{"alg":["ES256"]}"#), Malformed),
        ("alg null", with_header(r#"{"alg":null}"#), Malformed),
        ("HMAC by the RSA key's text", by_text(&rsa.public_pem()), UnknownKey),
        ("HMAC by the RSA key's text, trimmed", by_text(rsa.public_pem().trim_end()), UnknownKey),
        ("HMAC by the EC key's text", by_text(&ec.public_pem()), UnknownKey),
        ("RS256 said, ES256 done", with_header(r#"{"alg":"RS256","kid":"rsa"}"#), Signature),
        ("RS256 said of the EC key", with_header(r#"{"alg":"RS256","kid":"ec"}"#), UnknownKey),
        (
            "ES256 said, RS256 done",
            rsa.token_with(r#"{"alg":"ES256","kid":"ec"}"#, &ann.to_string()),
            Signature,
        ),
        ("ES384 by a P-256 key", with_header(r#"{"alg":"ES384","kid":"ec"}"#), UnknownKey),
        ("PS256 said, RS256 done", rsa.token_with(r#"{"alg":"PS256"}"#, &ann.to_string()), Signature),
        ("another key of the kind", stranger.token(ann), Signature),
        ("another key, the right name", stranger.token_of("ec", ann), Signature),
        ("another key's name", ec.token_of("rsa", ann), UnknownKey),
        ("another key's name, same kind", stage.ed.token_of("ec", ann), UnknownKey),
        ("an unknown name", ec.token_of("nobody", ann), UnknownKey),
        ("an empty name", ec.token_of("", ann), UnknownKey),
        ("a name that is a path", ec.token_of("../../dev/null", ann), UnknownKey),
        ("a name that is no string", with_header(r#"{"alg":"ES256","kid":["ec"]}"#), Malformed),
        (
            "its own key in the header",
            stranger.token_with(&with_own_key.to_string(), &ann.to_string()),
            Signature,
        ),
        (
            "claims changed",
            format!("{header}.{}.{signature}", base64(r#"{"sub":"root","exp":1800000000}"#)),
            Signature,
        ),
        ("header changed", format!("{}.{claims}.{signature}", base64(r#"{"alg":"ES256"}"#)), Signature),
        ("signature changed", format!("{header}.{claims}.{}", "A".repeat(86)), Signature),
        ("signature of other claims", format!("{header}.{}.{signature}", base64("{}")), Signature),
        ("signature cut", right[..right.len() - 4].to_owned(), Signature),
        ("signature stripped", format!("{header}.{claims}."), Signature),
        ("signature gone", format!("{header}.{claims}"), Malformed),
        ("signature padded", format!("{right}=="), Signature),
        ("something behind it", format!("{right}AAAA"), Signature),
        ("a newline behind it", format!("{right}\n"), Signature),
        ("a part behind it", format!("{right}.{claims}"), Malformed),
        ("a space in front", format!(" {right}"), Malformed),
        ("header padded", format!("{}==.{claims}.{signature}", base64(r#"{"alg":"ES256"} "#)), Malformed),
        ("claims padded", ec.sign(&format!("{header}.{}=", base64(r#"{"sub":"ann" }"#))), Malformed),
        ("claims in base64 of the usual alphabet", ec.sign(&format!("{header}.eyJhIjoi/+8ifQ")), Malformed),
        ("bits behind the end", ec.sign(&format!("{header}.e31")), Malformed),
        ("no claims", ec.sign(&format!("{header}.")), Malformed),
        ("encrypted", format!("{}.AA.AA.AA.AA", base64(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#)), Malformed),
        ("too large", format!("{header}.{}.{signature}", "A".repeat(8 << 10)), TooLarge),
        ("too large, no token", "a".repeat((8 << 10) + 1), TooLarge),
        ("nothing", String::new(), Malformed),
        ("two dots", "..".to_owned(), Malformed),
        ("garbage", "garbage".to_owned(), Malformed),
        ("garbage in parts", "gar.ba.ge".to_owned(), Malformed),
        ("crit of its own", with_header(r#"{"alg":"ES256","crit":["x"],"x":1}"#), Refused::Header("crit")),
        ("crit b64", with_header(r#"{"alg":"ES256","crit":["b64"],"b64":true}"#), Refused::Header("crit")),
        ("crit empty", with_header(r#"{"alg":"ES256","crit":[]}"#), Refused::Header("crit")),
        ("b64", with_header(r#"{"alg":"ES256","b64":false}"#), Refused::Header("b64")),
        ("another type", with_header(r#"{"alg":"ES256","typ":"logout+jwt"}"#), Refused::Header("typ")),
        ("a type that is no string", with_header(r#"{"alg":"ES256","typ":1}"#), Refused::Header("typ")),
        ("alg twice", with_header(r#"{"alg":"ES256","alg":"none"}"#), Malformed),
        (
            "sub twice",
            ec.token_with(r#"{"alg":"ES256"}"#, r#"{"sub":"a","sub":"b","exp":1800000000}"#),
            Malformed,
        ),
        ("claims that are a list", ec.token_with(r#"{"alg":"ES256"}"#, "[]"), Malformed),
        ("claims with something behind", ec.token_with(r#"{"alg":"ES256"}"#, "{}{}"), Malformed),
    ] {
        let found = stage.verifier.verify(&token, NOW);
        assert_eq!(found.map(|claims| claims.user), Err(refused), "{attack}");
    }
    assert!(stage.verifier.verify(&right, NOW).is_ok(), "all of them are made from a right one");
}

#[test]
fn an_algorithm_that_is_not_allowed_is_refused_though_there_is_a_key() {
    let stage = stage();
    let keys = Keys::from_jwk_set(jwk_set(&[(&stage.rsa, json!({})), (&stage.ec, json!({}))]).as_bytes());
    let rules = Rules { algorithms: vec![Algorithm::ES256], ..rules() };
    let verifier = Verifier::new(rules, keys.unwrap());
    assert!(verifier.verify(&stage.ec.token(&ann()), NOW).is_ok());
    let refused = verifier.verify(&stage.rsa.token(&ann()), NOW).unwrap_err();
    assert_eq!(refused, Refused::Algorithm);
    assert!(!refused.is_unknown_key());
}

#[test]
fn a_public_key_is_no_secret_even_beside_one() {
    let rsa = Signer::new(Algorithm::RS256);
    let keys = Keys::from_pem(rsa.public_pem().as_bytes()).unwrap();
    let keys = keys.and(Keys::from_secret(SECRET).unwrap());
    let verifier = Verifier::new(rules(), keys);
    assert!(verifier.verify(&Signer::new(Algorithm::HS256).token(&ann()), NOW).is_ok());
    let by_text = Signer::with_secret(Algorithm::HS256, rsa.public_pem().as_bytes());
    assert_eq!(verifier.verify(&by_text.token(&ann()), NOW), Err(Refused::Signature));
}

#[test]
fn harmless_headers_are_let_through() {
    let stage = stage();
    let stranger = Signer::new(Algorithm::ES256).jwk();
    for header in [
        json!({ "alg": "ES256" }),
        json!({ "alg": "ES256", "typ": "jwt", "kid": "ec" }),
        json!({ "alg": "ES256", "typ": "at+jwt" }),
        json!({ "alg": "ES256", "typ": "application/at+JWT", "x5t": "AA" }),
        json!({ "alg": "ES256", "jwk": stranger, "jku": "https://evil.example/", "x5c": ["AA"], "x5u": 1 }),
    ] {
        let token = stage.ec.token_with(&header.to_string(), &ann().to_string());
        assert!(stage.verifier.verify(&token, NOW).is_ok(), "{header}");
    }
}
