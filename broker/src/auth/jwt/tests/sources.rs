//! Where keys come from, and which of them verifies what.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::PublicKeyData as _;
use serde_json::json;

use super::super::{Algorithm, KeyError, Keys, Refused, Verifier};
use super::signer::{SECRET, Signer, jwk_set, pem};
use super::{NOW, ann, rules};

fn is_accepted(keys: &Keys, token: &str) -> Result<(), Refused> {
    Verifier::new(rules(), keys.clone()).verify(token, NOW).map(drop)
}

fn certificate(signer: &Signer) -> String {
    let parameters = rcgen::CertificateParams::new(vec!["issuer.example".to_owned()]).unwrap();
    parameters.self_signed(signer.pair()).unwrap().pem()
}

#[test]
fn every_algorithm_is_verified_by_a_key_of_every_source() {
    for algorithm in Algorithm::ALL {
        let signer = Signer::new(algorithm);
        let mut sources = vec![("JWK set", Keys::from_jwk_set(jwk_set(&[(&signer, json!({}))]).as_bytes()))];
        if algorithm.is_symmetric() {
            let encoded = format!("base64:{}\n", STANDARD.encode(SECRET));
            sources.push(("secret", Keys::from_secret(SECRET)));
            sources.push(("secret in base64", Keys::from_secret(encoded.as_bytes())));
        } else {
            sources.push(("PEM", Keys::from_pem(signer.public_pem().as_bytes())));
            sources.push(("certificate", Keys::from_pem(certificate(&signer).as_bytes())));
        }
        for (source, keys) in sources {
            let keys = keys.unwrap();
            assert_eq!(is_accepted(&keys, &signer.token(&ann())), Ok(()), "{algorithm} by {source}");
            for other in Algorithm::ALL {
                let is_for = other.kind() == algorithm.kind();
                assert_eq!(keys.has_key_for(other), is_for, "{other} by {source} for {algorithm}");
            }
        }
    }
}

#[test]
fn a_pem_file_may_hold_several_keys_and_words_between() {
    let (rsa, ec) = (Signer::new(Algorithm::PS512), Signer::new(Algorithm::ES384));
    let pkcs1 = pem("RSA PUBLIC KEY", rsa.pair().public_key_raw());
    let text = format!("the old one\n{pkcs1}and the new one\r\n{}", ec.public_pem().replace('\n', "\r\n"));
    let keys = Keys::from_pem(text.as_bytes()).unwrap();
    assert_eq!(keys.len(), 2);
    assert_eq!(is_accepted(&keys, &rsa.token(&ann())), Ok(()));
    assert_eq!(is_accepted(&keys, &ec.token(&ann())), Ok(()));
    assert_eq!(is_accepted(&keys, &ec.token_of("any name", &ann())), Ok(()), "it has no name of its own");
    assert_eq!(
        is_accepted(&keys, &Signer::new(Algorithm::ES384).token_of("any", &ann())),
        Err(Refused::UnknownKey)
    );
}

#[test]
fn what_is_wrong_with_a_pem_file_is_said() {
    let ec = Signer::new(Algorithm::ES256);
    let public = ec.public_pem();
    let other_curve = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).unwrap().public_key_pem();
    let damaged = || KeyError::Damaged("a section of the PEM file".to_owned());
    let longer = [&ec.pair().subject_public_key_info(), [0].as_slice()].concat();
    let begins = |line, error: KeyError| KeyError::Section(line, error.into());
    let lines = public.lines().count();
    for (case, text, error) in [
        ("empty", String::new(), KeyError::NoPem),
        ("something else", "ssh-ed25519 AAAA".to_owned(), KeyError::NoPem),
        ("private key", ec.pair().serialize_pem(), KeyError::Private),
        ("private key behind a public one", public.clone() + &ec.pair().serialize_pem(), KeyError::Private),
        ("old private key", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4".to_owned(), KeyError::Private),
        ("encrypted key", pem("ENCRYPTED PRIVATE KEY", b"x"), KeyError::Private),
        (
            "request",
            pem("CERTIFICATE REQUEST", b"x"),
            begins(1, KeyError::Label("CERTIFICATE REQUEST".to_owned())),
        ),
        ("something behind the key", pem("PUBLIC KEY", &longer), begins(1, damaged())),
        ("nonsense", pem("PUBLIC KEY", b"x"), begins(1, damaged())),
        ("nonsense below words", format!("of 2026\n\n{}", pem("PUBLIC KEY", b"x")), begins(3, damaged())),
        ("nonsense behind", public.clone() + &pem("CERTIFICATE", b"x"), begins(lines + 1, damaged())),
        ("no base64", "-----BEGIN PUBLIC KEY-----\n?\n-----END PUBLIC KEY-----".into(), begins(1, damaged())),
        ("no end", public.lines().take(2).collect::<Vec<_>>().join("\n"), begins(1, damaged())),
        ("P-521", other_curve, begins(1, KeyError::Kind)),
    ] {
        assert_eq!(Keys::from_pem(text.as_bytes()).err(), Some(error), "{case}");
    }
}

