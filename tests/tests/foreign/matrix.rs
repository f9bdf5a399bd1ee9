//! Every client publishes to every client: payloads empty, binary and large, at each QoS.
//!
//! All clients subscribe to all topics of the matrix. One message is under way at a time, so whatever else arrives
//! than that message is a failure as well: a copy too many, a message of an earlier turn.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::client::{CLIENTS, Client, Library};
use crate::mosquitto::MosquittoPeer;
use crate::own::OwnPeer;
use crate::peer::{Message, Payload, Peer, Publication};
use crate::stage::Stage;

#[test]
fn every_client_reaches_every_client() {
    let stage = Stage::new();
    let mut peers: Vec<_> = CLIENTS.into_iter().map(|client| (client, enter(&stage, client))).collect();
    let mut failures = Vec::new();
    for publisher in 0..peers.len() {
        for (payload_name, payload) in payloads() {
            for qos in 0..=2 {
                let topic = format!("matrix/{publisher}/{payload_name}/{qos}");
                let publication = Publication::new(topic, &payload.bytes).qos(qos);
                failures.extend(turn(&mut peers, publisher, &publication));
                assert!(failures.len() < FAILURES_MAX, "{}", report(&failures));
            }
        }
    }
    // Nothing is left over: the next message that each of them sees is this one.
    failures.extend(turn(&mut peers, 0, &Publication::new("matrix/end", "end").qos(2)));
    assert!(failures.is_empty(), "{}", report(&failures));
}

fn enter(stage: &Stage, client: Client) -> Box<dyn Peer> {
    if client.library == Library::Mosquitto {
        return Box::new(MosquittoPeer::subscribe(client, stage.broker.mqtt(), FILTER));
    }
    if client.library == Library::Tidewire {
        return Box::new(OwnPeer::subscribe(client, &stage.url(client), FILTER));
    }
    // Where a library understands topic aliases, the broker is to use them.
    let options: Value = match client.library {
        Library::MqttJs => json!({"topic_alias_maximum": 10}),
        _ => json!({}),
    };
    let mut peer = stage.enter_with(client, options);
    peer.subscribe(FILTER);
    Box::new(peer)
}

fn payloads() -> [(&'static str, Payload); 3] {
    let binary: Vec<u8> = (0..64).map(|index| if index % 4 == 0 { 0 } else { 0x80 | index }).collect();
    // Not a period of any buffer's size, and every byte value occurs, NUL included.
    let large: Vec<u8> = (0..1024 * 1024_u32).map(|index| (index % 251 + index / 65_521) as u8).collect();
    [("empty", Payload::default()), ("binary", Payload::new(binary)), ("large", Payload::new(large))]
}

/// One client publishes, all receive; returns what was wrong.
fn turn(peers: &mut [(Client, Box<dyn Peer>)], publisher: usize, publication: &Publication) -> Vec<String> {
    let from = peers[publisher].0.name;
    let case = format!("{}, {} bytes from {from}", publication.topic, publication.payload.bytes.len());
    if let Err(error) = peers[publisher].1.publish(publication) {
        return vec![format!("{case}: not published: {error}")];
    }
    let mut failures = Vec::new();
    for (client, peer) in peers {
        if let Err(error) = receive(peer.as_mut(), publication) {
            failures.push(format!("{case} to {}: {error}", client.name));
        }
    }
    failures
}

fn receive(peer: &mut dyn Peer, publication: &Publication) -> Result<(), String> {
    let message = peer.receive()?;
    if message.topic != publication.topic {
        // The one that is waited for may be right behind it: keep in step, so that one failure stays one.
        let next = peer.receive().map(|message| message.topic);
        return Err(format!("{:?} came first, then {next:?}", message.topic));
    }
    check(&message, publication)
}

fn check(message: &Message, publication: &Publication) -> Result<(), String> {
    if !message.carries(&publication.payload) {
        return Err("another payload".to_owned());
    }
    if message.qos != publication.qos {
        return Err(format!("QoS {:?} became {:?}", publication.qos, message.qos));
    }
    if message.retain {
        return Err("retain is set on a message that nobody retained".to_owned());
    }
    Ok(())
}

fn report(failures: &[String]) -> String {
    failures.iter().fold(format!("{} failures\n", failures.len()), |mut report, failure| {
        writeln!(report, "- {failure}").expect("a string takes all text");
        report
    })
}

const FILTER: &str = "matrix/#";
/// Each failure may cost a deadline; this many tell enough.
const FAILURES_MAX: usize = 12;
