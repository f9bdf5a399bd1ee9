//! Whose word is taken for where an upgrade comes from.

use tidewire::config::{ForwardedHeader, ListenerConfig};
use tokio::net::TcpStream;

use crate::client::{asks, connects_stomp, hears_all, request, upgrades};
use crate::site::{Site, ws};

fn behind(proxies: &[&str]) -> ListenerConfig {
    let trusted_proxies = proxies.iter().map(|proxy| proxy.parse().expect("it is a network")).collect();
    ListenerConfig { trusted_proxies, ..ws() }
}

/// The connection that comes of an upgrade with these lines, which is in the log once.
async fn connect(site: &Site, lines: &[&str]) -> TcpStream {
    let mut stream = site.connect().await;
    assert!(upgrades(&mut stream, lines).await.starts_with("HTTP/1.1 101 "));
    assert!(connects_stomp(&mut stream).await.contains("CONNECTED\n"));
    stream
}

#[tokio::test]
async fn a_trusted_proxy_says_where_a_client_comes_from() {
    let site = Site::serve(behind(&["127.0.0.0/8"]));
    let _client = connect(&site, &["X-Forwarded-For: 6.6.6.6, 192.0.2.1"]).await;
    site.log.says_once(": connected ", &["from 192.0.2.1 "]);
}

#[tokio::test]
async fn who_is_refused_is_named_by_that_address_too() {
    let site = Site::serve(behind(&["127.0.0.1"]));
    let mut stream = site.connect().await;
    let lines = ["X-Forwarded-For: 192.0.2.1", "Origin: https://evil.example"];
    assert!(upgrades(&mut stream, &lines).await.starts_with("HTTP/1.1 403 "));
    site.log.says_once("evil.example", &["from 192.0.2.1 ", "HTTP 403"]);
}

#[tokio::test]
async fn a_trusted_proxy_on_the_same_machine_may_keep_the_host() {
    let upgrade = request(&["Origin: https://app.example"]).replace("localhost", "app.example");
    let by_header = format!("PROXY UNKNOWN\r\n{upgrade}");
    for (what, listener, asked, status) in [
        ("a proxy", behind(&["127.0.0.1"]), &upgrade, "101 "),
        ("none", behind(&["10.0.0.0/8"]), &upgrade, "403 "),
        ("by PROXY", ListenerConfig { proxy_protocol: true, ..ws() }, &by_header, "101 "),
    ] {
        let site = Site::serve(listener);
        let answer = asks(&mut site.connect().await, asked).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {answer}");
    }
}

#[tokio::test]
async fn nobody_else_does() {
    let site = Site::serve(behind(&["10.0.0.0/8"]));
    let _client = connect(&site, &["X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1"]).await;
    site.log.says_once(": connected ", &["from 127.0.0.1:"]);
}

#[tokio::test]
async fn one_header_is_looked_at() {
    let lines = ["X-Forwarded-For: 192.0.2.1", "Forwarded: for=\"[2001:db8::7]:99\";proto=https"];
    let site = Site::serve(behind(&["127.0.0.1"]));
    let _client = connect(&site, &lines).await;
    site.log.says_once(": connected ", &["from 192.0.2.1 "]);
    drop(site);
    let forwarded_header = ForwardedHeader::Forwarded;
    let site = Site::serve(ListenerConfig { forwarded_header, ..behind(&["127.0.0.1"]) });
    let _client = connect(&site, &lines).await;
    site.log.says_once(": connected ", &["from 2001:db8::7 "]);
}

#[tokio::test]
async fn connections_are_counted_where_they_come_from() {
    let site = Site::serve_with(behind(&["127.0.0.1"]), |config| {
        config.limits.connections_per_address_max = 1;
    });
    let first = connect(&site, &["X-Forwarded-For: 192.0.2.1"]).await;
    let _other = connect(&site, &["X-Forwarded-For: 192.0.2.2"]).await;
    let mut second = site.connect().await;
    let answer = upgrades(&mut second, &["X-Forwarded-For: 192.0.2.1"]).await;
    assert!(
        answer.starts_with("HTTP/1.1 429 ") && answer.to_lowercase().contains("\r\nretry-after: "),
        "{answer}"
    );
    assert!(answer.contains("as many connections from 192.0.2.1 are open as there may be (1)"), "{answer}");
    // The proxy's own connections, which it makes for nobody, are counted as its own.
    let _own = connect(&site, &[]).await;
    let mut first = first;
    // A close frame, and the answer to it: then the place is free.
    tokio::io::AsyncWriteExt::write_all(&mut first, &[0x88, 0x80, 0, 0, 0, 0]).await.expect("it is taken");
    hears_all(&mut first).await;
    drop(first);
    while site.broker.visitors.len() > 2 {
        tokio::task::yield_now().await;
    }
    connect(&site, &["X-Forwarded-For: 192.0.2.1"]).await;
}
