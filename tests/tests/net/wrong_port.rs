//! Whoever comes to a port that speaks something else is told apart from whoever speaks badly, in one line of the log.

use tidewire::config::{ListenerConfig, ProtocolName};
use tidewire_protocols::mqtt::Version;
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::mqtt::{Say, connect};
use tokio::io::AsyncWriteExt;

use crate::client::{Client, hears_all, is_closed_after, request};
use crate::site::{Site, over_tls, tcp, ws};

const STOMP: &[u8] = b"CONNECT\naccept-version:1.2\nhost:h\n\n\0";

fn serving(protocols: &[ProtocolName]) -> ListenerConfig {
    ListenerConfig { protocols: protocols.to_vec(), ..tcp() }
}

#[tokio::test]
async fn a_tls_hello_without_tls() {
    use ProtocolName::{Mqtt, Stomp};
    for listener in [ws(), serving(&[Mqtt]), serving(&[Stomp]), serving(&[Mqtt, Stomp])] {
        let site = Site::serve(listener);
        let client = Client::new(&Authority::new("root"));
        assert!(client.speaks_to("localhost", site.connect().await).await.is_err());
        site.log.says_once("refused", &["a TLS hello came to a port without TLS", "from 127.0.0.1:"]);
    }
}

#[tokio::test]
async fn an_http_request_without_web_socket() {
    use ProtocolName::{Mqtt, Stomp};
    for listener in [serving(&[Mqtt]), serving(&[Stomp]), serving(&[Mqtt, Stomp])] {
        let site = Site::serve(listener);
        is_closed_after(&mut site.connect().await, request(&[]).as_bytes()).await;
        site.log.says_once("refused", &["an HTTP request came to a port for MQTT and STOMP over TCP"]);
    }
}

#[tokio::test]
async fn anything_without_tls_to_a_port_that_speaks_it() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let settings = folder.serves(&authority.server(&["localhost"]));
    let mqtt = connect("alice").bytes(Version::V5);
    for listener in [tcp(), ws()] {
        for (bytes, words) in
            [(&mqtt[..], "an MQTT CONNECT"), (STOMP, "a STOMP frame"), (&[0xff], "something unknown")]
        {
            let site = Site::serve(over_tls(listener.clone(), &settings));
            is_closed_after(&mut site.connect().await, bytes).await;
            let words = format!("{words} came without TLS to a port that speaks it");
            site.log.says_once("refused", &[&words, "from 127.0.0.1:"]);
        }
    }
    let site = Site::serve(over_tls(tcp(), &settings));
    is_closed_after(&mut site.connect().await, request(&[]).as_bytes()).await;
    site.log.says_once("refused", &["an HTTP request came without TLS to a port that speaks it"]);
}

#[tokio::test]
async fn a_browser_without_tls_is_answered() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let site = Site::serve(over_tls(ws(), &folder.serves(&authority.server(&["localhost"]))));
    let mut stream = site.connect().await;
    // More than is read to see what comes.
    let long = format!("X-Long: {}", "x".repeat(4000));
    stream.write_all(request(&[&long]).as_bytes()).await.expect("it is taken");
    let answer = String::from_utf8(hears_all(&mut stream).await).expect("it is text");
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nthis port speaks TLS: use wss://\n"), "{answer}");
    drop(stream);
    while site.broker.link_count() > 0 {
        tokio::task::yield_now().await;
    }
    site.log.says_once("refused", &["an HTTP request came without TLS to a port that speaks it"]);
}
