//! Asks other servers over HTTP: published keys, a service that knows the users, a broker's admin listener, and a collector
//! of spans.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// How long a connection that nobody uses is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// See the module. Connections are kept for the next question.
#[derive(Clone, Debug)]
pub struct Fetch {
    way: Way,
    timeout: Duration,
}

#[derive(Clone, Debug)]
enum Way {
    Web(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    Unix(PathBuf),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nothing came in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The server cannot be asked.
    #[error("{0}")]
    Failed(String),
    /// It answered otherwise than with 200.
    #[error("the answer was {0}")]
    Status(StatusCode),
}

impl Fetch {
    /// Trusts whom the system trusts, and the authorities in `extra_ca`, which is PEM. Each question may take `timeout`.
    ///
    /// # Errors
    ///
    /// When `extra_ca` holds no certificate.
    pub fn new(extra_ca: Option<&[u8]>, timeout: Duration) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // What of the system's cannot be read is left out: whom it was for is then not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(pem) = extra_ca {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let certificates = certificates.map_err(|error| error.to_string())?;
            if roots.add_parsable_certificates(certificates).0 == 0 {
                return Err("it holds no certificate in PEM".to_owned());
            }
        }
        let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_TIMEOUT).build(connector);
        Ok(Self { way: Way::Web(client), timeout })
    }

    /// Asks whoever listens on this Unix socket, whatever host a question is for.
    pub fn over_unix(path: PathBuf, timeout: Duration) -> Self {
        Self { way: Way::Unix(path), timeout }
    }

    /// What is there.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    pub async fn get(&self, uri: &Uri) -> Result<Bytes, FetchError> {
        self.ask_for_ok(Request::builder().method(Method::GET).uri(uri).body(Full::default())).await
    }

    /// The answer to a question in JSON, which carries `bearer` as its token where there is one.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    pub async fn post_json(
        &self,
        uri: &Uri,
        question: Vec<u8>,
        bearer: Option<&str>,
    ) -> Result<Bytes, FetchError> {
        self.ask_for_ok(json_request(uri, question, bearer)).await
    }

    /// The beginning of whatever is answered to a request of this method, with JSON where it has a body; the answer's own
    /// body comes as it comes, however long that takes.
    ///
    /// # Errors
    ///
    /// [`FetchError`], but for [`FetchError::Status`].
    pub async fn open(
        &self,
        method: Method,
        uri: &Uri,
        question: Vec<u8>,
        bearer: Option<&str>,
    ) -> Result<Response<Incoming>, FetchError> {
        let request = json_request(uri, question, bearer).map(|mut request| {
            *request.method_mut() = method;
            request
        });
        let opened = tokio::time::timeout(self.timeout, self.send(request)).await;
        opened.unwrap_or(Err(FetchError::Timeout(self.timeout)))
    }

    /// The answer to a body with these headers, which say of what kind it is, whatever its status.
    ///
    /// # Errors
    ///
    /// [`FetchError`], but for [`FetchError::Status`].
    pub async fn post(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Bytes>, FetchError> {
        let request = Request::builder().method(Method::POST).uri(uri).body(Full::from(body));
        let request = request.map(|mut request| {
            request.headers_mut().clone_from(headers);
            request
        });
        self.ask(request, |_| true).await
    }

    async fn ask_for_ok(
        &self,
        request: hyper::http::Result<Request<Full<Bytes>>>,
    ) -> Result<Bytes, FetchError> {
        // A redirect is not followed: who is asked says the configuration.
        self.ask(request, |status| status == StatusCode::OK).await.map(Response::into_body)
    }

    async fn ask(
        &self,
        request: hyper::http::Result<Request<Full<Bytes>>>,
        is_wanted: impl Fn(StatusCode) -> bool,
    ) -> Result<Response<Bytes>, FetchError> {
        let asked = async {
            let (head, body) = self.send(request).await?.into_parts();
            if !is_wanted(head.status) {
                return Err(FetchError::Status(head.status));
            }
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| failed(error.as_ref()))?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        tokio::time::timeout(self.timeout, asked).await.unwrap_or(Err(FetchError::Timeout(self.timeout)))
    }

    async fn send(
        &self,
        request: hyper::http::Result<Request<Full<Bytes>>>,
    ) -> Result<Response<Incoming>, FetchError> {
        let mut request = request.map_err(|error| failed(&error))?;
        let accepted = request.headers_mut().entry(header::ACCEPT);
        accepted.or_insert(header::HeaderValue::from_static("application/json"));
        match &self.way {
            Way::Web(client) => client.request(request).await.map_err(|error| failed(&error)),
            Way::Unix(path) => send(path, request).await.map_err(|error| failed(error.as_ref())),
        }
    }
}

/// What has failed, in words.
fn failed(error: &dyn std::error::Error) -> FetchError {
    FetchError::Failed(with_sources(error))
}

fn json_request(
    uri: &Uri,
    question: Vec<u8>,
    bearer: Option<&str>,
) -> hyper::http::Result<Request<Full<Bytes>>> {
    let mut request = Request::builder().method(Method::POST).uri(uri);
    request = request.header(header::CONTENT_TYPE, "application/json");
    if let Some(bearer) = bearer {
        request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
    }
    request.body(Full::from(question))
}

/// Sends a request over a connection of its own to a Unix socket.
async fn send(
    path: &Path,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(UnixStream::connect(path).await?)).await?;
    // It ends with the answer, or when nobody waits for that any more.
    tokio::spawn(connection);
    // What a server expects that is no proxy: the host in a header, and only the path in the first line.
    let uri = std::mem::take(request.uri_mut());
    let host = uri.authority().map_or("localhost", |authority| authority.as_str());
    request.headers_mut().insert(header::HOST, host.parse()?);
    *request.uri_mut() = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    Ok(sender.send_request(request).await?)
}

/// hyper's errors say little themselves, and the rest in their sources.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
