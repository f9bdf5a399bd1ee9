//! SCRAM-SHA-256 by MQTT 5's AUTH, over every transport.

use tidewire_conformance::scram::prove;
use tidewire_protocols::mqtt::{Packet, Property, ReasonCode};
use tidewire_tests::conversations_everywhere;
use tidewire_tests::mqtt::{MqttPeer, auth, connect, pub_ack, publish};
use tidewire_tests::peer::Wire;
use tidewire_tests::users::Users;
use tidewire_tests::world::World;

use super::world;

conversations_everywhere! {
    who_proves_to_know_the_password_is_let_in => right;
    who_does_not_know_it_is_not => wrong;
    nobody_learns_by_a_challenge_who_is_a_user => no_enumeration;
    who_has_proved_itself_proves_itself_anew => anew;
}

const METHOD: &str = "SCRAM-SHA-256";
const CONTINUE: ReasonCode = ReasonCode::ContinueAuthentication;
/// The password is `pencil`.
const USERS: &str = "ann:SCRAM-SHA-256$4096:ZsY5jhuygb6R+FNAemJooA==$y/9+3QoEczqO8G7MgDNa/zHfUsCpgV59iJyg3HcAV1U=:\
                     62zZKTTluz9pbfjYONmNNNy97ikBP3spCbaaqibalwg=\n";
const OWN_TOPICS: &str = "[[rules]]\nallow = [\"publish\"]\ntopics = [\"own/%u\"]\n";

fn users() -> Users {
    Users::new().with_passwords(USERS).with_rules(OWN_TOPICS)
}

fn first_of(user: &str) -> String {
    format!("n,,n={user},r=rOprNGfwEbeRWgbNEkqO")
}

/// The challenge in the next AUTH.
async fn challenge(client: &mut MqttPeer) -> Vec<u8> {
    let heard = client.looks_at(|packet| match packet {
        Packet::Auth(auth) => {
            assert_eq!(auth.reason, CONTINUE);
            auth.properties.iter().find_map(|property| match property {
                Property::AuthenticationData(data) => Some(data.to_vec()),
                _ => None,
            })
        }
        other => panic!("expected AUTH, heard {other:?}"),
    });
    heard.await.expect("it challenges")
}

/// A client that has said who it is, and what it is asked.
async fn begun(world: &World, user: &str) -> (MqttPeer, Vec<u8>) {
    let first = first_of(user);
    let mut client = world.mqtt().await;
    let method = Property::AuthenticationMethod(METHOD);
    client.says(connect("c").with(method).with(Property::AuthenticationData(first.as_bytes()))).await;
    let server_first = challenge(&mut client).await;
    (client, server_first)
}

/// What a client answers that takes this for the password, and what the broker owes it in turn.
fn answer(user: &str, password: &str, server_first: &[u8]) -> [String; 2] {
    prove(password.as_bytes(), first_of(user).as_bytes(), server_first).expect("the challenge is one")
}

/// A client that is connected.
async fn ann(world: &World) -> MqttPeer {
    let (mut client, server_first) = begun(world, "ann").await;
    let [last, owed] = answer("ann", "pencil", &server_first);
    client.says(auth(CONTINUE, METHOD, last.as_bytes())).await;
    let told = client.looks_at(|packet| match packet {
        Packet::ConnAck(answer) => {
            assert_eq!(answer.reason, ReasonCode::Success);
            let proof = Property::AuthenticationData(owed.as_bytes());
            answer.properties.iter().any(|property| property == proof)
        }
        other => panic!("expected CONNACK, heard {other:?}"),
    });
    assert!(told.await, "the broker proves that it knows the verifier");
    client
}

async fn right(wire: Wire) {
    let world = world(wire, &users());
    let mut ann = ann(&world).await;
    ann.says(publish("own/ann", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}

async fn wrong(wire: Wire) {
    let world = world(wire, &users());
    let (mut client, server_first) = begun(&world, "ann").await;
    let [last, _] = answer("ann", "pen", &server_first);
    client.says(auth(CONTINUE, METHOD, last.as_bytes())).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
    // What was right once is not for another challenge.
    let (_, server_first) = begun(&world, "ann").await;
    let [last, _] = answer("ann", "pencil", &server_first);
    let (mut client, _) = begun(&world, "ann").await;
    client.says(auth(CONTINUE, METHOD, last.as_bytes())).await;
    client.is_refused(ReasonCode::BadUserNameOrPassword, 1000).await;
}

async fn no_enumeration(wire: Wire) {
    let world = world(wire, &users());
    let mut answers = Vec::new();
    for user in ["ann", "nobody"] {
        let (mut client, server_first) = begun(&world, user).await;
        let (_, again) = begun(&world, user).await;
        let asked = |challenge: &[u8]| {
            let challenge = String::from_utf8_lossy(challenge).into_owned();
            challenge.split_once(",s=").expect("it has a salt").1.to_owned()
        };
        assert_eq!(asked(&server_first), asked(&again), "the salt of {user} stays");
        let [last, _] = answer(user, "pen", &server_first);
        client.says(auth(CONTINUE, METHOD, last.as_bytes())).await;
        let salt = asked(&server_first);
        answers.push((
            salt.len(),
            salt.split_once(",i=").map(|(_, count)| count.to_owned()),
            client.next().await,
        ));
    }
    assert_eq!(answers[0], answers[1]);
}

async fn anew(wire: Wire) {
    let world = world(wire, &users());
    let mut client = ann(&world).await;
    client.says(auth(ReasonCode::ReAuthenticate, METHOD, first_of("ann").as_bytes())).await;
    let server_first = challenge(&mut client).await;
    let [last, owed] = answer("ann", "pencil", &server_first);
    client.says(auth(CONTINUE, METHOD, last.as_bytes())).await;
    client.hears(auth(ReasonCode::Success, METHOD, owed.as_bytes())).await;
    client.says(publish("own/ann", "x").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
}
