//! TLS: its versions, which certificate whom, resumption, ALPN, and how long a handshake may take.

use tidewire::config::{ProtocolName, Span};
use tidewire::net::{Raw, Socket};
use tidewire::tls::{LiveTls, Pair, TlsVersion};
use tidewire_protocols::mqtt::Version;
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::mqtt::{Say, connect, publish, subscribe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};

use crate::client::{Client, PATIENCE, connects, connects_stomp, hears_all, is_resumed, pings, upgrades};
use crate::site::{Site, over_tls, tcp, ws};

#[tokio::test]
async fn both_versions_are_spoken_over_tcp_and_web_socket() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let settings = folder.serves(&authority.server(&["localhost"]));
    let (tcp, ws) = (Site::serve(over_tls(tcp(), &settings)), Site::serve(over_tls(ws(), &settings)));
    for version in [TLSv1_2, TLSv1_3] {
        let client = Client::in_version(&authority, version);
        let mut stream = client.speaks(tcp.connect().await).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version));
        assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
        pings(&mut stream).await;
        let mut stream = client.speaks(ws.connect().await).await;
        assert!(upgrades(&mut stream, &[]).await.starts_with("HTTP/1.1 101 "));
        assert!(connects_stomp(&mut stream).await.contains("CONNECTED\n"));
    }
}

#[tokio::test]
async fn both_protocols_of_one_port_are_told_apart_under_tls() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let mut listener = over_tls(tcp(), &folder.serves(&authority.server(&["localhost"])));
    listener.protocols = vec![ProtocolName::Mqtt, ProtocolName::Stomp];
    let site = Site::serve(listener);
    let client = Client::new(&authority);
    let mut mqtt = client.speaks(site.connect().await).await;
    assert_eq!(connects(&mut mqtt, connect("alice")).await, Some(0));
    let mut stomp = client.speaks(site.connect().await).await;
    stomp.write_all(b"CONNECT\naccept-version:1.2\nhost:h\n\n\0DISCONNECT\n\n\0").await.expect("it is taken");
    let mut heard = Vec::new();
    let read = timeout(PATIENCE, stomp.read_to_end(&mut heard)).await;
    read.expect("the connection ends").expect("TLS is closed in good order");
    assert!(heard.starts_with(b"CONNECTED\n"));
}

#[tokio::test]
async fn an_older_version_than_the_oldest_is_refused() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let mut settings = folder.serves(&authority.server(&["localhost"]));
    settings.min_version = TlsVersion::V13;
    let site = Site::serve(over_tls(tcp(), &settings));
    let refused = Client::in_version(&authority, TLSv1_2).speaks_to("localhost", site.connect().await).await;
    assert!(refused.is_err());
    site.log.says_once("the TLS handshake failed", &["from 127.0.0.1:"]);
    let mut stream = Client::in_version(&authority, TLSv1_3).speaks(site.connect().await).await;
    assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
}

#[tokio::test]
async fn each_host_has_its_certificate_and_all_others_the_first() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let first = authority.server(&["localhost", "c.example"]);
    let others = [authority.server(&["a.example"]), authority.server(&["*.b.example", "a.example"])];
    let mut settings = folder.serves(&first);
    for (index, leaf) in others.iter().enumerate() {
        settings.certificates.push(Pair {
            cert: folder.write(&format!("{index}.pem"), &leaf.pem),
            key: folder.write(&format!("{index}.key"), &leaf.key_pem),
        });
    }
    let site = Site::serve(over_tls(tcp(), &settings));
    for (host, leaf) in [
        ("localhost", &first),
        ("c.example", &first),
        ("a.example", &others[0]),
        ("A.Example", &others[0]),
        ("x.b.example", &others[1]),
    ] {
        let stream = Client::new(&authority).speaks_to(host, site.connect().await).await.expect(host);
        let shown = stream.get_ref().1.peer_certificates().expect("a server shows one");
        assert_eq!(shown[0], leaf.der, "{host}");
    }
    // Shown the first one, the client finds that it is for other hosts.
    assert!(Client::new(&authority).speaks_to("d.example", site.connect().await).await.is_err());
}

