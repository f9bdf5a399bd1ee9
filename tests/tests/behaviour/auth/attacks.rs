//! Tokens that are not what they seem, one attack a test: each is refused wherever a client may give a token, in both
//! protocols and over every transport, and a client that is connected gains nothing by it.
//!
//! The broker knows the issuer's two public keys by their names, and an HMAC secret beside them, so that every algorithm is
//! accepted that an attacker may try.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use tidewire_protocols::mqtt::{Packet, Property, ReasonCode};
use tidewire_tests::conversations_everywhere;
use tidewire_tests::mqtt::{ConnectWords, connect, pub_ack, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::users::Users;
use tidewire_tests::world::{START_UNIX_MS, World};

use super::{mqtt, stomp, stomp_is_refused};

conversations_everywhere! {
    a_token_that_nobody_signed => unsigned;
    a_public_key_in_the_place_of_a_secret => confused;
    a_token_that_names_another_key => misnamed;
    a_token_that_has_expired => expired;
    a_token_that_is_not_valid_yet => early;
    a_token_for_another_audience => elsewhere;
    a_token_that_was_tampered_with => tampered;
    a_token_that_is_too_large => oversized;
}

const NOW: u64 = START_UNIX_MS / 1000;
const AUDIENCE: &str = "tidewire";
const METHOD: &str = "OAUTH2-JWT";

/// Who signs tokens.
struct Issuer {
    rsa: Key,
    ec: Key,
}

struct Key {
    name: &'static str,
    algorithm: Algorithm,
    signs: EncodingKey,
    public_pem: String,
}

/// Made once: RSA keys take long.
static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let rsa = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key can be made");
    let ec = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made");
    let rsa_signs = EncodingKey::from_rsa_pem(rsa.serialize_pem().as_bytes()).expect("it is one");
    Issuer {
        rsa: Key {
            name: "rsa",
            algorithm: Algorithm::RS256,
            signs: rsa_signs,
            public_pem: rsa.public_key_pem(),
        },
        ec: Key {
            name: "ec",
            algorithm: Algorithm::ES256,
            signs: EncodingKey::from_ec_der(&ec.serialize_der()),
            public_pem: ec.public_key_pem(),
        },
    }
});

impl Issuer {
    /// What it publishes.
    fn key_set(&self) -> Value {
        json!({"keys": [self.rsa.published(), self.ec.published()]})
    }
}

impl Key {
    fn published(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.signs, self.algorithm).expect("it has a public half");
        let mut jwk = serde_json::to_value(jwk).expect("it is JSON");
        jwk["kid"] = self.name.into();
        jwk
    }

    /// A token that names this key, as it ought to be.
    fn token(&self, claims: &Value) -> String {
        self.token_of(self.name, claims)
    }

    /// A token by this key that names a key.
    fn token_of(&self, name: &str, claims: &Value) -> String {
        let header = json!({"alg": format!("{:?}", self.algorithm), "typ": "JWT", "kid": name});
        signed(&self.signs, self.algorithm, &header, claims)
    }
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn signed(key: &EncodingKey, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).expect("the key is for it");
    format!("{message}.{signature}")
}

/// Claims that are right.
fn ann() -> Value {
    json!({"sub": "ann", "aud": AUDIENCE, "exp": NOW + 300})
}

/// The same but for one.
fn but(claim: &str, value: impl Into<Value>) -> Value {
    let mut claims = ann();
    claims[claim] = value.into();
    claims
}

/// Holds that each of these tokens is refused for that reason, and the right one is not.
async fn are_refused(wire: Wire, attacks: &[(String, &str)]) {
    let users = Users::new().with_tokens().with_key_set(&ISSUER.key_set());
    let world = World::with(wire, |config| {
        users.configure(config);
        let jwt = config.auth.jwt.as_mut().expect("tokens are taken");
        jwt.audience = vec![AUDIENCE.to_owned()];
    });
    for key in [&ISSUER.rsa, &ISSUER.ec] {
        let right = key.token(&ann());
        mqtt(&world, connect("c").user_name("").password(&right)).await;
        stomp(&world, &format!("Authorization:Bearer {right}\n")).await;
    }
    for (token, reason) in attacks {
        is_refused_at_connect(&world, token, reason).await;
        is_refused_as_renewal(&world, token, reason).await;
    }
}

/// As a password it may be none in the eyes of the broker; where it can only be a token, the reason is told.
async fn is_refused_at_connect(world: &World, token: &str, reason: &str) {
    let as_password = |connect: ConnectWords| connect.user_name("ann").password(token);
    let by_method = connect("c")
        .with(Property::AuthenticationMethod(METHOD))
        .with(Property::AuthenticationData(token.as_bytes()));
    for connect in [as_password(connect("c")), as_password(connect("c").v311()), by_method] {
        let mut client = world.mqtt().await;
        client.says(connect).await;
        client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    }
    stomp_is_refused(world, &format!("passcode:{token}\n")).await;
    let refused = stomp_is_refused(world, &format!("Authorization:Bearer {token}\n")).await;
    assert_eq!(refused.text(), in_stomp(reason));
}

