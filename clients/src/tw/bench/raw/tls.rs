//! TLS on a socket that may or may not block.

use std::cell::RefCell;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::tw::Failure;

/// Whose certificates are believed.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Trust {
    /// A file of authorities, in PEM.
    pub(in super::super) ca: Option<PathBuf>,
    /// Believe anybody.
    pub(in super::super) is_anyone: bool,
    /// Take up earlier sessions again, as who comes back does; otherwise each is a stranger.
    pub(in super::super) is_resuming: bool,
}

/// What connections to one broker share.
pub(super) fn config(trust: &Trust) -> Result<Arc<ClientConfig>, Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Other(format!("cannot speak TLS: {error}")))?;
    let mut config = match trust.is_anyone {
        true => {
            let anyone = Arc::new(Anyone { provider });
            builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth()
        }
        false => builder.with_root_certificates(authorities(trust)?).with_no_client_auth(),
    };
    if !trust.is_resuming {
        config.resumption = Resumption::disabled();
    }
    Ok(Arc::new(config))
}

fn authorities(trust: &Trust) -> Result<RootCertStore, Failure> {
    let Some(path) = &trust.ca else {
        return Err(Failure::Other("whom to trust: give --ca FILE, or --insecure".to_owned()));
    };
    let unusable = |detail: String| Failure::Other(format!("--ca {}: {detail}", path.display()));
    let text = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        authorities.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if authorities.is_empty() {
        return Err(unusable("there is no certificate in it".to_owned()));
    }
    Ok(authorities)
}

/// One connection's side of TLS. Nothing that has come stays in it: a poller looks at the socket only.
#[derive(Debug)]
pub(super) struct Tls {
    connection: ClientConnection,
}

impl Tls {
    /// `host` is the name or address that the certificate is to be for.
    pub(super) fn new(config: &Arc<ClientConfig>, host: &str) -> io::Result<Self> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        Ok(Self { connection })
    }

    /// Sends what TLS itself has to send.
    pub(super) fn flush(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(socket)?;
        }
        Ok(())
    }

    /// Waits until the handshake is done; `socket` blocks.
    pub(super) fn shake_hands(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        while self.connection.is_handshaking() {
            self.flush(socket)?;
            if self.connection.is_handshaking() {
                if self.connection.read_tls(socket)? == 0 {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                self.connection.process_new_packets().map_err(io::Error::other)?;
            }
        }
        self.flush(socket)
    }

    pub(super) fn is_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    /// Takes over some of `bytes`, and sends what the system takes.
    pub(super) fn write(&mut self, socket: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let count = self.connection.writer().write(bytes)?;
        match self.flush(socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    /// Reads once, and puts all that it opens to at `end` of `input`, which grows as needed. Returns whether the broker
    /// may send more.
    pub(super) fn read(
        &mut self,
        socket: &mut TcpStream,
        input: &mut Vec<u8>,
        end: &mut usize,
    ) -> io::Result<bool> {
        SEALED.with_borrow_mut(|sealed| {
            let count = socket.read(sealed)?;
            let mut rest = &sealed[..count];
            let mut is_open = count > 0;
            while is_open && !rest.is_empty() {
                self.connection.read_tls(&mut rest)?;
                let state = self.connection.process_new_packets().map_err(io::Error::other)?;
                let (more, is_closed) = (state.plaintext_bytes_to_read(), state.peer_has_closed());
                if input.len() < *end + more {
                    input.resize((*end + more).next_power_of_two(), 0);
                }
                if more > 0 {
                    self.connection.reader().read_exact(&mut input[*end..*end + more])?;
                    *end += more;
                }
                is_open = !is_closed;
            }
            Ok(is_open)
        })
    }
}

thread_local! {
    /// What is read and not opened yet: one for all connections, ten thousand of which are mostly silent.
    static SEALED: RefCell<Vec<u8>> = RefCell::new(vec![0; SEALED_BYTES]);
}

const SEALED_BYTES: usize = 64 * 1024;

/// Believes every certificate and every signature: checking them would cost a client
/// more than the broker, whose work is the same.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_anyone_to_trust_there_is_no_tls() {
        assert!(config(&Trust::default()).unwrap_err().to_string().contains("--insecure"));
        assert!(config(&Trust { is_anyone: true, ..Trust::default() }).is_ok());
        let missing = Trust { ca: Some("/nowhere/ca.pem".into()), ..Trust::default() };
        assert!(config(&missing).unwrap_err().to_string().contains("/nowhere/ca.pem"));
    }
}
