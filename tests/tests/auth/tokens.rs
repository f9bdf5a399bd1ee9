//! Keys that an issuer publishes: when they are fetched, and which tokens hold with which keys.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use tidewire::auth::jwt::{Algorithm, Keys, Rules};
use tidewire::auth::{Authority, Check, Denial, Gate, Policy, Published, Tokens, Vouched};
use tidewire::fetch::Fetch;
use tidewire_tests::server::{Reply, Server, nobody};
use tokio::task::JoinSet;

use crate::{NOW, PATIENCE, answer, passes, user};

/// How often keys are fetched.
const REFRESH: Duration = Duration::from_secs(600);
/// Keys are not fetched again within this time, whoever asks for it.
const PAUSE: Duration = Duration::from_secs(10);
/// The same while none have come yet.
const PAUSE_AT_FIRST: Duration = Duration::from_secs(1);

/// A token for ann by HS256, which names the key `s`; its secret is 32 bytes of 7.
const BY_SECRET: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6InMifQ.eyJleHAiOjE3MDAwMDAzMDAsInN1YiI6ImFubiJ9.\
                         6ethrv5VK2Aw5HHSGXLwe_g1aJjBbMNaRssssLXzFi4";

/// Whoever signs tokens.
struct Issuer {
    key_id: &'static str,
    pair: KeyPair,
}

impl Issuer {
    fn new(key_id: &'static str) -> Self {
        Self { key_id, pair: KeyPair::generate_for(&PKCS_ED25519).expect("a key can be made") }
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.der_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.key_id, "x": x})
    }

    fn token(&self, user: &str) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({"alg": "EdDSA", "kid": self.key_id}));
        let message = format!("{header}.{}", part(json!({"sub": user, "exp": NOW + 300})));
        let signature = self.pair.sign(message.as_bytes()).expect("it signs");
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// What is published of these.
fn set(issuers: &[&Issuer]) -> Reply {
    Reply::json(&json!({"keys": issuers.iter().map(|issuer| issuer.jwk()).collect::<Vec<_>>()}))
}

fn rules() -> Rules {
    Rules { algorithms: vec![Algorithm::EdDSA, Algorithm::HS256], ..Rules::default() }
}

fn gate(uri: hyper::Uri) -> Gate {
    let fetch = Fetch::new(None, PATIENCE).expect("there are no certificates to be wrong");
    let tokens = Tokens::new(rules(), Keys::default(), Some(Published::new(fetch, uri, REFRESH)));
    Gate::new(Policy { tokens: Some(Arc::new(tokens)), ..Policy::default() })
}

async fn ask(gate: &Gate, token: &str) -> Result<Vouched, Denial> {
    answer(gate.examine_token(token, NOW)).await
}

fn is_wrong(answer: Result<Vouched, Denial>) -> bool {
    matches!(answer, Err(Denial::Wrong(_)))
}

#[tokio::test]
async fn keys_are_fetched_when_the_first_token_comes_and_then_are_there() {
    let issuer = Issuer::new("a");
    let server = Server::says(set(&[&issuer])).await;
    let gate = gate(server.uri());
    assert_eq!(server.count(), 0);
    for name in ["ann", "bob", "carl"] {
        assert_eq!(user(ask(&gate, &issuer.token(name)).await).as_deref(), Ok(name));
        assert_eq!(server.count(), 1);
    }
    assert!(matches!(gate.examine_token(&issuer.token("dora"), NOW), Check::Done(Ok(_))), "nobody is asked");
}

#[tokio::test]
async fn a_new_key_is_fetched_but_not_more_often_than_may_be() {
    let (old, new, stranger) = (Issuer::new("old"), Issuer::new("new"), Issuer::new("stranger"));
    let server = Server::says(set(&[&old])).await;
    let gate = gate(server.uri());
    ask(&gate, &old.token("ann")).await.expect("its key is published");
    server.now_says(set(&[&new]));
    assert!(is_wrong(ask(&gate, &new.token("ann")).await), "keys have just come");
    passes(PAUSE / 2).await;
    assert!(is_wrong(ask(&gate, &new.token("ann")).await));
    assert_eq!(server.count(), 1);
    passes(PAUSE / 2).await;
    assert_eq!(user(ask(&gate, &new.token("ann")).await).as_deref(), Ok("ann"));
    assert_eq!(server.count(), 2);
    assert!(is_wrong(ask(&gate, &old.token("ann")).await), "it was taken out");
    for _ in 0..10 {
        assert!(is_wrong(ask(&gate, &stranger.token("ann")).await));
    }
    assert_eq!(server.count(), 2);
}

/// Tokens by keys that are known never wait: new keys are fetched beside them.
#[tokio::test]
async fn keys_are_fetched_again_now_and_then() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let server = Server::says(set(&[&old, &new])).await;
    let gate = gate(server.uri());
    ask(&gate, &new.token("ann")).await.expect("its key is published");
    server.now_says(set(&[&new]));
    passes(REFRESH / 2).await;
    ask(&gate, &old.token("ann")).await.expect("nobody has looked");
    assert_eq!(server.count(), 1);
    passes(REFRESH / 2).await;
    assert!(matches!(gate.examine_token(&new.token("ann"), NOW), Check::Done(Ok(_))), "it does not wait");
    server.is_asked(2).await;
    while ask(&gate, &old.token("ann")).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.count(), 2);
}

