//! Who connects: bytes over any stream, TLS, and WebSocket.

use std::sync::Arc;
use std::time::Duration;

use tidewire_protocols::mqtt::Version;
use tidewire_tests::authority::{Authority, Leaf};
use tidewire_tests::mqtt::{ConnectWords, Say};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore};

/// How long an answer may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What carries a conversation.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Carrier for T {}

/// Sends CONNECT; returns CONNACK's reason, or none if the connection ends instead.
pub(crate) async fn connects(stream: &mut impl Carrier, connect: ConnectWords) -> Option<u8> {
    stream.write_all(&connect.bytes(Version::V5)).await.ok()?;
    Some(packet(stream).await?[3])
}

/// A PING and its answer: the connection is alive.
pub(crate) async fn pings(stream: &mut impl Carrier) {
    stream.write_all(&[0xC0, 0]).await.expect("the connection is there");
    assert_eq!(packet(stream).await.as_deref(), Some(&[0xD0, 0][..]));
}

/// The next packet, short as it is; none if the connection ends.
pub(crate) async fn packet(stream: &mut impl Carrier) -> Option<Vec<u8>> {
    let read = async {
        let mut bytes = vec![0; 2];
        stream.read_exact(&mut bytes).await.ok()?;
        assert!(bytes[1] < 128, "the packet is short: {bytes:?}");
        bytes.resize(2 + usize::from(bytes[1]), 0);
        stream.read_exact(&mut bytes[2..]).await.ok()?;
        Some(bytes)
    };
    timeout(PATIENCE, read).await.expect("something comes, or the end")
}

/// Everything up to the end, however it comes.
pub(crate) async fn hears_all(stream: &mut impl Carrier) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("the connection ends") {
            Ok(0) | Err(_) => return heard,
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Sends this, and holds that nothing but the end comes of it.
pub(crate) async fn is_closed_after(stream: &mut impl Carrier, bytes: &[u8]) {
    stream.write_all(bytes).await.expect("it is taken");
    let heard = hears_all(stream).await;
    assert!(heard.is_empty(), "{}", String::from_utf8_lossy(&heard));
}

/// An upgrade request, with further lines.
pub(crate) fn request(lines: &[&str]) -> String {
    let further: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v12.stomp\r\n{further}\r\n"
    )
}

/// Asks for an upgrade; returns the answer's head, with the body where it is a refusal.
pub(crate) async fn upgrades(stream: &mut impl Carrier, lines: &[&str]) -> String {
    asks(stream, &request(lines)).await
}

/// The same with a whole request.
pub(crate) async fn asks(stream: &mut impl Carrier, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while !(heard.starts_with(b"HTTP/1.1 101") && heard.ends_with(b"\r\n\r\n")) {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an answer comes") {
            Ok(0) | Err(_) => break,
            Ok(read) => heard.extend_from_slice(&buffer[..read]),
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// Says CONNECT in STOMP over an upgraded connection; returns the frame that comes, or none.
pub(crate) async fn connects_stomp(stream: &mut impl Carrier) -> String {
    let frame = b"CONNECT\naccept-version:1.2\nhost:h\n\n\0";
    let mut bytes = vec![0x81, 0x80 | u8::try_from(frame.len()).expect("it is short"), 0, 0, 0, 0];
    bytes.extend_from_slice(frame);
    stream.write_all(&bytes).await.expect("it is taken");
    let mut heard = Vec::new();
    // The head of a WebSocket frame may have such a byte in its length.
    while heard.len() <= 4 || !heard.ends_with(b"\0") {
        let mut byte = [0];
        match timeout(PATIENCE, stream.read(&mut byte)).await.expect("an answer comes") {
            Ok(1) => heard.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

/// A TLS client, which resumes its sessions where it can.
pub(crate) struct Client {
    config: Arc<ClientConfig>,
}

impl Client {
    /// One that trusts `authority`.
    pub(crate) fn new(authority: &Authority) -> Self {
        Self::with(authority, None, &[])
    }

    /// The same with a certificate.
    pub(crate) fn certified(authority: &Authority, leaf: &Leaf) -> Self {
        Self::with(authority, Some(leaf), &[])
    }

    /// The same with names of protocols (ALPN).
    pub(crate) fn with(authority: &Authority, leaf: Option<&Leaf>, alpn: &[&str]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).expect("it is a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("both are known")
            .with_root_certificates(roots);
        let mut config = match leaf {
            Some(leaf) => builder
                .with_client_auth_cert(vec![leaf.der.clone()], leaf.key())
                .expect("the key belongs to the certificate"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config) }
    }

    /// The same that speaks one version only.
    pub(crate) fn in_version(authority: &Authority, version: ProtocolVersion) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).expect("it is a certificate");
        let version = if version == ProtocolVersion::TLSv1_2 { &TLS12 } else { &TLS13 };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .expect("it is known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { config: Arc::new(config) }
    }

    /// Does the handshake as with `host`; an error in words.
    pub(crate) async fn speaks_to<S: Carrier>(&self, host: &str, stream: S) -> Result<TlsStream<S>, String> {
        let name = ServerName::try_from(host.to_owned()).expect("it is a host");
        let connected = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream);
        timeout(PATIENCE, connected).await.expect("the handshake ends").map_err(|error| error.to_string())
    }

    pub(crate) async fn speaks<S: Carrier>(&self, stream: S) -> TlsStream<S> {
        self.speaks_to("localhost", stream).await.expect("the handshake succeeds")
    }
}

/// Whether the session was resumed.
pub(crate) fn is_resumed<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed)
}

/// CONNACK, and then a PING's answer.
pub(crate) async fn pings_after_conn_ack(stream: &mut impl Carrier) {
    let conn_ack = packet(stream).await.expect("CONNACK comes");
    assert_eq!((conn_ack[0], conn_ack[3]), (0x20, 0));
    pings(stream).await;
}