#[test]
fn a_secret_is_long_and_for_what_it_is_long_enough() {
    for (bytes, algorithms) in [(32, 1), (47, 1), (48, 2), (63, 2), (64, 3), (200, 3)] {
        let keys = Keys::from_secret(&vec![7; bytes]).unwrap();
        let hmac = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        let found = hmac.into_iter().filter(|algorithm| keys.has_key_for(*algorithm)).count();
        assert_eq!(found, algorithms, "{bytes} bytes");
    }
    let short = format!("base64:{}", STANDARD.encode([7; 31]));
    for (case, file, error) in [
        ("empty", Vec::new(), KeyError::ShortSecret(0)),
        ("short", vec![7; 31], KeyError::ShortSecret(31)),
        (
            "short with a line's end",
            b"0123456789abcdef0123456789abcde\r\n".to_vec(),
            KeyError::ShortSecret(31),
        ),
        ("short in base64", short.into_bytes(), KeyError::ShortSecret(31)),
        ("not in base64", b"base64:????".to_vec(), KeyError::Base64),
        ("a key", Signer::new(Algorithm::ES256).public_pem().into_bytes(), KeyError::PemAsSecret),
    ] {
        assert_eq!(Keys::from_secret(&file).err(), Some(error), "{case}");
    }
}

#[test]
fn of_a_text_the_lines_end_is_no_part_of_the_secret_but_of_bytes_it_is() {
    let token = |secret: &[u8]| Signer::with_secret(Algorithm::HS256, secret).token(&ann());
    let text = [SECRET.as_slice(), b"\n"].concat();
    assert_eq!(is_accepted(&Keys::from_secret(&text).unwrap(), &token(SECRET)), Ok(()));
    let bytes = [&[0xff; 40], b"\n".as_slice()].concat();
    assert_eq!(is_accepted(&Keys::from_secret(&bytes).unwrap(), &token(&bytes)), Ok(()));
}

#[test]
fn keys_of_a_set_are_used_for_what_they_are_meant() {
    let (rsa, ec) = (Signer::new(Algorithm::RS256), Signer::new(Algorithm::ES256));
    let other_rsa = Signer::new(Algorithm::RS512);
    for (case, members, expected) in [
        ("nothing said", json!({}), Ok(())),
        ("for signatures", json!({ "use": "sig" }), Ok(())),
        ("for encryption", json!({ "use": "enc" }), Err(Refused::UnknownKey)),
        ("for verifying", json!({ "key_ops": ["sign", "verify"] }), Ok(())),
        ("for other operations", json!({ "key_ops": ["encrypt"] }), Err(Refused::UnknownKey)),
        ("for the algorithm", json!({ "alg": "RS256" }), Ok(())),
        ("for another one of the kind", json!({ "alg": "RS512" }), Err(Refused::UnknownKey)),
        ("for one of another kind", json!({ "alg": "ES256" }), Err(Refused::UnknownKey)),
        ("for encryption by its algorithm", json!({ "alg": "RSA-OAEP" }), Err(Refused::UnknownKey)),
        ("for an algorithm that is no string", json!({ "alg": 256 }), Err(Refused::UnknownKey)),
        ("of a kind that nobody knows", json!({ "kty": "PQ" }), Err(Refused::UnknownKey)),
        ("damaged", json!({ "n": "?" }), Err(Refused::UnknownKey)),
        ("named by no string", json!({ "kid": 1 }), Err(Refused::UnknownKey)),
        ("with members that nobody knows", json!({ "x5c": ["AA"], "exp": 1 }), Ok(())),
    ] {
        let set = jwk_set(&[(&rsa, members), (&ec, json!({ "use": "sig" }))]);
        let keys = Keys::from_jwk_set(set.as_bytes()).unwrap();
        assert_eq!(is_accepted(&keys, &rsa.token(&ann())), expected, "{case}");
        assert_eq!(is_accepted(&keys, &ec.token(&ann())), Ok(()), "the other key, {case}");
    }
    let keys = Keys::from_jwk_set(jwk_set(&[(&other_rsa, json!({ "alg": "RS512" }))]).as_bytes()).unwrap();
    assert_eq!(is_accepted(&keys, &other_rsa.token(&ann())), Ok(()));
}

