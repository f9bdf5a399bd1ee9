//! Enhanced authentication, with a method of the tests' own: to each first word the server says "again", and whoever
//! repeats it is whom it names. (MQTT 5, section 4.12)

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tidewire::auth::acl::{Acl, Subject};
use tidewire::auth::{Authority, Check, Credentials, Denial, Exchange, Identity, Rights, Step, Vouched};
use tidewire_protocols::mqtt::{Packet, Property, ReasonCode};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    ConnectWords, MqttPeer, PingReq, PingResp, auth, connect, disconnect, publish, subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    an_exchange_ends_with_connack => ends_with_connack;
    a_wrong_answer_is_refused => wrong_answer;
    a_method_that_is_not_offered_is_refused => unknown_method;
    nothing_but_auth_and_disconnect_comes_before_the_end => nothing_else_before;
    an_auth_that_does_not_fit_ends_the_exchange => auth_that_does_not_fit;
    an_exchange_must_be_over_in_time => over_in_time;
    nobodys_session_is_touched_before_the_end => no_takeover_before;
    a_client_proves_itself_anew_while_others_go_on => re_authentication;
    a_failed_re_authentication_ends_the_connection => failed_re_authentication;
    who_is_gone_before_the_end_is_not_let_in => gone_before_the_end;
    a_re_authentication_keeps_its_order => re_authentication_in_order;
    who_named_no_method_sends_no_auth => no_method;
    an_auth_must_fit_into_the_clients_packets => auth_needs_room;
}

const PARROT: &str = "PARROT";
const AGAIN: &[u8] = b"again";
const CONTINUE: ReasonCode = ReasonCode::ContinueAuthentication;
const ANEW: ReasonCode = ReasonCode::ReAuthenticate;

/// Where it is closed, who was let in before would not be any more.
#[derive(Default)]
struct Aviary {
    is_closed: AtomicBool,
}

#[derive(Default)]
struct Parrot {
    word: Option<Vec<u8>>,
}

impl Exchange for Parrot {
    fn step(&mut self, data: &[u8], _now_secs: u64) -> Step {
        match &self.word {
            None => {
                self.word = Some(data.to_vec());
                Step::Continue(AGAIN.to_vec())
            }
            Some(word) if word == data => Step::Done {
                vouched: Vouched { user: Some(String::from_utf8_lossy(data).into()), ..Vouched::default() },
                data: b"good bird".to_vec(),
            },
            Some(_) => Step::Refused("the word was not repeated"),
        }
    }
}

impl Authority for Aviary {
    fn authenticate(&self, _credentials: Credentials) -> Check {
        Vouched::default().into()
    }

    fn begin_exchange(&self, method: &str) -> Option<Box<dyn Exchange>> {
        (method == PARROT).then(|| Box::new(Parrot::default()) as Box<dyn Exchange>)
    }

    fn examine_token(&self, _token: &str, _now_secs: u64) -> Check {
        Denial::Missing.into()
    }

    fn rights(&self, identity: &Identity) -> Rights {
        const RULES: &str = "[[rules]]\nusers = [\"polly\"]\nallow = [\"all\"]\n\
                             [[rules]]\ndeny = [\"all\"]\ntopics = [\"polly/only\"]\n[[rules]]\nallow = [\"all\"]\n";
        let acl = Acl::parse(Path::new("rules"), RULES).expect("the rules are right");
        let user = identity.user().map(|user| &**user);
        Rights::ruled_by(acl.bind(&Subject { user, ..Subject::default() }))
    }

    fn still_admits(&self, _identity: &Identity) -> bool {
        !self.is_closed.load(Ordering::Relaxed)
    }
}

fn world(wire: Wire) -> World {
    World::with_authority(wire, Arc::new(Aviary::default()))
}

fn parrot(client_id: &str, word: &'static str) -> ConnectWords {
    connect(client_id)
        .with(Property::AuthenticationMethod(PARROT))
        .with(Property::AuthenticationData(word.as_bytes()))
}

/// Says the first word, and hears that it is to be repeated.
async fn begun(world: &World, word: &'static str) -> MqttPeer {
    let mut peer = world.mqtt().await;
    peer.says(parrot("bird", word)).await.hears(auth(CONTINUE, PARROT, AGAIN)).await;
    peer
}

/// A client that has proved to be polly.
async fn polly(world: &World) -> MqttPeer {
    let mut polly = begun(world, "polly").await;
    polly.says(auth(CONTINUE, PARROT, b"polly")).await;
    let told = polly.looks_at(|packet| match packet {
        Packet::ConnAck(answer) => {
            assert_eq!(answer.reason, ReasonCode::Success);
            answer
                .properties
                .iter()
                .filter(|property| {
                    [Property::AuthenticationMethod(PARROT), Property::AuthenticationData(b"good bird")]
                        .contains(property)
                })
                .count()
        }
        other => panic!("expected CONNACK, heard {other:?}"),
    });
    assert_eq!(told.await, 2, "CONNACK repeats the method and has the last word [MQTT-4.12.0-5]");
    polly
}

async fn ends_with_connack(wire: Wire) {
    let world = world(wire);
    let mut polly = polly(&world).await;
    polly.subscribes(subscribe("polly/only", 0)).await;
    polly.publishes(publish("polly/only", "hello")).await.hears(publish("polly/only", "hello")).await;
}

async fn wrong_answer(wire: Wire) {
    let mut bird = begun(&world(wire), "polly").await;
    bird.says(auth(CONTINUE, PARROT, b"molly")).await;
    bird.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
}

