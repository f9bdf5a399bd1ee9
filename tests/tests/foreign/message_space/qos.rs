//! QoS across protocols, and one copy where subscriptions overlap.

use serde_json::json;

use crate::client::{MQTTJS_5, MQTTJS_311, PAHO_5, PAHO_31, STOMPJS, STOMPPY_TCP};
use crate::peer::{Peer, Publication};
use crate::stage::Stage;

// That each QoS reaches each client is the matrix's business.

#[test]
fn a_send_without_qos_is_qos_1() {
    let stage = Stage::new();
    let (mut stompjs, mut stomppy, mut paho) =
        (stage.enter(STOMPJS), stage.enter(STOMPPY_TCP), stage.enter(PAHO_5));
    for peer in [&mut stompjs, &mut stomppy, &mut paho] {
        peer.subscribe("default");
    }
    for publisher in [STOMPJS, STOMPPY_TCP] {
        stage.enter(publisher).publish(&Publication::new("default", "")).expect("a message is published");
        for peer in [&mut stompjs, &mut stomppy, &mut paho] {
            assert_eq!(peer.message().qos, Some(1), "from {} to {}", publisher.name, peer.client().name);
        }
    }
}

#[test]
fn a_subscription_at_a_lower_qos_lowers_it() {
    let stage = Stage::new();
    for subscriber in [MQTTJS_311, MQTTJS_5, PAHO_31, PAHO_5] {
        for granted in 0..=2 {
            let topic = format!("lower/{granted}/{}", subscriber.name);
            let mut peer = stage.enter(subscriber);
            peer.subscribe_with(&topic, json!({"qos": granted}));
            for published in 0..=2 {
                let publication = Publication::new(&topic, "").qos(published);
                stage.enter(STOMPJS).publish(&publication).expect("a message is published");
                assert_eq!(peer.message().qos, Some(granted.min(published)), "{topic}");
            }
        }
    }
}

#[test]
fn overlapping_subscriptions_get_one_copy() {
    let stage = Stage::new();
    let mut publishers = [stage.enter(STOMPPY_TCP), stage.enter(MQTTJS_5)];
    let mut new = [stage.enter(MQTTJS_5), stage.enter(PAHO_5)];
    let mut old = stage.enter(MQTTJS_311);
    for peer in new.iter_mut().chain([&mut old]) {
        peer.subscribe_with("overlap/#", json!({"qos": 0, "subscription_id": 11}));
        peer.subscribe_with("overlap/+", json!({"qos": 2, "subscription_id": 22}));
        peer.subscribe_with("overlap/here", json!({"qos": 1, "subscription_id": 33}));
    }
    for publisher in &mut publishers {
        for payload in ["first", "second"] {
            let publication = Publication::new("overlap/here", payload).qos(2);
            publisher.publish(&publication).expect("a message is published");
            for peer in &mut new {
                let message = peer.message();
                assert!(message.carries(&publication.payload), "{payload} to {}", peer.client().name);
                assert_eq!(message.qos, Some(2));
                let mut ids: Vec<_> = message.subscription_ids().as_array().into_iter().flatten().collect();
                ids.sort_by_key(|id| id.as_u64());
                assert_eq!(ids, [11, 22, 33], "to {}", peer.client().name);
            }
            let message = old.message();
            assert!(message.carries(&publication.payload), "{payload} to {}", old.client().name);
            assert_eq!(message.qos, Some(2));
        }
    }
}
