//! The PROXY protocol: whom it comes from, and what becomes of those without it.

use tidewire::config::{ListenerConfig, Span};
use tidewire_protocols::mqtt::Version;
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::mqtt::{Say, connect};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Client, connects, hears_all, is_closed_after, upgrades};
use crate::site::{Site, over_tls, tcp, ws};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 1883\r\n";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).expect("it is short").to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, rest].concat()
}

/// For 2001:db8::7, port 4711, with a type-length-value behind the addresses.
fn v2_inet6() -> Vec<u8> {
    let mut rest = vec![0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    rest.extend_from_slice(&[0; 16]);
    rest.extend_from_slice(&[0x12, 0x67, 0x07, 0x5b, 0x04, 0, 1, 0]);
    v2(1, 0x21, &rest)
}

fn behind_proxy(listener: ListenerConfig) -> ListenerConfig {
    ListenerConfig { proxy_protocol: true, ..listener }
}

/// Sends a header in pieces of that size, and CONNECT.
async fn enters(site: &Site, header: &[u8], size: usize) -> (TcpStream, Option<u8>) {
    let mut stream = site.connect().await;
    stream.set_nodelay(true).expect("it is a TCP socket");
    for piece in header.chunks(size) {
        stream.write_all(piece).await.expect("it is taken");
        // Lets the broker read it by itself, as it may come over a network.
        tokio::task::yield_now().await;
    }
    let reason = connects(&mut stream, connect("alice")).await;
    (stream, reason)
}

#[tokio::test]
async fn both_versions_say_where_a_client_comes_from() {
    for (header, origin) in [(V1.to_vec(), "from 192.0.2.7:4711 "), (v2_inet6(), "from [2001:db8::7]:4711 ")]
    {
        for size in [1, 7, 1000] {
            let site = Site::serve(behind_proxy(tcp()));
            let (_stream, reason) = enters(&site, &header, size).await;
            assert_eq!(reason, Some(0));
            site.log.says_once(": connected ", &[origin]);
        }
    }
}

#[tokio::test]
async fn what_comes_right_behind_the_header_is_not_lost() {
    let site = Site::serve(behind_proxy(tcp()));
    let mut stream = site.connect().await;
    let mut bytes = v2_inet6();
    bytes.extend_from_slice(&connect("alice").bytes(Version::V5));
    stream.write_all(&bytes).await.expect("it is taken");
    crate::client::pings_after_conn_ack(&mut stream).await;
}

#[tokio::test]
async fn where_the_proxy_speaks_for_itself_or_does_not_know_its_own_address_stands() {
    for header in [b"PROXY UNKNOWN\r\n".to_vec(), b"PROXY UNKNOWN what ever\r\n".to_vec(), v2(0, 0, &[])] {
        let site = Site::serve(behind_proxy(tcp()));
        let (_stream, reason) = enters(&site, &header, 1000).await;
        assert_eq!(reason, Some(0));
        site.log.says_once(": connected ", &["from 127.0.0.1:"]);
    }
}

#[tokio::test]
async fn without_a_header_nobody_is_let_in() {
    let connect = connect("alice").bytes(Version::V5);
    let large = [SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat();
    for (bytes, words) in [
        (
            &connect[..],
            "no PROXY protocol header came, which this listener wants (proxy_protocol), but an MQTT CONNECT",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", "but an HTTP request"),
        (b"PROXY TCP4 192.0.2.7 10.0.0.1 nonsense 1883\r\n", "no PROXY protocol header came"),
        (b"PROXY TCP4 ::1 ::1 1 1\r\n", "no PROXY protocol header came"),
        (&[b'P'; 200], "no PROXY protocol header came"),
        (&large, "has more than 4096 bytes"),
    ] {
        let site = Site::serve(behind_proxy(tcp()));
        is_closed_after(&mut site.connect().await, bytes).await;
        site.log.says_once("refused", &[words, "from 127.0.0.1:"]);
        assert_eq!(site.broker.link_count(), 0);
    }
}

#[tokio::test]
async fn it_may_take_so_long() {
    let site = Site::serve_with(behind_proxy(tcp()), |config| {
        config.limits.connect_timeout = Span::parse("200ms").expect("it is a time");
    });
    let mut stream = site.connect().await;
    stream.write_all(&V1[..10]).await.expect("it is taken");
    assert!(hears_all(&mut stream).await.is_empty());
    site.log.says_once("the PROXY protocol header did not come within the connect timeout", &[]);
    let mut stream = site.connect().await;
    stream.write_all(&V1[..10]).await.expect("it is taken");
    stream.shutdown().await.expect("it is there");
    assert!(hears_all(&mut stream).await.is_empty());
    site.log.says_once("the connection ended before its PROXY protocol header did", &[]);
}

#[tokio::test]
async fn only_trusted_proxies_may_send_one() {
    let trusting = |proxy: &str| ListenerConfig {
        trusted_proxies: vec![proxy.parse().expect("it is a network")],
        ..behind_proxy(tcp())
    };
    let site = Site::serve(trusting("127.0.0.0/8"));
    assert_eq!(enters(&site, V1, 1000).await.1, Some(0));
    site.log.says_once(": connected ", &["from 192.0.2.7:4711 "]);
    drop(site);
    let site = Site::serve(trusting("10.0.0.0/8"));
    assert_eq!(enters(&site, V1, 1000).await.1, None);
    site.log.says_once("refused", &["trusted_proxies", "from 127.0.0.1:"]);
}

#[tokio::test]
async fn connections_are_counted_where_they_come_from() {
    let site = Site::serve_with(behind_proxy(tcp()), |config| config.limits.connections_per_address_max = 1);
    let (_first, reason) = enters(&site, V1, 1000).await;
    assert_eq!(reason, Some(0));
    assert_eq!(enters(&site, V1, 1000).await.1, None);
    site.log.says_once("as many connections from 192.0.2.7 are open", &["refused"]);
    assert_eq!(enters(&site, &v2_inet6(), 1000).await.1, Some(0));
}

#[tokio::test]
async fn tls_and_an_upgrade_may_follow() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let listener = over_tls(behind_proxy(ws()), &folder.serves(&authority.server(&["localhost"])));
    let site = Site::serve(ListenerConfig {
        trusted_proxies: vec!["127.0.0.1".parse().expect("it is one")],
        ..listener
    });
    let mut stream = site.connect().await;
    stream.write_all(V1).await.expect("it is taken");
    let mut stream = Client::new(&authority).speaks(stream).await;
    // The client that the header names is no proxy: its word is not taken.
    assert!(upgrades(&mut stream, &["X-Forwarded-For: 6.6.6.6"]).await.starts_with("HTTP/1.1 101 "));
    assert!(crate::client::connects_stomp(&mut stream).await.contains("CONNECTED\n"));
    site.log.says_once(": connected ", &["from 192.0.2.7:4711 "]);
}