#[test]
fn what_is_wrong_with_a_set_is_said() {
    let (ec, rsa) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::RS256));
    let set = |signer: &Signer, members| jwk_set(&[(signer, members)]);
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    for (case, text, part) in [
        ("nothing", String::new(), "no JWK set"),
        ("a key outside a set", ec.jwk().to_string(), "no JWK set"),
        ("a list", "[]".to_owned(), "no JWK set"),
        ("keys that are no list", r#"{"keys":{}}"#.to_owned(), "no JWK set"),
        ("a key that is no object", r#"{"keys":[1]}"#.to_owned(), "no JWK set"),
        ("no key", r#"{"keys":[]}"#.to_owned(), "there is none in it"),
        ("a private key", set(&ec, json!({ "d": "AA" })), "a private key is in it"),
        (
            "a private key beside a public one",
            jwk_set(&[(&ec, json!({})), (&rsa, json!({ "d": "AA" }))]),
            "a private",
        ),
        ("encryption", set(&ec, json!({ "use": "enc" })), "not for signatures"),
        ("an unknown curve", set(&ec, json!({ "crv": "P-521" })), "of another kind"),
        ("the other curve", set(&ec, json!({ "crv": "P-384" })), "the EC key's point"),
        ("a short coordinate", set(&ec, json!({ "x": number(&[1; 31]) })), "the EC key's point"),
        (
            "coordinates that make up for one another",
            set(&ec, json!({ "x": number(&[1; 31]), "y": number(&[1; 33]) })),
            "the EC key's point",
        ),
        ("a short RSA key", set(&rsa, json!({ "n": number(&[0xff; 128]) })), "has 1024 bits"),
        (
            "zeros in front",
            set(&rsa, json!({ "n": number(&[[0; 128], [0xff; 128]].concat()) })),
            "has 1024 bits",
        ),
        ("a long RSA key", set(&rsa, json!({ "n": number(&[0xff; 1_025]) })), "has 8200 bits"),
        ("no modulus", set(&rsa, json!({ "n": "" })), "has 0 bits"),
        ("exponent 1", set(&rsa, json!({ "e": "AQ" })), "exponent"),
        ("an even exponent", set(&rsa, json!({ "e": "Ag" })), "exponent"),
        ("no exponent", set(&rsa, json!({ "e": "" })), "exponent"),
        ("a short secret", r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#.to_owned(), "has 3 bytes"),
    ] {
        let error = Keys::from_jwk_set(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(part), "{case}: {error}");
    }
    for (text, place) in [
        ("{\"keys\": [}", Some((1, 11))),
        ("{\n  \"keys\": [],\n  \"keys\": []\n}", Some((4, 1))),
        ("{}", None),
    ] {
        assert_eq!(Keys::from_jwk_set(text.as_bytes()).unwrap_err().place(), place, "{text}");
    }
}

#[test]
fn a_set_with_the_next_key_follows_a_rotation() {
    let (old, new) = (Signer::new(Algorithm::ES256), Signer::new(Algorithm::ES256));
    let set = |keys: &[(&Signer, &str)]| {
        let keys: Vec<_> = keys.iter().map(|(signer, id)| (*signer, json!({ "kid": id }))).collect();
        Keys::from_jwk_set(jwk_set(&keys).as_bytes()).unwrap()
    };
    let (by_old, by_new) = (old.token_of("1", &ann()), new.token_of("2", &ann()));
    let before = set(&[(&old, "1")]);
    assert_eq!(is_accepted(&before, &by_old), Ok(()));
    assert!(is_accepted(&before, &by_new).unwrap_err().is_unknown_key());
    let between = set(&[(&old, "1"), (&new, "2")]);
    assert_eq!((is_accepted(&between, &by_old), is_accepted(&between, &by_new)), (Ok(()), Ok(())));
    let after = set(&[(&new, "2")]);
    assert!(is_accepted(&after, &by_old).unwrap_err().is_unknown_key());
    assert_eq!(is_accepted(&after, &by_new), Ok(()));

    // A key without a name stands in for names that nobody knows, and hides no rotation.
    let with_file =
        before.and(Keys::from_pem(Signer::new(Algorithm::ES256).public_pem().as_bytes()).unwrap());
    assert!(is_accepted(&with_file, &by_new).unwrap_err().is_unknown_key());
    assert_eq!(is_accepted(&with_file, &new.token_of("1", &ann())), Err(Refused::Signature));
}

#[test]
fn a_token_without_a_name_is_held_against_sixteen_keys() {
    let signers: Vec<_> = (0..17).map(|_| Signer::new(Algorithm::EdDSA)).collect();
    let keys = signers.iter().map(|signer| Keys::from_pem(signer.public_pem().as_bytes()).unwrap());
    let keys = keys.fold(Keys::default(), Keys::and);
    assert_eq!(is_accepted(&keys, &signers[15].token(&ann())), Ok(()));
    assert_eq!(is_accepted(&keys, &signers[16].token(&ann())), Err(Refused::Signature));
    assert_eq!(is_accepted(&Keys::default(), &signers[0].token(&ann())), Err(Refused::UnknownKey));
}

#[test]
fn no_secret_is_shown() {
    let secret = "correct horse battery staple, and more of it";
    let keys = Keys::from_secret(secret.as_bytes()).unwrap();
    let shown = format!("{:?}", Verifier::new(rules(), keys));
    assert!(
        shown.contains("HS256") && !shown.contains("horse") && !shown.contains("99, 111, 114"),
        "{shown}"
    );
}
