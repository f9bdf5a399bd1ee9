//! Where a span belongs, as it travels with a message: W3C Trace Context (<https://www.w3.org/TR/trace-context/>).
//!
//! ```text
//! traceparent = version "-" trace-id "-" parent-id "-" trace-flags [ "-" … ]     the rest in versions to come alone
//!               2 digits    32          16             2 of lower-case hexadecimal; ids are not all zeros
//! ```

use std::fmt;

use crate::random;

/// The flag that the trace is recorded by whoever sent this.
const SAMPLED: u8 = 0x01;
/// The flag that the trace's identifier is random (Level 2 of the recommendation); it is passed on as it came.
const RANDOM: u8 = 0x02;
/// The version that cannot be.
const NO_VERSION: u8 = 0xff;

/// Names a trace: all spans that follow from one event, in whatever program. Not all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId([u8; 16]);

/// Names a span within its trace. Not all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId([u8; 8]);

impl TraceId {
    /// Its bytes, as OTLP has them.
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// One that nobody else has; `None` where the system gives no random numbers.
    pub fn draw() -> Option<Self> {
        drawn().map(Self)
    }

    /// Its bytes, as OTLP has them.
    pub fn bytes(self) -> [u8; 8] {
        self.0
    }
}

/// A span, for those that come behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace that it is part of.
    pub trace: TraceId,
    /// The span itself.
    pub span: SpanId,
    flags: u8,
}

impl TraceContext {
    /// A span that is recorded: in the trace of `parent`, or in one that begins with it. `None` where the system gives no
    /// random numbers.
    pub fn recorded(parent: Option<&Self>) -> Option<Self> {
        let trace = match parent {
            Some(parent) => parent.trace,
            None => TraceId(drawn()?),
        };
        // Flags that nobody knows yet are not passed on. (section 3.2.2.5)
        let flags = SAMPLED | parent.map_or(0, |parent| parent.flags & RANDOM);
        Some(Self { trace, span: SpanId::draw()?, flags })
    }

    /// Reads a `traceparent`. Of a version that is not known yet, what the first one has is read. (section 3.2.2)
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut next = || parts.next();
        let [version]: [u8; 1] = hexadecimal(next()?)?;
        let (trace, span) = (hexadecimal(next()?)?, hexadecimal(next()?)?);
        let [flags]: [u8; 1] = hexadecimal(next()?)?;
        let is_of_version = match version {
            0 => next().is_none(),
            NO_VERSION => false,
            _ => true,
        };
        let is_named = trace != [0; 16] && span != [0; 8];
        (is_of_version && is_named).then_some(Self { trace: TraceId(trace), span: SpanId(span), flags })
    }

    /// Whether whoever sent it records the trace.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The flags.
    pub fn flags(&self) -> u8 {
        self.flags
    }
}

/// As a `traceparent` of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace.0), u64::from_be_bytes(self.span.0));
        write!(formatter, "00-{trace:032x}-{span:016x}-{:02x}", self.flags)
    }
}

/// Random bytes that are not all zeros.
fn drawn<const COUNT: usize>() -> Option<[u8; COUNT]> {
    random::bytes().ok().filter(|bytes| *bytes != [0; COUNT])
}

/// So many bytes, two lower-case digits each, and nothing else.
fn hexadecimal<const COUNT: usize>(text: &str) -> Option<[u8; COUNT]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * COUNT {
        return None;
    }
    let mut bytes = [0; COUNT];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_read_or_is_none() {
        let known = |flags: &str| format!("00-{TRACE}-{SPAN}-{flags}");
        for (name, text, read) in [
            ("sampled", known("01"), Some("01")),
            ("not sampled", known("00"), Some("00")),
            ("with a random identifier", known("03"), Some("03")),
            ("flags of versions to come", known("ff"), Some("ff")),
            ("a version to come", format!("01-{TRACE}-{SPAN}-01"), Some("01")),
            ("one that says more", format!("cc-{TRACE}-{SPAN}-01-what-ever"), Some("01")),
            ("nothing", String::new(), None),
            ("no version", format!("ff-{TRACE}-{SPAN}-01"), None),
            ("more than version 00 has", format!("00-{TRACE}-{SPAN}-01-00"), None),
            ("a dash at its end", format!("00-{TRACE}-{SPAN}-01-"), None),
            ("no flags", format!("00-{TRACE}-{SPAN}"), None),
            ("capital letters", format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None),
            ("no hexadecimal digits", known("0x"), None),
            ("a sign", known("+1"), None),
            ("a short trace", format!("00-{}-{SPAN}-01", &TRACE[1..]), None),
            ("a long span", format!("00-{TRACE}-{SPAN}0-01"), None),
            ("a trace of zeros", format!("00-{}-{SPAN}-01", "0".repeat(32)), None),
            ("a span of zeros", format!("00-{TRACE}-{}-01", "0".repeat(16)), None),
            ("letters of two bytes", format!("00-{TRACE}-00f067aa0ba902\u{e9}-01"), None),
            ("space before it", format!(" {}", known("01")), None),
        ] {
            let written = TraceContext::parse(&text).map(|context| context.to_string());
            assert_eq!(written, read.map(known), "{name}: {text}");
        }
    }

    #[test]
    fn a_recorded_span_stays_in_its_trace_or_begins_one() {
        let parent = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-ff")).unwrap();
        let child = TraceContext::recorded(Some(&parent)).unwrap();
        assert_eq!((child.trace, child.flags()), (parent.trace, SAMPLED | RANDOM));
        assert_ne!(child.span, parent.span);
        let (first, second) = (TraceContext::recorded(None).unwrap(), TraceContext::recorded(None).unwrap());
        assert_ne!(first.trace, second.trace);
        for context in [child, first, second] {
            assert!(context.is_sampled());
            assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        }
    }
}
