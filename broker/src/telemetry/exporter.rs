//! Brings spans to a collector, over HTTP as OTLP has it (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>): what is answered
//! with 429, 502, 503 or 504, or not at all, is sent again; what is answered otherwise than with 200, never.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode, Uri};
use prost::Message as _;
use tokio::time::Instant;

use super::otlp::{ExportResponse, Resource};
use super::{Telemetry, encode};
use crate::fetch::Fetch;
use crate::random;
use crate::spans::Recorded;

/// How often one batch is sent at most.
const ATTEMPTS_MAX: u32 = 5;
/// How long is waited before the second time; each further time it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest that is waited, whatever the collector asks for.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How often it is said in the log that spans are not taken, at most.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);
/// What OTLP's messages are, for HTTP.
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// Where spans go.
pub struct Collector {
    /// How it is asked.
    pub fetch: Fetch,
    /// Where it takes spans.
    pub uri: Uri,
    /// Headers that it wants besides, such as a token.
    pub headers: HeaderMap,
    /// The name under which it shows the broker.
    pub service_name: String,
}

/// See the module.
pub struct Exporter {
    fetch: Fetch,
    uri: Uri,
    headers: HeaderMap,
    resource: Resource,
    complaint: Complaint,
}

/// What the log was told of a collector that takes no spans.
#[derive(Default)]
struct Complaint {
    /// When, the last time.
    at: Option<Instant>,
    /// Spans that were dropped, and that nothing was said of.
    unsaid: u64,
    /// It was said, and the collector has taken none since.
    stands: bool,
}

/// Why a collector has not taken a batch.
struct Untaken {
    text: String,
    /// It will not take it another time either.
    is_final: bool,
    /// How long it asks to be left alone.
    pause: Option<Duration>,
}

impl Exporter {
    /// For that collector.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers, by which the collector tells one run of the broker from another.
    pub fn new(collector: Collector) -> Result<Self, getrandom::Error> {
        let Collector { fetch, uri, mut headers, service_name } = collector;
        headers.insert(CONTENT_TYPE, PROTOBUF);
        headers.insert(ACCEPT, PROTOBUF);
        let resource = encode::resource(&service_name, random::bytes()?);
        Ok(Self { fetch, uri, headers, resource, complaint: Complaint::default() })
    }

    /// Where spans go.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Exports what is recorded, until [`Telemetry::finish`]; what waits then is sent once, up to the first batch that is not
    /// taken.
    pub async fn run(mut self, telemetry: Arc<Telemetry>) {
        while !telemetry.queue.is_finishing() {
            tokio::select! {
                () = telemetry.queue.gather(telemetry.extent.interval) => {}
                () = telemetry.queue.finishes() => break,
            }
            self.export(&telemetry, &telemetry.queue.take()).await;
        }
        let mut is_taken = true;
        loop {
            let batch = telemetry.queue.take();
            if batch.is_empty() {
                return;
            }
            match is_taken {
                true => is_taken = self.export(&telemetry, &batch).await,
                false => self.give_up(&telemetry, count(&batch), "the broker stops"),
            }
        }
    }

    /// Sends a batch until it is taken, or given up; whether it was taken.
    async fn export(&mut self, telemetry: &Telemetry, batch: &[Recorded]) -> bool {
        let spans = count(batch);
        let body = Bytes::from(encode::request(&self.resource, batch).encode_to_vec());
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let untaken = match self.send(body.clone()).await {
                Ok(rejected) => {
                    self.note_taken(telemetry, spans, rejected);
                    return true;
                }
                Err(untaken) => untaken,
            };
            if untaken.is_final || attempt == ATTEMPTS_MAX || telemetry.queue.is_finishing() {
                self.give_up(telemetry, spans, &untaken.text);
                break;
            }
            self.complaint.say(&self.uri, &untaken.text);
            // A stop does not wait for it, and tries once more.
            let asked = untaken.pause.unwrap_or(pause).min(PAUSE_MAX);
            let _ = tokio::time::timeout(asked, telemetry.queue.finishes()).await;
            pause *= 2;
        }
        false
    }

    /// Sends a batch once; returns how many of its spans the collector rejects.
    async fn send(&self, body: Bytes) -> Result<u64, Untaken> {
        let answer = self.fetch.post(&self.uri, &self.headers, body).await;
        let answer =
            answer.map_err(|error| Untaken { text: error.to_string(), is_final: false, pause: None })?;
        if answer.status() != StatusCode::OK {
            return Err(Untaken::of(&answer));
        }
        // Who answers with something else has taken them as well.
        let said = ExportResponse::decode(answer.into_body()).unwrap_or_default();
        Ok(said
            .partial_success
            .map_or(0, |partial| u64::try_from(partial.rejected_spans).unwrap_or_default()))
    }

    fn note_taken(&mut self, telemetry: &Telemetry, spans: u64, rejected: u64) {
        let rejected = rejected.min(spans);
        telemetry.exported.add(spans - rejected);
        if rejected > 0 {
            self.give_up(telemetry, rejected, "it rejects some of them");
        } else if std::mem::take(&mut self.complaint.stands) {
            tracing::info!(uri = %self.uri, "the collector takes spans again");
        }
    }

    fn give_up(&mut self, telemetry: &Telemetry, spans: u64, why: &str) {
        telemetry.dropped.add(spans);
        self.complaint.unsaid += spans;
        self.complaint.say(&self.uri, why);
    }
}

impl Complaint {
    /// Says it, unless that was done lately: who is away for long must not fill the log.
    fn say(&mut self, uri: &Uri, error: &str) {
        if self.at.is_some_and(|at| at.elapsed() < COMPLAINT_INTERVAL) {
            return;
        }
        self.at = Some(Instant::now());
        self.stands = true;
        let dropped = std::mem::take(&mut self.unsaid);
        tracing::warn!(%uri, error, dropped, "the collector does not take spans");
    }
}

impl Untaken {
    fn of(answer: &Response<Bytes>) -> Self {
        let status = answer.status();
        let may_pass = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ];
        // A date instead of seconds is passed over.
        let secs = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            text: format!("the answer was {status}"),
            is_final: !may_pass.contains(&status),
            pause: secs.map(Duration::from_secs),
        }
    }
}

fn count(batch: &[Recorded]) -> u64 {
    batch.iter().map(|recorded| recorded.span_count() as u64).sum()
}
