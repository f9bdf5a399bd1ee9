//! Every carrier, over real sockets: TCP, Unix sockets, TLS, and WebSocket over each of them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tidewire_client::{Client, Credentials, Error, Login, Message, Options, Reconnect, Tls, Url, connect};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::net::{TcpListener, UnixListener};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message as WebSocketMessage;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::mqtt_peer::MqttPeer;
use super::peer::Peer;
use super::within;

/// A folder with an authority, and certificates of it for the server and a client.
struct Files {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Files {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
            .expect("it signs itself");
        let files = Self { folder: tempfile::tempdir().expect("a folder"), authority };
        fs::write(files.path("ca.pem"), files.authority.pem()).expect("it can be written");
        for (name, hosts) in [("server", vec!["localhost".to_owned()]), ("client", Vec::new())] {
            let key = KeyPair::generate().expect("a key");
            let certificate = CertificateParams::new(hosts)
                .expect("a certificate")
                .signed_by(&key, &files.authority)
                .expect("a certificate");
            fs::write(files.path(&format!("{name}.pem")), certificate.pem()).expect("it can be written");
            fs::write(files.path(&format!("{name}.key")), key.serialize_pem()).expect("it can be written");
        }
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The server's side of TLS, which asks for a client's certificate or not.
    fn acceptor(&self, asks: bool) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).expect("an authority");
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match asks {
            true => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .expect("a verifier"),
            ),
            false => builder.with_no_client_auth(),
        };
        let chain = CertificateDer::pem_file_iter(self.path("server.pem")).expect("a file");
        let chain = chain.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(self.path("server.key")).expect("a file");
        TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).expect("a certificate")))
    }

    fn tls(&self) -> Tls {
        Tls::default().with_ca_file(self.path("ca.pem"))
    }
}

/// Takes the WebSocket upgrade, and gives its bytes and the `Authorization` that came with it.
async fn upgraded(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> (DuplexStream, String) {
    let mut authorization = String::new();
    #[allow(clippy::result_large_err, reason = "the trait wants it so")]
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let header = |name: &str| request.headers().get(name).cloned();
        response
            .headers_mut()
            .insert("sec-websocket-protocol", header("sec-websocket-protocol").expect("a subprotocol"));
        if let Some(value) = header("authorization") {
            authorization = value.to_str().expect("text").to_owned();
        }
        Ok(response)
    };
    let mut websocket = accept_hdr_async(stream, choose).await.expect("an upgrade");
    let (ours, theirs) = duplex(64 * 1024);
    tokio::spawn(async move {
        let (mut reader, mut writer) = split(ours);
        let mut buffer = vec![0; 4096];
        loop {
            tokio::select! {
                message = websocket.next() => match message {
                    Some(Ok(WebSocketMessage::Binary(bytes))) => writer.write_all(&bytes).await.expect("the broker listens"),
                    Some(Ok(_)) => {}
                    _ => break,
                },
                count = reader.read(&mut buffer) => match count {
                    Ok(count) if count > 0 => {
                        let bytes = buffer[..count].to_vec();
                        websocket.send(WebSocketMessage::binary(bytes)).await.expect("the client listens");
                    }
                    _ => break,
                },
            }
        }
    });
    (theirs, authorization)
}

/// Speaks the beginning of MQTT on what a client has opened, and hears one message.
async fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, is_websocket: bool) -> String {
    let (mut peer, authorization) = match is_websocket {
        true => {
            let (stream, authorization) = upgraded(stream).await;
            (MqttPeer::new(Peer::new(stream)), authorization)
        }
        false => (MqttPeer::new(Peer::new(stream)), String::new()),
    };
    let heard = peer.welcome(false).await;
    let message = peer.hears().await;
    assert_eq!(message, "PUBLISH q0 a: x", "{heard}");
    format!("{heard}{authorization}")
}

async fn publish(url: &Url, options: Options) -> Result<Client, Error> {
    let client = connect(url, options.with_client_id("me").with_reconnect(Reconnect::never())).await?;
    client.publish(Message::new("a", "x")).await?;
    Ok(client)
}

#[tokio::test]
async fn tcp_and_tls_with_and_without_websocket() {
    let files = Files::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for scheme in ["mqtt", "ws", "mqtts", "wss"] {
        let (is_tls, is_websocket) = (scheme.ends_with('s') && scheme != "ws", scheme.starts_with('w'));
        let url: Url = format!("{scheme}://localhost:{port}").parse().unwrap();
        let options =
            Options::default().with_tls(files.tls()).with_credentials(Credentials::fixed(Login::bearer("t")));
        let served = async {
            let (stream, _) = listener.accept().await.unwrap();
            match is_tls {
                true => serve(files.acceptor(false).accept(stream).await.unwrap(), is_websocket).await,
                false => serve(stream, is_websocket).await,
            }
        };
        let (client, heard) = within(Box::pin(async { tokio::join!(publish(&url, options), served) })).await;
        client.unwrap();
        // Where there is no upgrade the token stands in CONNECT.
        let token = if is_websocket { "Bearer t" } else { " with t" };
        assert_eq!(heard, format!("CONNECT me clean{token}"), "{scheme}");
    }
}

#[tokio::test]
async fn unix_sockets_with_and_without_websocket() {
    let files = Files::new();
    let path = files.path("broker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    for (scheme, is_websocket) in [("mqtt+unix", false), ("ws+unix", true)] {
        let url: Url = format!("{scheme}://{}", path.display()).parse().unwrap();
        let served = async {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, is_websocket).await
        };
        let (client, heard) =
            within(Box::pin(async { tokio::join!(publish(&url, Options::default()), served) })).await;
        client.unwrap();
        assert_eq!(heard, "CONNECT me clean", "{scheme}");
    }
}

#[tokio::test]
async fn both_sides_of_tls_decide_whom_they_believe() {
    let files = Files::new();
    let with_certificate =
        files.tls().with_client_certificate(files.path("client.pem"), files.path("client.key"));
    for (host, tls, asks, is_trusted) in [
        ("localhost", files.tls(), false, true),
        ("localhost", Tls::default(), false, false),
        ("localhost", Tls::default().insecure(), false, true),
        ("127.0.0.1", files.tls(), false, false),
        ("127.0.0.1", files.tls().with_server_name("localhost"), false, true),
        ("localhost", with_certificate, true, true),
        ("localhost", files.tls(), true, false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url: Url = format!("mqtts://{host}:{port}").parse().unwrap();
        let case = format!("{tls:?} at {host}, asked for a certificate: {asks}");
        let served = async {
            let (stream, _) = listener.accept().await.unwrap();
            match files.acceptor(asks).accept(stream).await {
                Ok(stream) if is_trusted => drop(serve(stream, false).await),
                // Not ended before the client has seen why.
                Ok(mut stream) => drop(stream.read_u8().await),
                Err(_) => {}
            }
        };
        let (client, ()) =
            within(Box::pin(async { tokio::join!(publish(&url, Options::default().with_tls(tls)), served) }))
                .await;
        match is_trusted {
            true => drop(client.unwrap_or_else(|error| panic!("{case}: {error}"))),
            false => assert!(
                // A server that wants a certificate says so after the handshake, and may have gone before that is read.
                matches!(client, Err(Error::Tls { .. })) || asks && matches!(client, Err(Error::Lost(_))),
                "{case}: {client:?}"
            ),
        }
    }
}
