//! `[telemetry]`: traces of messages, and the collector that they go to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Span;
use super::jwt::is_web;
use super::warnings::host_in_clear;
use crate::fetch::Fetch;
use crate::telemetry::{Collector, Exporter, Extent};

/// How long a collector may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Where a collector takes traces, below its address. (OTLP specification, "OTLP/HTTP Request")
const TRACES_PATH: &str = "/v1/traces";

/// Traces of messages for OpenTelemetry: `docs/telemetry.md`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// A collector that takes OTLP over HTTP; spans are posted to `/v1/traces` there. Absent: there are none.
    #[schemars(example = &"http://127.0.0.1:4318")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp_endpoint: Option<String>,
    /// The share of publishes that become traces, 0.0 to 1.0, of those that carry no `traceparent`. What carries one is part
    /// of a trace if its publisher says so, whatever this is.
    pub sample: f64,
    /// The name under which the broker is shown.
    pub service_name: String,
    /// A file with headers that the collector wants, as `Authorization: Bearer …`, one a line.
    #[schemars(example = &"collector.headers")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers_file: Option<PathBuf>,
    /// Authorities (PEM) that are trusted besides the system's for a collector at `https://…`.
    #[schemars(example = &"authorities.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Deliveries of one publish that become spans; of further ones the publish's span has the number.
    pub deliveries_max: usize,
    /// Spans that wait to be exported, of some 200 bytes; further ones are dropped, and counted.
    pub queue_spans_max: usize,
    /// How long spans wait for others, so that they are exported together.
    pub interval: Span,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            sample: 0.0,
            service_name: "tidewire".to_owned(),
            headers_file: None,
            ca_file: None,
            deliveries_max: 16,
            queue_spans_max: 10_000,
            interval: Span(Duration::from_secs(1)),
        }
    }
}

impl TelemetryConfig {
    /// How much is recorded; `None`: nothing.
    pub fn extent(&self) -> Option<Extent> {
        let extent = Extent {
            sample: self.sample,
            deliveries_max: self.deliveries_max,
            queue_spans_max: self.queue_spans_max,
            interval: self.interval.0,
        };
        self.otlp_endpoint.is_some().then_some(extent)
    }

    /// Who brings spans to the collector; `None`: there is none.
    ///
    /// # Errors
    ///
    /// A key within `[telemetry]`, and why it cannot be used: a file that is named, as a rule.
    pub fn exporter(&self) -> Result<Option<Exporter>, (&'static str, String)> {
        let Some(endpoint) = &self.otlp_endpoint else { return Ok(None) };
        let uri = traces_uri(endpoint).ok_or(("otlp_endpoint", "it is no URL".to_owned()))?;
        let ca = self.ca_file.as_deref().map(read).transpose().map_err(|text| ("ca_file", text))?;
        let fetch = Fetch::new(ca.as_deref(), ANSWER_TIMEOUT).map_err(|text| ("ca_file", text))?;
        let headers = self.headers_file.as_deref().map(read_headers).transpose();
        let headers = headers.map_err(|text| ("headers_file", text))?.unwrap_or_default();
        let collector = Collector { fetch, uri, headers, service_name: self.service_name.clone() };
        Exporter::new(collector).map(Some).map_err(|error| ("otlp_endpoint", error.to_string()))
    }

    /// Has `find` say where the files are that settings name.
    pub fn resolve(&mut self, find: &impl Fn(&Path) -> PathBuf) {
        for file in self.headers_file.iter_mut().chain(&mut self.ca_file) {
            *file = find(file);
        }
    }

    /// What is wrong, each with its key within `[telemetry]`.
    pub(super) fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.otlp_endpoint.as_deref().is_some_and(|endpoint| traces_uri(endpoint).is_none()) {
            let text =
                "use a URL such as \"http://127.0.0.1:4318\", without a name, a password and a query in it";
            faults.push(("otlp_endpoint", text.to_owned()));
        } else if let Err(fault) = self.exporter() {
            faults.push(fault);
        }
        if !(0.0..=1.0).contains(&self.sample) {
            faults.push(("sample", format!("{} is out of range: use 0.0 to 1.0", self.sample)));
        }
        if self.service_name.is_empty() {
            faults.push(("service_name", "the name is empty".to_owned()));
        }
        if self.queue_spans_max == 0 {
            let text = "0 would drop every span: leave otlp_endpoint out to have none";
            faults.push(("queue_spans_max", text.to_owned()));
        }
        if self.interval.0.is_zero() {
            let text = "0 would export each publish by itself: use at least 1ms";
            faults.push(("interval", text.to_owned()));
        }
        faults
    }

    /// What should be otherwise, with its key within `[telemetry]`.
    pub(super) fn warning(&self) -> Option<(&'static str, String)> {
        let host = host_in_clear(self.otlp_endpoint.as_ref().filter(|_| self.headers_file.is_some())?)?;
        let text = format!(
            "{host} is asked without TLS, and the headers of headers_file travel there for everybody on the way to read: \
             use https"
        );
        Some(("otlp_endpoint", text))
    }
}

/// Where the collector at `endpoint` takes traces; `None` if that is no address to have in a configuration.
fn traces_uri(endpoint: &str) -> Option<Uri> {
    if !is_web(endpoint) || endpoint.contains(['?', '#']) {
        return None;
    }
    let base = endpoint.trim_end_matches('/');
    // Some write the whole of it.
    let base = base.strip_suffix(TRACES_PATH).unwrap_or(base);
    format!("{base}{TRACES_PATH}").parse().ok()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Headers, one a line; lines that begin with `#` are for people. What they hold belongs into no log.
fn read_headers(path: &Path) -> Result<HeaderMap, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut headers = HeaderMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = header(line).ok_or_else(|| {
            let number = index + 1;
            format!("{}: line {number} is no header such as \"Authorization: Bearer …\"", path.display())
        })?;
        headers.append(name, value);
    }
    Ok(headers)
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let mut value: HeaderValue = value.trim().parse().ok()?;
    value.set_sensitive(true);
    Some((name.trim_end().parse().ok()?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_below_which_traces_go() {
        for (endpoint, uri) in [
            ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/v1/traces")),
            ("https://otlp.example/", Some("https://otlp.example/v1/traces")),
            ("https://otlp.example/tenants/a/", Some("https://otlp.example/tenants/a/v1/traces")),
            ("http://[::1]:4318/v1/traces", Some("http://[::1]:4318/v1/traces")),
            ("127.0.0.1:4318", None),
            ("grpc://127.0.0.1:4317", None),
            ("http://ann:secret@127.0.0.1:4318", None),
            ("https://otlp.example/?key=secret", None),
        ] {
            assert_eq!(traces_uri(endpoint).map(|uri| uri.to_string()).as_deref(), uri, "{endpoint}");
        }
    }

    #[test]
    fn headers_are_read_line_by_line_and_shown_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("headers");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read_headers(&path)
        };
        let headers =
            read("# for the collector\n\nAuthorization: Bearer top:secret\n x-tenant:\tharbour \r\n")
                .unwrap();
        assert_eq!(headers["authorization"], "Bearer top:secret");
        assert_eq!(headers["x-tenant"], "harbour");
        assert!(!format!("{headers:?}").contains("secret"));
        assert_eq!(read(""), Ok(HeaderMap::new()));
        for text in ["# one\nsecret\n", "\nsec ret: x\n", "# one\na: secret\u{1}\n", "\n: secret\n"] {
            let error = read(text).expect_err(text);
            assert!(error.contains("headers: line 2 is no header") && !error.contains("secret"), "{error}");
        }
    }
}
