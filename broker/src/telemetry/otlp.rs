//! The messages of OTLP that traces are made of, as far as the broker fills them in:
//! <https://github.com/open-telemetry/opentelemetry-proto>, `collector/trace/v1`, `trace/v1`, `resource/v1`, `common/v1`, stable
//! since version 1.0. The tags are the protocol's.

use prost::{Message, Oneof};

/// What is posted to a collector.
#[derive(Clone, PartialEq, Message)]
pub struct ExportRequest {
    /// Spans by the program that they come from: one, here.
    #[prost(message, repeated, tag = "1")]
    pub resource_spans: Vec<ResourceSpans>,
}

/// What it answers.
#[derive(Clone, PartialEq, Message)]
pub struct ExportResponse {
    /// What it did not take, if that is so.
    #[prost(message, optional, tag = "1")]
    pub partial_success: Option<PartialSuccess>,
}

/// What a collector did not take.
#[derive(Clone, PartialEq, Message)]
pub struct PartialSuccess {
    /// So many spans.
    #[prost(int64, tag = "1")]
    pub rejected_spans: i64,
    /// Why, for people.
    #[prost(string, tag = "2")]
    pub error_message: String,
}

/// Spans of one program.
#[derive(Clone, PartialEq, Message)]
pub struct ResourceSpans {
    /// The program.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// Its spans by the part of it that they come from: one, here.
    #[prost(message, repeated, tag = "2")]
    pub scope_spans: Vec<ScopeSpans>,
}

/// A program that runs.
#[derive(Clone, PartialEq, Message)]
pub struct Resource {
    /// What it is called, and which it is.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// Spans of one part of a program.
#[derive(Clone, PartialEq, Message)]
pub struct ScopeSpans {
    /// The part.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// The spans.
    #[prost(message, repeated, tag = "2")]
    pub spans: Vec<Span>,
}

/// A part of a program.
#[derive(Clone, PartialEq, Message)]
pub struct Scope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// Something that was done, and when.
#[derive(Clone, PartialEq, Message)]
pub struct Span {
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    /// 8 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    /// W3C Trace Context's `tracestate`.
    #[prost(string, tag = "3")]
    pub trace_state: String,
    /// 8 bytes; none where the trace begins here.
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    /// W3C Trace Context's flags, and [`HAS_IS_REMOTE`] and [`IS_REMOTE`].
    #[prost(fixed32, tag = "16")]
    pub flags: u32,
    /// What was done, and on what.
    #[prost(string, tag = "5")]
    pub name: String,
    /// One of [`INTERNAL`], [`PRODUCER`] and [`CONSUMER`].
    #[prost(int32, tag = "6")]
    pub kind: i32,
    /// Nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "7")]
    pub start_time_unix_nano: u64,
    /// Nanoseconds since the Unix epoch.
    #[prost(fixed64, tag = "8")]
    pub end_time_unix_nano: u64,
    /// What is to be known of it.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// That it failed, if it did.
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
}

/// A span's kind: it is nobody's business outside the program.
pub const INTERNAL: i32 = 1;
/// A span's kind: it gives a message to others, who carry on its context.
pub const PRODUCER: i32 = 4;
/// A span's kind: it is about one who receives a message.
pub const CONSUMER: i32 = 5;

/// Among a span's flags: it is known whether its parent is another program's.
pub const HAS_IS_REMOTE: u32 = 0x100;
/// Among a span's flags: its parent is another program's.
pub const IS_REMOTE: u32 = 0x200;

/// How something ended.
#[derive(Clone, PartialEq, Message)]
pub struct Status {
    /// Why it failed, for people.
    #[prost(string, tag = "2")]
    pub message: String,
    /// [`FAILED`].
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// A status that is an error.
pub const FAILED: i32 = 2;

/// A name with a value.
#[derive(Clone, PartialEq, Message)]
pub struct KeyValue {
    /// The name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// A value.
#[derive(Clone, PartialEq, Message)]
pub struct AnyValue {
    /// It, in one of its forms.
    #[prost(oneof = "Value", tags = "1, 3")]
    pub value: Option<Value>,
}

/// The forms of a value that the broker uses.
#[derive(Clone, PartialEq, Oneof)]
pub enum Value {
    /// Text.
    #[prost(string, tag = "1")]
    Text(String),
    /// A number.
    #[prost(int64, tag = "3")]
    Number(i64),
}
