//! What carries a conversation between a peer and the broker: a pipe, TLS over it, and HTTP/2 over that.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tidewire::tls::{ClientAuth, LiveTls, TlsSettings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::peer::{Asked, HttpRefusal, Wire};

/// The host that the broker's certificate is for.
const HOST: &str = "localhost";
/// Bytes that are on their way through HTTP/2.
const PIPE_BYTES: usize = 64 * 1024;

/// Bytes in both directions.
pub trait Carrier: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Carrier for T {}

/// Any of them.
pub type BoxedCarrier = Box<dyn Carrier>;

/// The certificate of the tests' brokers, made once.
struct Certificate {
    cert_pem: String,
    key_pem: String,
    der: CertificateDer<'static>,
}

fn certificate() -> &'static Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([HOST.to_owned()]).expect("a certificate can be made");
        Certificate { cert_pem: cert.pem(), key_pem: signing_key.serialize_pem(), der: cert.der().clone() }
    })
}

impl Wire {
    /// What the broker speaks before everything else, if that is TLS.
    pub fn server_tls(self) -> Option<Arc<LiveTls>> {
        let alpn: &[&[u8]] = match self {
            Self::Tcp | Self::Ws => return None,
            Self::Tls => &[],
            Self::Wss => &[b"http/1.1"],
            Self::Http2 => &[b"h2", b"http/1.1"],
        };
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a temporary directory can be written to");
            path
        };
        let settings = TlsSettings {
            cert: file("cert.pem", &certificate().cert_pem),
            key: file("key.pem", &certificate().key_pem),
            client_ca: None,
            client_auth: ClientAuth::None,
            client_name: Default::default(),
            crl: Vec::new(),
            min_version: Default::default(),
            certificates: Vec::new(),
        };
        Some(Arc::new(LiveTls::new(&settings, alpn).expect("the files are right")))
    }

    /// The client's end of `pipe`, with TLS where that is spoken.
    pub(crate) async fn carries(self, pipe: DuplexStream) -> BoxedCarrier {
        let alpn: &[&[u8]] = match self {
            Self::Tcp | Self::Ws => return Box::new(pipe),
            Self::Tls => &[],
            Self::Wss => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
        };
        let mut roots = RootCertStore::empty();
        roots.add(certificate().der.clone()).expect("it is a certificate");
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the versions are known")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let host = ServerName::try_from(HOST).expect("it is a host");
        let connected = TlsConnector::from(Arc::new(config)).connect(host, pipe).await;
        Box::new(connected.expect("the handshake succeeds"))
    }
}

/// Asks for a WebSocket over HTTP/2; returns what carries its bytes, or what the answer is instead. (RFC 8441)
pub(crate) async fn extended_connect(
    carrier: BoxedCarrier,
    asked: &Asked,
) -> Result<BoxedCarrier, HttpRefusal> {
    let (requests, connection) = h2::client::handshake(carrier).await.expect("the broker speaks HTTP/2");
    tokio::spawn(connection);
    let mut requests = requests.ready().await.expect("the connection is there");
    while !requests.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
        requests = requests.ready().await.expect("the connection is there");
    }
    let mut request = http::Request::builder()
        .method("CONNECT")
        .uri(format!("https://{HOST}{}", asked.path))
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"));
    for (name, value) in asked.headers() {
        request = request.header(name, value);
    }
    let request = request.body(()).expect("the request is well-formed");
    let (answer, sending) = requests.send_request(request, false).expect("a stream is free");
    let (head, mut receiving) = answer.await.expect("an answer comes").into_parts();
    if head.status.is_success() {
        return Ok(Box::new(bridge(requests, sending, receiving)));
    }
    let mut body = Vec::new();
    while let Some(piece) = receiving.data().await {
        body.extend_from_slice(&piece.expect("the answer comes whole"));
    }
    Err(HttpRefusal::new(head.status, &head.headers, body))
}

/// The two directions of an HTTP/2 stream as one pipe. `requests` keeps the connection open.
fn bridge(
    requests: SendRequest<Bytes>,
    mut sending: SendStream<Bytes>,
    mut receiving: RecvStream,
) -> DuplexStream {
    let (near, far) = tokio::io::duplex(PIPE_BYTES);
    let (mut reading, mut writing) = tokio::io::split(far);
    tokio::spawn(async move {
        let _requests = requests;
        let mut buffer = vec![0; PIPE_BYTES];
        while let Ok(size @ 1..) = reading.read(&mut buffer).await {
            if sending.send_data(Bytes::copy_from_slice(&buffer[..size]), false).is_err() {
                return;
            }
        }
        // Whether the broker still listens is its own affair.
        let _ = sending.send_data(Bytes::new(), true);
    });
    tokio::spawn(async move {
        while let Some(Ok(piece)) = receiving.data().await {
            let is_taken = writing.write_all(&piece).await.is_ok();
            if !is_taken || receiving.flow_control().release_capacity(piece.len()).is_err() {
                return;
            }
        }
        let _ = writing.shutdown().await;
    });
    near
}
