//! Retained messages: stored, shown to those who come later, cleared; whichever protocol says so.

use serde_json::json;

use crate::client::{Client, MQTTJS_5, MQTTJS_311, PAHO_5, PAHO_31, STOMPJS, STOMPPY_TCP, STOMPPY_WS};
use crate::peer::{Peer, Publication};
use crate::stage::Stage;

const EVERYBODY: [Client; 7] = [MQTTJS_311, MQTTJS_5, PAHO_31, PAHO_5, STOMPJS, STOMPPY_TCP, STOMPPY_WS];

#[test]
fn one_stores_and_all_see_it() {
    let stage = Stage::new();
    for (number, client) in EVERYBODY.into_iter().enumerate() {
        for qos in 0..=2 {
            let kept = Publication::new(format!("kept/{number}/{qos}"), client.name).qos(qos).retained();
            stage.enter(client).publish(&kept).expect("a message is retained");
            // A wildcard, so that what is shown was looked for in the tree.
            for subscriber in EVERYBODY {
                let mut peer = stage.enter(subscriber);
                peer.subscribe(&format!("kept/{number}/{qos}/#"));
                let message = peer.message();
                let case = format!("from {} to {}", client.name, subscriber.name);
                assert!(message.carries(&kept.payload), "{case}");
                assert_eq!(
                    (message.topic, message.qos, message.retain),
                    (kept.topic.clone(), Some(qos), true),
                    "{case}"
                );
            }
        }
    }
}

#[test]
fn one_clears_and_nobody_sees_it() {
    let stage = Stage::new();
    let mut publisher = stage.enter(PAHO_5);
    for (number, client) in EVERYBODY.into_iter().enumerate() {
        let topic = format!("cleared/{number}/value");
        publisher.publish(&Publication::new(&topic, "kept").retained()).expect("a message is retained");
        stage.enter(client).publish(&Publication::new(&topic, "").retained()).expect("a message is cleared");
        for subscriber in EVERYBODY {
            let mut peer = stage.enter(subscriber);
            peer.subscribe(&format!("cleared/{number}/#"));
            // Had the value been kept, it would come before this one.
            let next = Publication::new(format!("cleared/{number}/next"), "live");
            publisher.publish(&next).expect("a message is published");
            assert_eq!(
                peer.message().topic,
                next.topic,
                "cleared by {}, at {}",
                client.name,
                subscriber.name
            );
        }
    }
}

#[test]
fn a_retained_message_is_new_to_those_who_listen() {
    let stage = Stage::new();
    let mut listeners = EVERYBODY.map(|client| stage.enter(client));
    for peer in &mut listeners {
        peer.subscribe("new");
    }
    let mut as_published = stage.enter(PAHO_5);
    as_published.subscribe_with("new", json!({"retain_as_published": true}));
    for publisher in [MQTTJS_5, STOMPJS] {
        let publication = Publication::new("new", publisher.name).retained();
        stage.enter(publisher).publish(&publication).expect("a message is retained");
        for peer in &mut listeners {
            let message = peer.message();
            assert!(
                message.carries(&publication.payload),
                "from {} to {}",
                publisher.name,
                peer.client().name
            );
            assert!(!message.retain, "from {} to {}", publisher.name, peer.client().name);
        }
        assert!(as_published.message().retain, "from {}, retain as published", publisher.name);
    }
}
