//! A server over HTTP or HTTPS that says what it is told to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rcgen::CertifiedKey;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// How long a question may take that does come.
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module. Dropping it ends it.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    reply: Mutex<Answering>,
    questions: Mutex<Vec<Question>>,
    /// How many questions have come.
    count: watch::Sender<usize>,
    /// Whether questions are answered; while they are not, they wait.
    answers: watch::Sender<bool>,
}

/// Makes an answer of a question.
type Answering = Box<dyn Fn(&Question) -> Reply + Send>;

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// How.
    pub method: Method,
    /// Where.
    pub uri: Uri,
    /// With these headers.
    pub headers: HeaderMap,
    /// The question itself.
    pub body: Bytes,
}

/// What it says.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    body: Bytes,
    headers: HeaderMap,
}

impl Question {
    /// Its body, which is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the question is JSON")
    }
}

impl Reply {
    /// With this status and body.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, body: body.into(), headers: HeaderMap::new() }
    }

    /// With this header besides.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("it may stand in a header"));
        self
    }

    /// JSON.
    pub fn json(value: &Value) -> Self {
        Self::new(200, value.to_string())
    }

    /// Sends whoever asks elsewhere.
    pub fn redirect(location: &Uri) -> Self {
        Self::new(307, "").with(LOCATION, &location.to_string())
    }
}

impl Server {
    /// One that says this.
    pub async fn says(reply: Reply) -> Self {
        Self::start(reply, None).await
    }

    /// The same over TLS, with this certificate.
    pub async fn says_over_tls(reply: Reply, certified: &CertifiedKey<rcgen::KeyPair>) -> Self {
        let key = PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider knows them")
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("the key belongs to the certificate");
        Self::start(reply, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(reply: Reply, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared {
            reply: Mutex::new(Box::new(move |_| reply.clone())),
            questions: Mutex::default(),
            count: watch::channel(0).0,
            answers: watch::channel(true).0,
        });
        let serving = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, tls.clone(), Arc::clone(&serving)));
            }
        });
        Self { address, shared, accepting }
    }

    /// Its address, as `http://127.0.0.1:…`.
    pub fn uri(&self) -> Uri {
        format!("http://{}/ask", self.address).parse().expect("it is a URI")
    }

    /// Its address over TLS, under that name.
    pub fn uri_of(&self, host: &str) -> Uri {
        format!("https://{host}:{}/ask", self.address.port()).parse().expect("it is a URI")
    }

    /// From now on it says this.
    pub fn now_says(&self, reply: Reply) {
        self.answers_by(move |_| reply.clone());
    }

    /// From now on it says what that makes of the question.
    pub fn answers_by(&self, reply: impl Fn(&Question) -> Reply + Send + 'static) {
        *self.shared.reply.lock().expect("no test panics while it answers") = Box::new(reply);
    }

    /// Questions wait from now on.
    pub fn falls_silent(&self) {
        self.shared.answers.send_replace(false);
    }

    /// Questions that wait are answered, and those that come.
    pub fn speaks_again(&self) {
        self.shared.answers.send_replace(true);
    }

    /// How many questions have come.
    pub fn count(&self) -> usize {
        *self.shared.count.borrow()
    }

    /// Waits until so many questions have come.
    pub async fn is_asked(&self, count: usize) {
        let mut counts = self.shared.count.subscribe();
        let come = counts.wait_for(|come| *come >= count);
        timeout(PATIENCE, come).await.expect("they come").expect("the server is there");
    }

    /// All questions, in their order.
    pub fn questions(&self) -> Vec<Question> {
        self.shared.questions.lock().expect("no test panics while it asks").clone()
    }

    /// The last question.
    pub fn last(&self) -> Question {
        let questions = self.shared.questions.lock().expect("no test panics while it asks");
        questions.last().cloned().expect("something was asked")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An address at which nobody listens.
pub async fn nobody() -> Uri {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    format!("http://{address}/").parse().expect("it is a URI")
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let Some(tls) = tls else { return speak(stream, shared).await };
    // Who does not trust the certificate hangs up.
    if let Ok(stream) = tls.accept(stream).await {
        speak(stream, shared).await;
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.hear(request).await) }
    });
    // Who asks may hang up at any time.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Shared {
    async fn hear(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let question = Question { method: head.method, uri: head.uri, headers: head.headers, body };
        self.questions.lock().expect("no test panics while it asks").push(question.clone());
        self.count.send_modify(|count| *count += 1);
        let mut answers = self.answers.subscribe();
        let _ = answers.wait_for(|answers| *answers).await;
        let Reply { status, body, headers } =
            self.reply.lock().expect("no test panics while it answers")(&question);
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = StatusCode::from_u16(status).expect("it is a status");
        response.headers_mut().extend(headers);
        response
    }
}
