//! WebSocket over HTTP/2: one connection, many WebSockets. (RFC 8441)

use std::io;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Request, Response, StatusCode};
use tidewire::config::{ListenerConfig, Span};
use tidewire_protocols::mqtt::Version;
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::mqtt::{Say, connect, publish, subscribe};
use tokio::time::timeout;
use tokio_rustls::rustls::HandshakeKind;

use crate::client::{Client, PATIENCE, connects_stomp, upgrades};
use crate::site::{Site, over_tls, ws};

/// A site with HTTP/2, and a client that has agreed on it.
async fn begin(change: impl FnOnce(&mut ListenerConfig)) -> (Site, SendRequest<Bytes>) {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let mut listener = over_tls(ws(), &folder.serves(&authority.server(&["localhost"])));
    listener.http2 = true;
    change(&mut listener);
    let site = Site::serve_with(listener, |config| {
        config.limits.connect_timeout = Span(std::time::Duration::from_millis(500));
    });
    let stream = Client::with(&authority, None, &["h2"]).speaks(site.connect().await).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(stream.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    let (requests, connection) = h2::client::handshake(stream).await.expect("the broker speaks HTTP/2");
    tokio::spawn(connection);
    let requests = timeout(PATIENCE, extended(requests)).await.expect("extended CONNECT is offered");
    (site, requests)
}

/// Waits until the broker's settings have come.
pub(crate) async fn extended(requests: SendRequest<Bytes>) -> SendRequest<Bytes> {
    let mut requests = requests.ready().await.expect("the connection is there");
    while !requests.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
        requests = requests.ready().await.expect("the connection is there");
    }
    requests
}

async fn asks(
    requests: &mut SendRequest<Bytes>,
    headers: &[(&str, &str)],
) -> (Response<RecvStream>, SendStream<Bytes>) {
    let mut request = Request::builder()
        .method("CONNECT")
        .uri("https://localhost/mqtt")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(()).expect("the request is well-formed");
    let (answer, sending) = requests.send_request(request, false).expect("a stream is free");
    (timeout(PATIENCE, answer).await.expect("an answer comes").expect("the stream is there"), sending)
}

/// One binary message, masked with zeroes.
fn message(payload: &[u8]) -> Bytes {
    let length = u8::try_from(payload.len()).ok().filter(|length| *length < 126).expect("it is short");
    [&[0x82, 0x80 | length, 0, 0, 0, 0], payload].concat().into()
}

/// The next message's payload, short as it is.
async fn hears(receiving: &mut RecvStream) -> io::Result<Vec<u8>> {
    let mut heard = Vec::new();
    while heard.len() < 2 || heard.len() < 2 + usize::from(heard[1]) {
        let piece = timeout(PATIENCE, receiving.data()).await.expect("something comes, or the end");
        let piece = piece.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(io::Error::other)?;
        receiving.flow_control().release_capacity(piece.len()).map_err(io::Error::other)?;
        heard.extend_from_slice(&piece);
    }
    Ok(heard.split_off(2))
}

#[tokio::test]
async fn ten_web_sockets_share_a_connection() {
    let (site, mut requests) = begin(|_| ()).await;
    let mut clients = Vec::new();
    for number in 0..10 {
        let (answer, mut sending) = asks(&mut requests, &[("sec-websocket-protocol", "mqtt")]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["sec-websocket-protocol"], "mqtt");
        let mut receiving = answer.into_body();
        let words = connect(&format!("tab-{number}")).bytes(Version::V5);
        sending.send_data(message(&words), false).expect("the stream is open");
        let conn_ack = hears(&mut receiving).await.expect("CONNACK");
        assert_eq!((conn_ack[0], conn_ack[3]), (0x20, 0));
        sending.send_data(message(&subscribe("t", 0).bytes(Version::V5)), false).expect("the stream is open");
        assert_eq!(hears(&mut receiving).await.expect("SUBACK")[0], 0x90);
        clients.push((sending, receiving));
    }
    let words = publish("t", "hello").bytes(Version::V5);
    clients[0].0.send_data(message(&words), false).expect("the stream is open");
    for (_, receiving) in &mut clients {
        assert!(hears(receiving).await.expect("PUBLISH").ends_with(b"hello"));
    }
    // The connection itself, and what it carries.
    assert_eq!(site.broker.link_count(), 11);
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_the_connection_stays() {
    let (site, mut requests) = begin(|listener| listener.paths = Some(vec!["/mqtt".to_owned()])).await;
    for (headers, status) in [
        (&[("sec-websocket-protocol", "chat")][..], StatusCode::BAD_REQUEST),
        (&[("sec-websocket-protocol", "mqtt"), ("origin", "https://evil.example")], StatusCode::FORBIDDEN),
    ] {
        assert_eq!(asks(&mut requests, headers).await.0.status(), status);
    }
    let plain =
        Request::builder().uri("https://localhost/mqtt").body(()).expect("the request is well-formed");
    let (answer, _) = requests.send_request(plain, true).expect("a stream is free");
    assert_eq!(answer.await.expect("an answer comes").status(), StatusCode::UPGRADE_REQUIRED);
    let same = [("sec-websocket-protocol", "mqtt"), ("origin", "https://localhost")];
    assert_eq!(asks(&mut requests, &same).await.0.status(), StatusCode::OK);
    site.log.says_once("evil.example", &["HTTP 403"]);
}

#[tokio::test]
async fn compression_is_agreed_on_as_well() {
    let (_site, mut requests) = begin(|_| ()).await;
    let headers = [
        ("sec-websocket-protocol", "mqtt"),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
    ];
    let (answer, _) = asks(&mut requests, &headers).await;
    let agreed = answer.headers()["sec-websocket-extensions"].to_str().expect("it is text");
    assert_eq!(agreed, "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
}

#[tokio::test]
async fn a_connection_that_carries_nothing_is_let_go_of() {
    let (site, requests) = begin(|_| ()).await;
    assert_eq!(site.broker.link_count(), 1);
    let gone = async {
        while site.broker.link_count() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("within the connect timeout");
    drop(requests);
}

#[tokio::test]
async fn who_does_not_speak_it_upgrades_as_ever() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let mut listener = over_tls(ws(), &folder.serves(&authority.server(&["localhost"])));
    listener.http2 = true;
    let site = Site::serve(listener);
    for alpn in [&[][..], &["http/1.1"]] {
        let mut stream = Client::with(&authority, None, alpn).speaks(site.connect().await).await;
        assert!(upgrades(&mut stream, &[]).await.starts_with("HTTP/1.1 101 "));
        assert!(connects_stomp(&mut stream).await.contains("CONNECTED\n"));
    }
}
