//! The TLS that a listener speaks at present, and how a reload changes it without touching a connection.

use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::ProducesTickets;
use tokio_rustls::server::TlsStream;

use super::server::{Trust, new_tickets, server_config, trust};
use super::{ClientName, TlsFault, TlsSettings, name};

/// See the module. Handshakes that have begun go on with what they began with.
pub struct LiveTls {
    alpn: &'static [&'static [u8]],
    current: ArcSwap<Prepared>,
}

/// A configuration that is ready to be used, wholly or not at all.
pub struct Prepared {
    config: Arc<ServerConfig>,
    client_name: ClientName,
    trust: Trust,
    tickets: Arc<dyn ProducesTickets>,
}

impl LiveTls {
    /// Reads the settings' files. `alpn` are the protocols to agree on with clients that name some; empty: whatever
    /// they name is not looked at.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn new(settings: &TlsSettings, alpn: &'static [&'static [u8]]) -> Result<Self, TlsFault> {
        let (trust, tickets) = (trust(settings)?, new_tickets()?);
        let current = Prepared::new(settings, alpn, trust, tickets)?;
        Ok(Self { alpn, current: ArcSwap::from_pointee(current) })
    }

    /// Reads the files again, or others, and changes nothing yet. Sessions can be resumed across the change unless it
    /// is one of whom to trust, because whoever resumes one is not verified anew.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn prepare(&self, settings: &TlsSettings) -> Result<Prepared, TlsFault> {
        let current = self.current.load();
        let trust = trust(settings)?;
        let tickets = match trust == current.trust {
            true => Arc::clone(&current.tickets),
            false => new_tickets()?,
        };
        Prepared::new(settings, self.alpn, trust, tickets)
    }

    /// Uses it for every handshake from now on.
    pub fn install(&self, prepared: Prepared) {
        self.current.store(Arc::new(prepared));
    }

    /// Does the handshake. Returns the stream and the user that the client's certificate names, if it showed one.
    ///
    /// # Errors
    ///
    /// What went wrong; the peer has been told.
    pub async fn accept<S>(&self, stream: S) -> io::Result<(Box<TlsStream<S>>, Option<String>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let current = self.current.load_full();
        let stream = TlsAcceptor::from(Arc::clone(&current.config)).accept(stream).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        // A session that is resumed has its certificate from the ticket, and nobody has looked at it since.
        if certificate.is_some_and(|certificate| !name::is_valid_at(certificate, OffsetDateTime::now_utc())) {
            return Err(io::Error::other("the client's certificate is not valid at this time"));
        }
        let user = certificate.and_then(|certificate| name::user(certificate, current.client_name));
        Ok((Box::new(stream), user))
    }
}

impl Prepared {
    fn new(
        settings: &TlsSettings,
        alpn: &[&[u8]],
        trust: Trust,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<Self, TlsFault> {
        let config = Arc::new(server_config(settings, alpn, Arc::clone(&tickets))?);
        Ok(Self { config, client_name: settings.client_name, trust, tickets })
    }
}
