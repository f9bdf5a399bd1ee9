//! Byte streams to a broker: TCP, Unix sockets, TLS over TCP, or the application's own.

use std::fmt;
use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::error::Error;
use crate::options::Tls;
use crate::url::Url;

/// A byte stream, whatever carries it.
pub(crate) type Stream = Box<dyn Duplex>;

/// Both directions together.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Opens the byte stream below TLS and WebSocket in place of TCP: through a proxy, or to a broker in the same process.
#[derive(Clone)]
pub struct Connector(Arc<Connect>);

type Connect = dyn Fn(&Url) -> BoxFuture<'static, io::Result<Stream>> + Send + Sync;

impl Connector {
    /// A connector that calls `connect` for each connection.
    pub fn new<F, R, S>(connect: F) -> Self
    where
        F: Fn(&Url) -> R + Send + Sync + 'static,
        R: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self(Arc::new(move |url| {
            let connected = connect(url);
            Box::pin(async move { Ok(Box::new(connected.await?) as Stream) })
        }))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// Opens the stream that WebSocket or the protocol itself is spoken on.
pub(super) async fn open(url: &Url, tls: &Tls, connector: Option<&Connector>) -> Result<Stream, Error> {
    let opened = match (connector, url.socket()) {
        (Some(connector), _) => connector.0(url).await,
        (None, Some(socket)) => UnixStream::connect(socket).await.map(|stream| Box::new(stream) as Stream),
        (None, None) => open_tcp(url).await.map(|stream| Box::new(stream) as Stream),
    };
    let stream = opened.map_err(|error| not_connected(url, error))?;
    if url.scheme().is_tls() { shake_hands(stream, url, tls).await } else { Ok(stream) }
}

async fn open_tcp(url: &Url) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((url.host(), url.port())).await?;
    // Whoever writes has gathered what belongs together; waiting for more would only delay it.
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn shake_hands(stream: Stream, url: &Url, tls: &Tls) -> Result<Stream, Error> {
    let failed = |detail: String| Error::Tls { url: url.clone(), detail };
    let name = tls.server_name(url.host()).map_err(failed)?;
    let read = tokio::task::spawn_blocking({
        let tls = tls.clone();
        move || tls.config()
    });
    let config = read.await.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(not_connected(url, error)),
    }
}

/// What an error before the protocol's first byte is. What TLS objects to stays so; a connection that breaks may hold the
/// next time.
pub(super) fn not_connected(url: &Url, error: io::Error) -> Error {
    match is_of_tls(&error) {
        true => Error::Tls { url: url.clone(), detail: error.to_string() },
        false => Error::Connect { url: url.clone(), source: Arc::new(error) },
    }
}

/// Whether one side of TLS objects to the other. The server's objection, such as to a missing certificate, may come
/// after the handshake.
pub(crate) fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}
