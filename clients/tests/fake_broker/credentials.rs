//! Who a client says it is, at each connect and between.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tidewire_client::{Credentials, Login, connect};
use tidewire_protocols::mqtt::ReasonCode;
use tokio::time::Instant;

use super::mqtt_peer::MqttPeer;
use super::peer::Broker;
use super::{enter, kind, mqtt_url, options, within};

/// A provider whose logins are numbered, from 1.
fn numbered(login: impl Fn(String) -> Login + Send + Sync + 'static) -> Credentials {
    let asked = Arc::<AtomicU32>::default();
    Credentials::provider(move || {
        let number = asked.fetch_add(1, Ordering::Relaxed) + 1;
        let login = login(format!("token-{number}"));
        async move { Ok::<_, io::Error>(login) }
    })
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_asked_at_each_connect() {
    let mut broker = Broker::new();
    let options = options(&broker).with_credentials(numbered(Login::token));
    let url = mqtt_url();
    let connecting = tokio::spawn(async move { connect(&url, options).await });
    for number in 1..=3 {
        let mut peer = MqttPeer::new(broker.accept().await);
        assert_eq!(peer.welcome(false).await, format!("CONNECT me clean with token-{number}"));
    }
    within(connecting).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn bad_credentials_are_final_unless_a_provider_may_have_better_ones() {
    let mut broker = Broker::new();
    let fixed = options(&broker).with_credentials(Credentials::token("old"));
    let (client, peer) = enter(&mut broker, fixed).await;
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    assert_eq!(peer.hears().await, "CONNECT me clean with old");
    peer.refuse(ReasonCode::NotAuthorized).await;
    assert_eq!(kind(within(client.ended()).await), "BadCredentials");

    let provided = options(&broker).with_credentials(numbered(Login::token));
    let (_client, peer) = enter(&mut broker, provided).await;
    drop(peer);
    let mut peer = MqttPeer::new(broker.accept().await);
    assert_eq!(peer.hears().await, "CONNECT me clean with token-2");
    peer.refuse(ReasonCode::NotAuthorized).await;
    let mut peer = MqttPeer::new(broker.accept().await);
    assert_eq!(peer.welcome(false).await, "CONNECT me clean with token-3");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_asked_again() {
    let mut broker = Broker::new();
    let asked = Arc::<AtomicU32>::default();
    let credentials = Credentials::provider({
        let asked = Arc::clone(&asked);
        move || {
            let is_down = asked.fetch_add(1, Ordering::Relaxed) == 1;
            async move { if is_down { Err(io::Error::other("down")) } else { Ok(Login::token("t")) } }
        }
    });
    let options = options(&broker).with_credentials(credentials);
    let (_client, peer) = enter(&mut broker, options).await;
    drop(peer);
    MqttPeer::new(broker.accept().await).welcome(false).await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_login_is_renewed_on_the_open_connection_before_it_runs_out() {
    type Kind = fn(String) -> Login;
    let token: Kind = Login::token;
    let method: Kind = |token| Login::authentication("OAUTH2-JWT", token);
    for (login, first, second) in [
        (token, "PUBLISH q0 $auth/token: token-2", "PUBLISH q0 $auth/token: token-3"),
        (method, "AUTH Re-authenticate: token-2", "AUTH Re-authenticate: token-3"),
    ] {
        let mut broker = Broker::new();
        let expiring = numbered(move |token| login(token).with_expiry(Duration::from_secs(100)));
        let options = options(&broker).with_credentials(expiring);
        let (_client, mut peer) = enter(&mut broker, options).await;
        let start = Instant::now();
        assert_eq!(peer.hears().await, first);
        assert_eq!(start.elapsed().as_secs(), 75);
        assert_eq!(peer.hears().await, second);
        assert_eq!(start.elapsed().as_secs(), 150);
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_without_an_expiry_is_not_renewed() {
    let mut broker = Broker::new();
    let options = options(&broker).with_credentials(numbered(Login::token)).with_keep_alive(Duration::ZERO);
    let (_client, mut peer) = enter(&mut broker, options).await;
    let silence = tokio::time::timeout(Duration::from_secs(3000), peer.hears()).await;
    assert!(silence.is_err(), "{silence:?}");
}
