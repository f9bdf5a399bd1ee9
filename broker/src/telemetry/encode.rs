//! What was recorded as OTLP has it, in the words of OpenTelemetry's conventions for messaging
//! (<https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/>); what they have no word for is below `tidewire.`.

use super::otlp::{
    AnyValue, CONSUMER, ExportRequest, FAILED, HAS_IS_REMOTE, INTERNAL, IS_REMOTE, KeyValue, PRODUCER,
    Resource, ResourceSpans, Scope, ScopeSpans, Span, Status, Value,
};
use crate::spans::{Delivery, Party, Period, Recorded, Route, SpanId};

/// The name of the broker, as a system of messaging and as what makes spans.
const TIDEWIRE: &str = "tidewire";

/// What is posted for these publishes.
pub(super) fn request(resource: &Resource, batch: &[Recorded]) -> ExportRequest {
    let scope = Scope { name: TIDEWIRE.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let spans = batch.iter().flat_map(spans).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans }];
    ExportRequest { resource_spans: vec![ResourceSpans { resource: Some(resource.clone()), scope_spans }] }
}

/// The broker as a program that runs. Another instance of it is told by the random bytes.
pub(super) fn resource(service_name: &str, instance: [u8; 16]) -> Resource {
    let attributes = vec![
        text("service.name", service_name),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", &format!("{:032x}", u128::from_be_bytes(instance))),
    ];
    Resource { attributes }
}

fn spans(recorded: &Recorded) -> impl Iterator<Item = Span> {
    let route = recorded.route.iter().map(|route| routed(recorded, route));
    let deliveries = recorded.deliveries.iter().map(|delivery| delivered(recorded, delivery));
    [published(recorded)].into_iter().chain(route).chain(deliveries)
}

/// Its context is what those who receive the message carry on: the conventions call that a producer.
fn published(recorded: &Recorded) -> Span {
    let mut span = span(recorded, "publish", PRODUCER, recorded.period);
    span.span_id = recorded.context.span.bytes().to_vec();
    span.parent_span_id = recorded.parent.map(SpanId::bytes).map_or(Vec::new(), |parent| parent.to_vec());
    span.flags |= recorded.parent.map_or(0, |_| IS_REMOTE);
    span.attributes.push(text("messaging.operation.type", "send"));
    span.attributes.push(number("messaging.message.body.size", recorded.payload_bytes));
    span.attributes.extend(party(&recorded.publisher, recorded.qos));
    if recorded.deliveries_left_out > 0 {
        span.attributes.push(number("tidewire.deliveries_left_out", recorded.deliveries_left_out));
    }
    if let Some(error) = recorded.error {
        span.attributes.push(text("error.type", error));
        span.status = Some(Status { message: error.replace('_', " "), code: FAILED });
    }
    span
}

fn routed(recorded: &Recorded, route: &Route) -> Span {
    let mut span = within(recorded, "route", INTERNAL, route.period, route.span);
    span.attributes.push(number("tidewire.receivers", route.receivers));
    span
}

fn delivered(recorded: &Recorded, delivery: &Delivery) -> Span {
    let mut span = within(recorded, "deliver", CONSUMER, delivery.period, delivery.span);
    span.attributes.extend(party(&delivery.receiver, delivery.qos));
    span.attributes.push(text("tidewire.outcome", delivery.outcome.name()));
    span
}

/// A span below that of the publish.
fn within(recorded: &Recorded, operation: &str, kind: i32, period: Period, id: SpanId) -> Span {
    Span {
        span_id: id.bytes().to_vec(),
        parent_span_id: recorded.context.span.bytes().to_vec(),
        ..span(recorded, operation, kind, period)
    }
}

/// What all spans of a publish have.
fn span(recorded: &Recorded, operation: &str, kind: i32, period: Period) -> Span {
    let topic = &*recorded.topic;
    Span {
        trace_id: recorded.context.trace.bytes().to_vec(),
        trace_state: recorded.state.as_deref().unwrap_or_default().to_owned(),
        flags: u32::from(recorded.context.flags()) | HAS_IS_REMOTE,
        name: format!("{operation} {topic}"),
        kind,
        start_time_unix_nano: period.began_ns,
        end_time_unix_nano: period.ended_ns,
        attributes: vec![
            text("messaging.system", TIDEWIRE),
            text("messaging.operation.name", operation),
            text("messaging.destination.name", topic),
        ],
        ..Span::default()
    }
}

fn party(party: &Party, qos: u8) -> [KeyValue; 3] {
    [
        text("messaging.client.id", &party.client_id),
        text("network.protocol.name", party.protocol),
        number("tidewire.qos", qos.into()),
    ]
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::Text(value.to_owned()))
}

fn number(key: &str, value: usize) -> KeyValue {
    pair(key, Value::Number(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