/// Where nobody came for long, nobody has looked either: a key that was taken out long ago does not hold once more.
#[tokio::test]
async fn what_is_out_of_date_by_far_is_not_believed_before_a_look() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let server = Server::says(set(&[&old])).await;
    let gate = gate(server.uri());
    ask(&gate, &old.token("ann")).await.expect("its key is published");
    server.now_says(set(&[&new]));
    passes(2 * REFRESH).await;
    assert!(is_wrong(ask(&gate, &old.token("ann")).await));
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_first_is_asked_again() {
    let issuer = Issuer::new("a");
    let server = Server::says(Reply::new(503, "")).await;
    let gate = gate(server.uri());
    assert_eq!(user(ask(&gate, &issuer.token("ann")).await), Err(Denial::Unavailable));
    server.now_says(Reply::new(200, "no set"));
    for _ in 0..10 {
        assert_eq!(user(ask(&gate, &issuer.token("ann")).await), Err(Denial::Unavailable));
    }
    assert_eq!(server.count(), 1, "it is not asked for each token");
    passes(PAUSE_AT_FIRST).await;
    assert_eq!(user(ask(&gate, &issuer.token("ann")).await), Err(Denial::Unavailable));
    server.now_says(set(&[&issuer]));
    passes(PAUSE_AT_FIRST).await;
    assert_eq!(user(ask(&gate, &issuer.token("ann")).await).as_deref(), Ok("ann"));
    assert_eq!(server.count(), 3);
    let down = self::gate(nobody().await);
    assert_eq!(user(ask(&down, &issuer.token("ann")).await), Err(Denial::Unavailable));
}

#[tokio::test]
async fn an_issuer_that_goes_down_leaves_its_keys() {
    let (issuer, stranger) = (Issuer::new("a"), Issuer::new("stranger"));
    let server = Server::says(set(&[&issuer])).await;
    let gate = gate(server.uri());
    ask(&gate, &issuer.token("ann")).await.expect("its key is published");
    for reply in [Reply::new(500, ""), Reply::new(200, r#"{"keys": []}"#), Reply::new(200, "garbage")] {
        server.now_says(reply);
        passes(2 * REFRESH).await;
        assert_eq!(user(ask(&gate, &issuer.token("ann")).await).as_deref(), Ok("ann"));
        assert!(is_wrong(ask(&gate, &stranger.token("ann")).await));
    }
    assert_eq!(server.count(), 4);
}

/// What everybody can read is no secret: whoever has read it could make tokens.
#[tokio::test]
async fn a_secret_that_is_published_is_no_key() {
    let (issuer, secret) = (Issuer::new("a"), [7; 32]);
    let jwk = json!({"kty": "oct", "kid": "s", "k": URL_SAFE_NO_PAD.encode(secret)});
    let server = Server::says(Reply::json(&json!({"keys": [jwk, issuer.jwk()]}))).await;
    let published = gate(server.uri());
    ask(&published, &issuer.token("ann")).await.expect("its key is published");
    assert!(is_wrong(ask(&published, BY_SECRET).await));
    let kept = Keys::from_secret(&secret).expect("it is long enough");
    let tokens = Tokens::new(rules(), kept, None);
    let of_file = Gate::new(Policy { tokens: Some(Arc::new(tokens)), ..Policy::default() });
    assert_eq!(user(ask(&of_file, BY_SECRET).await).as_deref(), Ok("ann"), "the token itself is right");
}

#[tokio::test]
async fn a_herd_fetches_once() {
    let issuer = Issuer::new("a");
    let server = Server::says(set(&[&issuer])).await;
    server.falls_silent();
    let gate = gate(server.uri());
    let mut herd = JoinSet::new();
    for number in 0..100 {
        herd.spawn(answer(gate.examine_token(&issuer.token(&format!("user-{number}")), NOW)));
    }
    server.is_asked(1).await;
    // As if it had been decided to ask before, and had come to it only now.
    let late = gate.examine_token(&issuer.token("late"), NOW);
    server.speaks_again();
    assert!(herd.join_all().await.iter().all(Result::is_ok));
    assert_eq!(user(answer(late).await).as_deref(), Ok("late"));
    assert_eq!(server.count(), 1);
}

/// Else whoever hangs up at once could have an issuer asked as often as it likes.
#[tokio::test]
async fn who_hangs_up_does_not_stop_what_was_begun() {
    let (issuer, stranger) = (Issuer::new("a"), Issuer::new("stranger"));
    let server = Server::says(set(&[&issuer])).await;
    server.falls_silent();
    let gate = gate(server.uri());
    for _ in 0..5 {
        let asking = tokio::spawn(answer(gate.examine_token(&stranger.token("mallory"), NOW)));
        server.is_asked(1).await;
        asking.abort();
        assert!(asking.await.is_err_and(|error| error.is_cancelled()));
    }
    server.speaks_again();
    assert_eq!(user(ask(&gate, &issuer.token("ann")).await).as_deref(), Ok("ann"));
    assert_eq!(server.count(), 1);
}
