//! OpenTelemetry's own library for Python, as tests/foreign/install has it, reads what is sent.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tidewire_tests::mqtt::{publish, subscribe};

use crate::stage::{SPAN, TRACE, stage, traceparent, with};

/// Prints a request as JSON, with the fields' names and bytes in hexadecimal.
const SCRIPT: &str = r#"
import json, sys
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
request = ExportTraceServiceRequest()
request.ParseFromString(sys.stdin.buffer.read())
def unknown(message):
    from google.protobuf import unknown_fields
    found = len(unknown_fields.UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in (value if isinstance(value, object) and hasattr(value, "append") else [value]):
                found += unknown(one)
    return found
spans = []
for span in request.resource_spans[0].scope_spans[0].spans:
    spans.append({
        "trace": span.trace_id.hex(), "span": span.span_id.hex(), "parent": span.parent_span_id.hex(),
        "state": span.trace_state, "flags": span.flags, "name": span.name, "kind": span.kind,
        "took": span.end_time_unix_nano - span.start_time_unix_nano,
        "attributes": {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes},
    })
resource = MessageToDict(request.resource_spans[0].resource)
scope = request.resource_spans[0].scope_spans[0].scope.name
print(json.dumps({"spans": spans, "resource": resource, "scope": scope, "unknown": unknown(request)}))
"#;

/// What that library makes of a request.
fn read(request: &[u8]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let program = root.join("tests/foreign/.venv/bin/python");
    let mut process = Command::new(&program)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; tests/foreign/install installs it", program.display()));
    process.stdin.take().expect("it was asked for").write_all(request).expect("the program reads");
    let output = process.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[tokio::test]
async fn opentelemetry_s_own_library_reads_the_same() {
    let (collector, world) = stage(0.0, |_| ()).await;
    let mut alice = world.client("alice").await;
    alice.subscribes(subscribe("t", 0)).await;
    let context = traceparent(true);
    alice.publishes(with(publish("t", "hello"), &[("traceparent", &context), ("tracestate", "x=1")])).await;
    let spans = collector.sees(3).await;
    let read = read(&collector.server.last().body);
    assert_eq!((&read["unknown"], &read["scope"]), (&json!(0), &json!("tidewire")));
    assert_eq!(
        read["resource"]["attributes"][0],
        json!({"key": "service.name", "value": {"stringValue": "tidewire"}})
    );
    assert_eq!((&read["spans"][0]["trace"], &read["spans"][0]["parent"]), (&json!(TRACE), &json!(SPAN)));
    for (span, read) in spans.iter().zip(read["spans"].as_array().expect("there are some")) {
        for (name, value) in [
            ("trace", json!(span.trace)),
            ("span", json!(span.id)),
            ("parent", json!(span.parent)),
            ("state", json!("x=1")),
            ("flags", json!(span.flags)),
            ("name", json!(span.name)),
            ("kind", json!(span.kind)),
            ("took", json!(span.ended_ns - span.began_ns)),
        ] {
            assert_eq!(read[name], value, "{name} of {}", span.name);
        }
        let attributes = read["attributes"].as_object().expect("it has some");
        let texts = attributes.iter().map(|(name, value)| {
            (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        });
        assert_eq!(texts.collect::<std::collections::BTreeMap<_, _>>(), span.attributes, "{}", span.name);
    }
    assert_eq!(read["spans"].as_array().map(Vec::len), Some(3));
}
