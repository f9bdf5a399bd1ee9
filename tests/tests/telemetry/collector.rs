//! A collector of spans, and the spans as it sees them.

use std::collections::BTreeMap;

use prost::Message as _;
use tidewire::telemetry::otlp::{AnyValue, ExportRequest, FAILED, KeyValue, Span, Value};
use tidewire_tests::server::{Question, Reply, Server};

use crate::until;

/// See the module.
pub(crate) struct Collector {
    pub(crate) server: Server,
}

/// A span that has come.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: i32,
    /// In hexadecimal, as the others.
    pub(crate) trace: String,
    pub(crate) id: String,
    /// Empty where there is none.
    pub(crate) parent: String,
    pub(crate) flags: u32,
    pub(crate) state: String,
    pub(crate) began_ns: u64,
    pub(crate) ended_ns: u64,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) has_failed: bool,
}

impl Collector {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        Self { server: Server::says(taken()).await }
    }

    /// Its address, as a configuration has it.
    pub(crate) fn endpoint(&self) -> String {
        let uri = self.server.uri();
        format!("http://{}", uri.authority().expect("it has an address"))
    }

    /// The spans that have come, once they are so many: no more.
    pub(crate) async fn sees(&self, count: usize) -> Vec<Seen> {
        let seen = || self.server.questions().iter().flat_map(spans).collect::<Vec<_>>();
        until(&format!("{count} spans"), || seen().len() >= count).await;
        let seen = seen();
        assert_eq!(seen.len(), count, "{seen:#?}");
        seen
    }
}

/// The answer of a collector that has taken all.
pub(crate) fn taken() -> Reply {
    Reply::new(200, "")
}

/// The spans of one request.
pub(crate) fn spans(question: &Question) -> Vec<Seen> {
    let request = ExportRequest::decode(question.body.clone()).expect("the request is OTLP's");
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).map(Seen::of).collect()
}

/// Attributes by their names.
pub(crate) fn by_name(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        None => panic!("{attributes:?}"),
    };
    let named: BTreeMap<_, _> = attributes.iter().map(|pair| (pair.key.clone(), text(&pair.value))).collect();
    assert_eq!(named.len(), attributes.len(), "no name comes twice: {attributes:?}");
    named
}

impl Seen {
    fn of(span: Span) -> Self {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
        Self {
            name: span.name,
            kind: span.kind,
            trace: hexadecimal(&span.trace_id),
            id: hexadecimal(&span.span_id),
            parent: hexadecimal(&span.parent_span_id),
            flags: span.flags,
            state: span.trace_state,
            began_ns: span.start_time_unix_nano,
            ended_ns: span.end_time_unix_nano,
            attributes: by_name(&span.attributes),
            has_failed: span.status.is_some_and(|status| status.code == FAILED),
        }
    }

    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("{name} is not in {self:?}"))
    }

    /// The `traceparent` of whoever carries this span on.
    pub(crate) fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
