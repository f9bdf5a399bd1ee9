//! Payload format: MQTT 5 has an indicator, STOMP the kind of its WebSocket frame.

use serde_json::{Value, json};

use crate::client::{MQTTJS_5, PAHO_5, STOMPJS, STOMPPY_TCP, STOMPPY_WS};
use crate::peer::{Peer, Publication};
use crate::stage::Stage;

#[test]
fn text_from_mqtt_5() {
    is_text_for_all(|stage| Box::new(stage.enter(MQTTJS_5)));
    is_text_for_all(|stage| Box::new(stage.enter(PAHO_5)));
}

#[test]
fn text_from_stomp() {
    is_text_for_all(|stage| Box::new(stage.enter(STOMPJS)));
    is_text_for_all(|stage| Box::new(stage.enter_with(STOMPPY_WS, json!({"text": true}))));
}

#[test]
fn binary_is_never_called_text() {
    let stage = Stage::new();
    let mut publishers =
        [MQTTJS_5, PAHO_5, STOMPJS, STOMPPY_TCP, STOMPPY_WS].map(|client| stage.enter(client));
    let (mut mqtt, mut stomp, mut stomppy) =
        (stage.enter(PAHO_5), stage.enter(STOMPJS), stage.enter(STOMPPY_WS));
    for peer in [&mut mqtt, &mut stomp, &mut stomppy] {
        peer.subscribe("format/#");
    }
    for publisher in &mut publishers {
        let from = publisher.client().name;
        // Bytes that no UTF-8 text contains: a text frame with them would close the connection (RFC 6455, 8.1).
        publisher.publish(&Publication::new("format/binary", [0xc0, 0xff])).expect("a message is published");
        assert_eq!(mqtt.message().properties()["payload_format"], Value::Null, "from {from}");
        assert_eq!(stomp.message().is_text(), Some(false), "from {from}");
        assert_eq!(stomppy.message().is_text(), Some(false), "from {from}");
    }
}

fn is_text_for_all(publisher: impl Fn(&Stage) -> Box<dyn Peer>) {
    let stage = Stage::new();
    let mut publisher = publisher(&stage);
    let text = "Grüße ☃";
    let publication = Publication::new("format/live", text)
        .properties(json!({"payload_format": 1}))
        .headers(json!({"text": true}));
    let kept = Publication { topic: "format/kept".to_owned(), ..publication.clone() }.retained();
    let mut mqtt = [MQTTJS_5, PAHO_5].map(|client| stage.enter(client));
    let mut stomp = [STOMPJS, STOMPPY_WS].map(|client| stage.enter(client));
    for peer in mqtt.iter_mut().chain(&mut stomp) {
        peer.subscribe(&publication.topic);
    }
    publisher.publish(&publication).expect("a message is published");
    publisher.publish(&kept).expect("a message is retained");
    for peer in mqtt.iter_mut().chain(&mut stomp) {
        peer.subscribe(&kept.topic);
    }
    for topic in [&publication.topic, &kept.topic] {
        for peer in &mut mqtt {
            let message = peer.message();
            assert_eq!((&message.topic, &message.properties()), (topic, &json!({"payload_format": 1})));
        }
        for peer in &mut stomp {
            let message = peer.message();
            assert_eq!((&message.topic, message.is_text()), (topic, Some(true)));
            assert!(message.carries(&publication.payload));
        }
    }
}
