//! permessage-deflate is agreed on where both sides want it, and messages are the same with it and without.

use serde_json::{Value, json};

use super::page::Page;
use super::site::Scheme::{Ws, Wss};
use super::site::Site;
use crate::client::{Client, MQTTJS_5, STOMPJS};
use crate::peer::{DrivenPeer, Payload, Peer, Publication};

#[test]
fn mqtt_js_is_compressed() {
    exchanges(&Site::serve("compression = true"), MQTTJS_5, Offers::Compression, Agreed::Compression);
}

#[test]
fn mqtt_js_is_compressed_with_context_takeover() {
    exchanges(&Site::serve(TAKEOVER), MQTTJS_5, Offers::Compression, Agreed::Compression);
}

#[test]
fn mqtt_js_that_offers_no_compression_gets_none() {
    exchanges(&Site::serve("compression = true"), MQTTJS_5, Offers::Nothing, Agreed::Nothing);
}

#[test]
fn mqtt_js_goes_without_where_the_listener_does_not_compress() {
    exchanges(&Site::serve("compression = false"), MQTTJS_5, Offers::Compression, Agreed::Nothing);
}

#[test]
fn stomp_js_is_compressed() {
    exchanges(&Site::serve("compression = true"), STOMPJS, Offers::Compression, Agreed::Compression);
}

#[test]
fn stomp_js_is_compressed_with_context_takeover() {
    exchanges(&Site::serve(TAKEOVER), STOMPJS, Offers::Compression, Agreed::Compression);
}

#[test]
fn stomp_js_that_offers_no_compression_gets_none() {
    exchanges(&Site::serve("compression = true"), STOMPJS, Offers::Nothing, Agreed::Nothing);
}

#[test]
fn stomp_js_goes_without_where_the_listener_does_not_compress() {
    exchanges(&Site::serve("compression = false"), STOMPJS, Offers::Compression, Agreed::Nothing);
}

#[test]
fn chromium_is_compressed() {
    chromium_exchanges(&Site::serve("compression = true"), Agreed::Compression);
}

#[test]
fn chromium_is_compressed_with_context_takeover() {
    chromium_exchanges(&Site::serve(TAKEOVER), Agreed::Compression);
}

#[test]
fn chromium_goes_without_where_the_listener_does_not_compress() {
    chromium_exchanges(&Site::serve("compression = false"), Agreed::Nothing);
}

/// By ws and wss, at each QoS: what the client publishes it receives.
fn exchanges(site: &Site, client: Client, offers: Offers, agreed: Agreed) {
    for scheme in [Ws, Wss] {
        let mut peer = site.enter(client, scheme, offers == Offers::Compression);
        agreed.judge(&peer.traffic()["extensions"]);
        peer.subscribe("exchange");
        for payload in payloads() {
            for qos in 0..=2 {
                peer.publish(&Publication::new("exchange", &payload.bytes).qos(qos))
                    .expect("it is published");
                let message = peer.message();
                let case = format!("{} bytes at QoS {qos} by {scheme:?}", payload.bytes.len());
                assert!(message.carries(&payload), "other bytes came than went: {case}");
                assert_eq!(message.qos, Some(qos), "{case}");
            }
        }
        assert_eq!(saves_bytes(&mut peer), agreed == Agreed::Compression, "by {scheme:?}");
        peer.disconnect();
    }
}

/// Whether fewer bytes than half of a large text come and go with it.
fn saves_bytes(peer: &mut DrivenPeer) -> bool {
    let before = peer.traffic();
    let text = json_text(LARGE);
    peer.publish(&Publication::new("exchange", &text).qos(1)).expect("it is published");
    peer.message();
    let after = peer.traffic();
    let saved = ["read", "written"].map(|direction| {
        let bytes = |traffic: &Value| traffic[direction].as_u64().expect("bytes are counted");
        bytes(&after) - bytes(&before) < (LARGE / 2) as u64
    });
    assert_eq!(saved[0], saved[1], "one direction is compressed, and the other is not");
    saved[0]
}

/// A page with both libraries, which does the same.
fn chromium_exchanges(site: &Site, agreed: Agreed) {
    let urls = [site.url(Ws), site.url(Wss)];
    let page = Page::open("exchange", &json!({"urls": urls, "certificate": site.certificate}));
    for url in &urls {
        for (client, exchanged) in [("MQTT.js", 18), ("stompjs", 6)] {
            let said = page.says();
            assert_eq!(
                (&said["client"], &said["url"], &said["exchanged"]),
                (&json!(client), &json!(url), &json!(exchanged))
            );
            agreed.judge(&said["extensions"]);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Offers {
    Compression,
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Agreed {
    Compression,
    Nothing,
}

impl Agreed {
    fn judge(self, extensions: &Value) {
        let extensions = extensions.as_str().expect("a WebSocket tells its extensions");
        match self {
            // Browsers tell the parameters as well.
            Self::Compression => assert!(extensions.starts_with("permessage-deflate"), "{extensions:?}"),
            Self::Nothing => assert_eq!(extensions, ""),
        }
    }
}

/// Of each size one that can be compressed, and one that cannot.
fn payloads() -> impl Iterator<Item = Payload> {
    [10, 1024, LARGE].into_iter().flat_map(|size| [Payload::new(json_text(size)), Payload::new(random(size))])
}

fn json_text(size: usize) -> String {
    let mut text = r#"{"n":[1"#.to_owned();
    for number in 2_usize.. {
        let next = format!(",{}", number % 1000);
        if text.len() + next.len() + 2 > size {
            break;
        }
        text += &next;
    }
    text += "]}";
    // JSON may end with blanks.
    let blanks = size - text.len();
    text + &" ".repeat(blanks)
}

/// Bytes that no compression makes shorter; the same ones each time. (xorshift64)
fn random(size: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| byte()).collect()
}

const TAKEOVER: &str = "compression = { context_takeover = true }";
const LARGE: usize = 100 * 1024;