#[tokio::test]
async fn a_session_is_resumed() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let site = Site::serve(over_tls(tcp(), &folder.serves(&authority.server(&["localhost"]))));
    for version in [TLSv1_2, TLSv1_3] {
        let client = Client::in_version(&authority, version);
        for is_second in [false, true] {
            let mut stream = client.speaks(site.connect().await).await;
            // The ticket comes with the answer.
            assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
            assert_eq!(is_resumed(&stream), is_second, "{version:?}");
        }
    }
}

#[tokio::test]
async fn a_protocol_is_agreed_on_with_whoever_names_some() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let settings = folder.serves(&authority.server(&["localhost"]));
    let (mqtt, ws) = (Site::serve(over_tls(tcp(), &settings)), Site::serve(over_tls(ws(), &settings)));
    for (site, named, agreed) in [
        (&mqtt, &["mqtt"][..], Some(&b"mqtt"[..])),
        (&mqtt, &[], None),
        (&ws, &["h2", "http/1.1"], Some(b"http/1.1")),
        (&ws, &[], None),
    ] {
        let client = Client::with(&authority, None, named);
        let stream = client.speaks(site.connect().await).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed, "{named:?}");
    }
    let refused = Client::with(&authority, None, &["h2"]).speaks_to("localhost", mqtt.connect().await).await;
    assert!(refused.is_err_and(|error| error.contains("NoApplicationProtocol")));
}

#[tokio::test]
async fn a_handshake_may_take_so_long() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let settings = folder.serves(&authority.server(&["localhost"]));
    let site = Site::serve_with(over_tls(tcp(), &settings), |config| {
        config.limits.connect_timeout = Span::parse("200ms").expect("it is a time");
    });
    let mut silent = site.connect().await;
    assert!(hears_all(&mut silent).await.is_empty());
    site.log.says_once("a first byte did not come within the connect timeout", &["from 127.0.0.1:"]);
    let mut slow = site.connect().await;
    slow.write_all(&[0x16, 3, 1]).await.expect("it is taken");
    assert!(hears_all(&mut slow).await.is_empty());
    site.log.says_once("the end of the TLS handshake did not come within the connect timeout", &[]);
    assert_eq!(site.broker.link_count(), 0);
}

/// What TLS has taken and the system has not is sent by whoever next asks for something to read: nobody else would.
#[tokio::test]
async fn what_counts_as_written_leaves() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let tls =
        LiveTls::new(&folder.serves(&authority.server(&["localhost"])), &[]).expect("the files are right");
    let client = Client::new(&authority);
    // A pipe that holds much less than is written.
    let (near, far) = tokio::io::duplex(1024);
    let (accepted, mut stream) = tokio::join!(tls.accept(Raw::from(far)), client.speaks(near));
    let mut socket = Socket::Tls(accepted.expect("the handshake succeeds").0);
    socket.write_all(&[7; 8192]).await.expect("TLS takes it");
    let reading = tokio::spawn(async move { socket.read_u8().await });
    let mut heard = [0; 8192];
    let read = stream.read_exact(&mut heard);
    timeout(PATIENCE, read).await.expect("all of it comes").expect("the connection stays");
    stream.write_all(&[9]).await.expect("it is taken");
    stream.flush().await.expect("it is sent");
    assert_eq!(reading.await.expect("it does not panic").expect("it comes"), 9);
}

/// More than all buffers on the way hold, both ways.
#[tokio::test]
async fn much_goes_through() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let site = Site::serve(over_tls(tcp(), &folder.serves(&authority.server(&["localhost"]))));
    let mut stream = Client::new(&authority).speaks(site.connect().await).await;
    assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
    let version = Version::V5;
    stream.write_all(&subscribe("t", 0).bytes(version)).await.expect("it is taken");
    let payload = "x".repeat(8 << 20);
    let (mut reader, mut writer) = tokio::io::split(stream);
    let publish = publish("t", &payload).bytes(version);
    let sent = publish.len();
    let writing = tokio::spawn(async move {
        writer.write_all(&publish).await.expect("it is taken");
        writer
    });
    let mut heard = 0;
    let mut buffer = vec![0; 64 << 10];
    while heard < sent {
        let read = tokio::io::AsyncReadExt::read(&mut reader, &mut buffer);
        heard +=
            tokio::time::timeout(crate::client::PATIENCE, read).await.expect("more comes").expect("no end");
    }
    drop(writing.await.expect("it does not panic"));
}
