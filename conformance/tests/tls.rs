//! Cases over TLS, bare and under WebSocket, against a server that has a certificate of its own.

#![allow(clippy::unwrap_used, reason = "a test says by a panic what is wrong")]

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tidewire_conformance::case::{Suite, parse};
use tidewire_conformance::needs::Settings;
use tidewire_conformance::play::Setup;
use tidewire_conformance::run::{Verdict, run};
use tidewire_conformance::transport::{Target, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

const CONNACK: &[u8] = b"\x20\x03\x00\x00\x00";
const CASE: &str = "case x\nstatements: MQTT-3.1.0-1\nconnected\n";

/// A certificate for `localhost`, as a file and for the server.
struct Certificate {
    file: PathBuf,
    acceptor: TlsAcceptor,
}

impl Certificate {
    fn new(name: &str) -> Certificate {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = std::env::temp_dir().join(format!("tidewire-{}-{name}.pem", std::process::id()));
        std::fs::File::create(&file).unwrap().write_all(made.cert.pem().as_bytes()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Certificate { file, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

async fn answer_plainly(mut stream: TlsStream<TcpStream>) {
    let mut buffer = [0; 1024];
    let _ = stream.read(&mut buffer).await;
    let _ = stream.write_all(CONNACK).await;
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

#[allow(clippy::result_large_err, reason = "tungstenite's own type")]
async fn answer_in_frames(stream: TlsStream<TcpStream>) {
    let select = |_: &Request, mut response: Response| {
        response.headers_mut().insert("sec-websocket-protocol", "mqtt".parse().unwrap());
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, select).await.unwrap();
    let _ = socket.next().await;
    let _ = socket.send(Message::binary(CONNACK)).await;
    while matches!(socket.next().await, Some(Ok(_))) {}
}

/// The failure of a CONNECT by this scheme, if it fails, with the trusted certificates in `ca`.
async fn failure(scheme: &str, certificate: &Certificate, ca: &Certificate) -> Option<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (acceptor, in_frames) = (certificate.acceptor.clone(), scheme == "wss");
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor.accept(stream).await {
                    Ok(stream) if in_frames => answer_in_frames(stream).await,
                    Ok(stream) => answer_plainly(stream).await,
                    Err(_) => {}
                }
            });
        }
    });
    let setup = Setup {
        target: Target::parse(&format!("{scheme}://localhost:{port}")).unwrap(),
        tls: Some(Tls::new(Some(&ca.file)).unwrap()),
        host: "localhost".to_owned(),
        login: None,
        limit: Duration::from_secs(5),
        patience: 1,
    };
    let cases = parse(Suite::Mqtt5, "s", "s.case", CASE).unwrap();
    let results = run(cases, setup, &Settings::new(&[]).unwrap(), 1).await;
    server.abort();
    match &results.played[0].verdict {
        Verdict::Passed(_) => None,
        Verdict::Failed(outcome) => outcome.failure.as_ref().map(|failure| failure.message.clone()),
        Verdict::Skipped(lacking) => panic!("skipped: {lacking}"),
    }
}

#[tokio::test]
async fn cases_are_played_over_tls_and_over_web_socket_on_it() {
    let certificate = Certificate::new("served");
    assert_eq!(failure("tls", &certificate, &certificate).await, None);
    assert_eq!(failure("wss", &certificate, &certificate).await, None);
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_failure() {
    let (certificate, other) = (Certificate::new("own"), Certificate::new("other"));
    let message = failure("tls", &certificate, &other).await.unwrap();
    assert!(message.contains("TLS handshake"), "{message}");
}

#[test]
fn a_file_without_certificates_is_named() {
    let file = std::env::temp_dir().join(format!("tidewire-{}-empty.pem", std::process::id()));
    std::fs::write(&file, "nothing\n").unwrap();
    let error = Tls::new(Some(&file)).unwrap_err();
    let _ = std::fs::remove_file(&file);
    assert!(error.contains("--ca"), "{error}");
    assert!(Tls::new(Some(&file)).unwrap_err().contains("empty.pem"));
}