async fn is_refused_as_renewal(world: &World, token: &str, reason: &str) {
    let right = ISSUER.ec.token(&ann());
    let mut client = mqtt(world, connect("c").user_name("").password(&right)).await;
    client.subscribes(subscribe("$auth/result", 0)).await;
    client.publishes(publish("$auth/token", token)).await;
    let told = client.looks_at(|packet| match packet {
        Packet::Publish(publish) => serde_json::from_slice::<Value>(publish.payload).expect("it is JSON"),
        other => panic!("expected a message, heard {other:?}"),
    });
    assert_eq!(told.await, json!({"result": "refused", "reason": reason}));
    client.says(publish("x", "y").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    let mut client = stomp(world, &format!("passcode:{right}\n")).await;
    client.says(&format!("SEND\ndestination:/auth/token\n\n{token}^")).await;
    let refused = client.is_refused("access refused", 1000).await;
    assert_eq!(refused.text(), in_stomp(reason));
}

/// As the body of an ERROR says it.
fn in_stomp(reason: &str) -> String {
    format!("{}{}.\n", reason[..1].to_uppercase(), &reason[1..])
}

/// `alg: none`, in whatever letters, without a signature or with one that was good for something else.
async fn unsigned(wire: Wire) {
    let right = ISSUER.ec.token(&ann());
    let signature = right.rsplit('.').next().expect("it has one");
    let none = |name: &str, signature: &str| {
        format!("{}.{}.{signature}", part(&json!({"alg": name, "typ": "JWT"})), part(&ann()))
    };
    are_refused(
        wire,
        &[
            (none("none", ""), NO_ALGORITHM),
            (none("none", signature), NO_ALGORITHM),
            (none("nOnE", signature), NO_ALGORITHM),
        ],
    )
    .await;
}

/// Everybody has the public key: as an HMAC secret it must be worth nothing, under whichever name.
async fn confused(wire: Wire) {
    let by_public_key = |key: &Key, name: Option<&str>| {
        let secret = EncodingKey::from_secret(key.public_pem.as_bytes()).expect("it is long enough");
        let mut header = json!({"alg": "HS256", "typ": "JWT"});
        if let Some(name) = name {
            header["kid"] = name.into();
        }
        signed(&secret, Algorithm::HS256, &header, &ann())
    };
    are_refused(
        wire,
        &[
            (by_public_key(&ISSUER.rsa, None), WRONG_SIGNATURE),
            (by_public_key(&ISSUER.rsa, Some("rsa")), UNKNOWN_KEY),
            (by_public_key(&ISSUER.ec, Some("ec")), UNKNOWN_KEY),
        ],
    )
    .await;
}

async fn misnamed(wire: Wire) {
    let (rsa, ec) = (&ISSUER.rsa, &ISSUER.ec);
    let stranger = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key can be made");
    let stranger = Key {
        name: "ec",
        algorithm: Algorithm::ES256,
        signs: EncodingKey::from_ec_der(&stranger.serialize_der()),
        public_pem: String::new(),
    };
    are_refused(
        wire,
        &[
            (rsa.token_of("ec", &ann()), UNKNOWN_KEY),
            (ec.token_of("nobody", &ann()), UNKNOWN_KEY),
            (stranger.token(&ann()), WRONG_SIGNATURE),
        ],
    )
    .await;
}

async fn expired(wire: Wire) {
    let token = |at: u64| (ISSUER.rsa.token(&but("exp", at)), "the token has expired");
    are_refused(wire, &[token(NOW), token(NOW - 86_400), token(0)]).await;
}

async fn early(wire: Wire) {
    let token = |claim: &str, at: u64| (ISSUER.rsa.token(&but(claim, at)), "the token is not valid yet");
    are_refused(wire, &[token("nbf", NOW + 60), token("nbf", u64::MAX), token("iat", NOW + 60)]).await;
}

async fn elsewhere(wire: Wire) {
    let token =
        |audience: Value| (ISSUER.rsa.token(&but("aud", audience)), "the token is for another audience");
    are_refused(wire, &[token(json!("billing")), token(json!(["billing", "mail"])), token(Value::Null)])
        .await;
}

async fn tampered(wire: Wire) {
    let right = ISSUER.rsa.token(&ann());
    let parts: Vec<_> = right.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("a token has three parts") };
    let other = ISSUER.rsa.token(&but("sub", "bob"));
    let others_signature = other.rsplit('.').next().expect("it has one");
    are_refused(
        wire,
        &[
            (format!("{header}.{}.{signature}", part(&but("sub", "root"))), WRONG_SIGNATURE),
            (format!("{header}.{claims}.{others_signature}"), WRONG_SIGNATURE),
            (format!("{header}.{claims}.{}", "A".repeat(signature.len())), WRONG_SIGNATURE),
        ],
    )
    .await;
}

/// Though it is signed: nobody is made to look at more than 8 KiB.
async fn oversized(wire: Wire) {
    let token = ISSUER.rsa.token(&but("padding", "x".repeat(6 << 10)));
    assert!(token.len() > 8 << 10, "{} bytes", token.len());
    are_refused(wire, &[(token, "the token is too large")]).await;
}

const NO_ALGORITHM: &str = "the token's algorithm is not accepted";
const UNKNOWN_KEY: &str = "the token's key is unknown";
const WRONG_SIGNATURE: &str = "the token's signature is wrong";