async fn unknown_method(wire: Wire) {
    let mut bird = world(wire).mqtt().await;
    bird.says(connect("bird").with(Property::AuthenticationMethod("SONG"))).await;
    bird.is_refused(ReasonCode::BadAuthenticationMethod, 1000).await;
}

/// [MQTT-3.1.2-30]
async fn nothing_else_before(wire: Wire) {
    let world = world(wire);
    begun(&world, "polly").await.says(PingReq).await.is_refused(ReasonCode::ProtocolError, 1000).await;
    let mut bird = begun(&world, "polly").await;
    bird.says(publish("t", "x")).await.is_refused(ReasonCode::ProtocolError, 1000).await;
    let mut bird = begun(&world, "polly").await;
    bird.says(parrot("bird", "polly")).await.is_refused(ReasonCode::ProtocolError, 1000).await;
    begun(&world, "polly").await.says(disconnect()).await.is_closed().await;
    assert_eq!(world.broker.session_count(), 0);
}

async fn auth_that_does_not_fit(wire: Wire) {
    let world = world(wire);
    for wrong in [
        auth(CONTINUE, "SONG", b"polly"),
        auth(ANEW, PARROT, b"polly"),
        auth(ReasonCode::Success, PARROT, b"polly"),
    ] {
        begun(&world, "polly").await.says(wrong).await.is_refused(ReasonCode::ProtocolError, 1000).await;
    }
}

async fn over_in_time(wire: Wire) {
    let world = world(wire);
    let mut bird = begun(&world, "polly").await;
    bird.peer.hears_nothing_for(SECOND * 9).await;
    world.passes(SECOND).await;
    bird.is_closed().await;
}

async fn no_takeover_before(wire: Wire) {
    let world = world(wire);
    let mut owner = world.client("bird").await;
    let mut other = begun(&world, "molly").await;
    owner.says(PingReq).await.hears(PingResp).await;
    other.says(auth(CONTINUE, PARROT, b"no")).await;
    other.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    owner.says(PingReq).await.hears(PingResp).await;
}

async fn re_authentication(wire: Wire) {
    let world = world(wire);
    let mut polly = polly(&world).await;
    polly.says(auth(ANEW, PARROT, b"polly")).await.hears(auth(CONTINUE, PARROT, AGAIN)).await;
    polly.subscribes(subscribe("polly/only", 0)).await;
    polly.publishes(publish("polly/only", "meanwhile")).await;
    polly.hears(publish("polly/only", "meanwhile")).await;
    polly.says(auth(CONTINUE, PARROT, b"polly")).await;
    polly.hears(auth(ReasonCode::Success, PARROT, b"good bird")).await;
    // And once more.
    polly.says(auth(ANEW, PARROT, b"polly")).await.hears(auth(CONTINUE, PARROT, AGAIN)).await;
}

/// [MQTT-4.12.1-2]
async fn failed_re_authentication(wire: Wire) {
    let world = world(wire);
    let mut first = polly(&world).await;
    first.says(auth(ANEW, PARROT, b"polly")).await.hears(auth(CONTINUE, PARROT, AGAIN)).await;
    first.says(auth(CONTINUE, PARROT, b"no")).await.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
    // Somebody else, however well proved, is another client.
    let mut second = polly(&world).await;
    second.says(auth(ANEW, PARROT, b"molly")).await.hears(auth(CONTINUE, PARROT, AGAIN)).await;
    second.says(auth(CONTINUE, PARROT, b"molly")).await;
    second.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
}

/// Users have changed since the exchange began.
async fn gone_before_the_end(wire: Wire) {
    let aviary = Arc::new(Aviary::default());
    let world = World::with_authority(wire, Arc::clone(&aviary) as Arc<dyn Authority>);
    let mut connected = polly(&world).await;
    connected.says(auth(ANEW, PARROT, b"polly")).await.hears(auth(CONTINUE, PARROT, AGAIN)).await;
    let mut coming = begun(&world, "molly").await;
    aviary.is_closed.store(true, Ordering::Relaxed);
    coming.says(auth(CONTINUE, PARROT, b"molly")).await;
    coming.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    connected.says(auth(CONTINUE, PARROT, b"polly")).await;
    connected.is_disconnected(ReasonCode::NotAuthorized, 1000).await;
}

async fn re_authentication_in_order(wire: Wire) {
    let world = world(wire);
    for wrong in [
        auth(CONTINUE, PARROT, b"polly"),
        auth(ReasonCode::Success, PARROT, b"polly"),
        auth(ANEW, "SONG", b"polly"),
    ] {
        polly(&world).await.says(wrong).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
    }
    let mut twice = polly(&world).await;
    twice.says(auth(ANEW, PARROT, b"polly")).await.hears(auth(CONTINUE, PARROT, AGAIN)).await;
    twice.says(auth(ANEW, PARROT, b"polly")).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

async fn no_method(wire: Wire) {
    let mut alice = world(wire).client("alice").await;
    alice.says(auth(ANEW, PARROT, b"polly")).await.is_disconnected(ReasonCode::ProtocolError, 1000).await;
}

/// [MQTT-3.1.2-24]
async fn auth_needs_room(wire: Wire) {
    let mut bird = world(wire).mqtt().await;
    let size_max = NonZeroU32::new(20).map(Property::MaximumPacketSize).expect("not zero");
    // AUTH would be 21 bytes and CONNACK with its reason more, so only the shortest CONNACK can be sent.
    bird.says(parrot("bird", "polly").with(size_max))
        .await
        .is_refused(ReasonCode::PacketTooLarge, 1000)
        .await;
}
