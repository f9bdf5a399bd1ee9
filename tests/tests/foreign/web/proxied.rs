//! Behind a proxy the broker knows a client by its own address; and a client's word about it does not count.
//!
//! Clients connect from 127.0.0.2, proxies from 127.0.0.3.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::page::Page;
use super::proxy::Proxy;
use super::site::Site;
use crate::broker::Broker;
use crate::client::{MQTTJS_5, PAHO_TCP_5};
use crate::peer::{DrivenPeer, Payload, Peer, Publication};
use crate::stage::Stage;

#[test]
fn nginx_says_where_a_client_comes_from() {
    let stage = stage();
    let proxy = Proxy::nginx(stage.broker.websocket());
    let peer = stage.enter_at(&proxy.websocket_url(), MQTTJS_5, from_there(json!({})));
    is_served(peer);
    assert_eq!(origin(&stage.broker), CLIENT);
}

#[test]
fn what_a_client_writes_before_what_nginx_adds_is_not_believed() {
    let stage = stage();
    let proxy = Proxy::nginx(stage.broker.websocket());
    let forged = from_there(json!({"X-Forwarded-For": "203.0.113.7"}));
    is_served(stage.enter_at(&proxy.websocket_url(), MQTTJS_5, forged));
    assert_eq!(origin(&stage.broker), CLIENT);
}

/// What most browsers meet: TLS ends at the proxy, compression at the broker.
#[test]
fn a_page_reaches_the_broker_through_nginx_where_tls_ends() {
    let site = Site::serve(r#"trusted_proxies = ["127.0.0.3"]"#);
    let [certificate, key] = site.files();
    let proxy = Proxy::nginx_tls(&certificate, &key, site.stage.broker.websocket());
    let url = proxy.secure_websocket_url();
    let page = Page::open("exchange", &json!({"urls": [url], "certificate": site.certificate}));
    for client in ["MQTT.js", "stompjs"] {
        let said = page.says();
        assert_eq!(said["client"], client);
        assert!(
            said["extensions"].as_str().is_some_and(|text| text.starts_with("permessage-deflate")),
            "{said}"
        );
    }
    // The proxy's word has no port.
    assert_eq!(origin(&site.stage.broker), "127.0.0.1");
}

#[test]
fn haproxy_says_where_a_client_comes_from_in_a_header_of_http() {
    let stage = stage();
    let proxy = Proxy::haproxy_http(stage.broker.websocket());
    let forged = from_there(json!({"X-Forwarded-For": "203.0.113.7"}));
    is_served(stage.enter_at(&proxy.websocket_url(), MQTTJS_5, forged));
    assert_eq!(origin(&stage.broker), CLIENT);
}

#[test]
fn haproxy_says_it_by_the_proxy_protocol_1() {
    says_it_by_proxy_protocol("send-proxy");
}

#[test]
fn haproxy_says_it_by_the_proxy_protocol_2() {
    says_it_by_proxy_protocol("send-proxy-v2");
}

/// Before the upgrade of MQTT.js, and before the CONNECT of paho.
fn says_it_by_proxy_protocol(how: &str) {
    let stage = stage();
    let proxy = Proxy::haproxy_tcp(how, headed_websocket(&stage.broker));
    is_served(stage.enter_at(&proxy.websocket_url(), MQTTJS_5, from_there(json!({}))));
    assert!(origin(&stage.broker).starts_with(CLIENT_WITH_PORT));

    let stage = self::stage();
    let proxy = Proxy::haproxy_tcp(how, headed_tcp(&stage.broker));
    is_served(stage.enter_at(&proxy.mqtt_url(), PAHO_TCP_5, json!({"local_address": CLIENT})));
    assert!(origin(&stage.broker).starts_with(CLIENT_WITH_PORT));
}

#[test]
fn a_client_that_is_no_proxy_cannot_say_that_it_comes_from_elsewhere() {
    let stage = stage();
    let forged = from_there(json!({"X-Forwarded-For": "203.0.113.7", "Forwarded": "for=203.0.113.7"}));
    is_served(stage.enter_with(MQTTJS_5, forged));
    assert!(origin(&stage.broker).starts_with(CLIENT_WITH_PORT));
}

#[tokio::test]
async fn a_proxy_header_from_who_is_no_proxy_is_refused() {
    let stage = stage();
    for listener in [headed_websocket(&stage.broker), headed_tcp(&stage.broker)] {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket
            .bind(SocketAddr::new(CLIENT.parse().expect("it is one"), 0))
            .expect("loopback has the address");
        let mut stream = socket.connect(listener).await.expect("the broker accepts");
        let from = stream.local_addr().expect("it has an address").to_string();
        stream
            .write_all(b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 1883\r\n")
            .await
            .expect("it can be written to");
        let mut answer = Vec::new();
        // It ends, or it is reset: the header has not been read.
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer, b"");
        let said = stage.broker.says(&["refused", &from]);
        assert!(said.contains("trusted"), "{said}");
        assert!(!stage.broker.log().contains("203.0.113.7"));
    }
}

/// Trusts proxies.
fn stage() -> Stage {
    Stage::of(Broker::configured(LISTENERS, &[]))
}

/// Options of a client's driver: it connects from elsewhere, with these lines in its upgrade.
fn from_there(headers: Value) -> Value {
    json!({"web": {"local_address": CLIENT, "headers": headers}})
}

fn is_served(mut peer: DrivenPeer) {
    peer.subscribe("proxied");
    for (qos, size) in [(0, 10), (1, 1024), (2, 100 * 1024)] {
        let payload = Payload::new(vec![b'x'; size]);
        peer.publish(&Publication::new("proxied", &payload.bytes).qos(qos)).expect("it is published");
        let message = peer.message();
        assert!(message.carries(&payload) && message.qos == Some(qos), "{size} bytes at QoS {qos}");
    }
    peer.disconnect();
}

/// Where the broker says its first client comes from.
fn origin(broker: &Broker) -> String {
    let line = broker.says(&[" connected ", " from "]);
    let (_, origin) = line.split_once(" from ").expect("it was looked for");
    origin.split([' ', '"']).next().unwrap_or_default().to_owned()
}

fn headed_websocket(broker: &Broker) -> SocketAddr {
    broker.mqtt()
}

fn headed_tcp(broker: &Broker) -> SocketAddr {
    broker.stomp()
}

const CLIENT: &str = "127.0.0.2";
const CLIENT_WITH_PORT: &str = "127.0.0.2:";

const LISTENERS: &str = r#"
[[listeners]]
name = "plain"
bind = "127.0.0.1:8080"
transport = "ws"
protocols = ["mqtt"]
trusted_proxies = ["127.0.0.3"]

[[listeners]]
name = "websocket behind headers"
bind = "127.0.0.1:1883"
transport = "ws"
protocols = ["mqtt"]
proxy_protocol = true
trusted_proxies = ["127.0.0.3"]

[[listeners]]
name = "tcp behind headers"
bind = "127.0.0.1:61613"
transport = "tcp"
protocols = ["mqtt"]
proxy_protocol = true
trusted_proxies = ["127.0.0.3"]
"#;
