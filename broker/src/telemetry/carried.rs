//! The context of a trace that a message carries: MQTT 5's user properties, or STOMP's headers, `traceparent` and `tracestate`.

use tidewire_protocols::mqtt::Property;

use crate::message::{Attributes, AttributesBuf};
use crate::spans::TraceContext;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// A longer `tracestate` travels on with the message and is left out of spans: longer ones need not be passed on at all.
/// (W3C Trace Context, section 3.3.1.5)
const STATE_BYTES_MAX: usize = 512;

/// What a message carries.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// The publisher's span; `None` as well where what it says of that is malformed.
    pub(super) context: Option<TraceContext>,
    /// Whether there is a `traceparent` at all.
    is_named: bool,
    /// What `tracestate` takes, with a comma behind each.
    state_bytes: usize,
}

impl Carried {
    /// Reads it. Of several `traceparent`s none is believed.
    pub(super) fn of(attributes: Attributes<'_>) -> Self {
        let mut carried = Self::default();
        for property in attributes.iter() {
            match property {
                Property::UserProperty(TRACEPARENT, text) => {
                    let is_first = !std::mem::replace(&mut carried.is_named, true);
                    carried.context = TraceContext::parse(text).filter(|_| is_first);
                }
                Property::UserProperty(TRACESTATE, text) => carried.state_bytes += text.len() + 1,
                _ => {}
            }
        }
        carried
    }

    /// The `tracestate` among these attributes, which means nothing without a `traceparent`. Several are one, in their order.
    /// (section 3.3.1.2)
    pub(super) fn state(&self, attributes: Attributes<'_>) -> Option<Box<str>> {
        if self.context.is_none() || !(1..=STATE_BYTES_MAX + 1).contains(&self.state_bytes) {
            return None;
        }
        let states = attributes.iter().filter_map(|property| match property {
            Property::UserProperty(TRACESTATE, text) => Some(text),
            _ => None,
        });
        Some(states.collect::<Vec<_>>().join(",").into())
    }

    /// `attributes` with that context instead of this one. `None`: they stay as they are, since a `traceparent` that is
    /// malformed here may mean something to those who receive it.
    pub(super) fn with(&self, context: &TraceContext, attributes: Attributes<'_>) -> Option<AttributesBuf> {
        if self.is_named && self.context.is_none() {
            return None;
        }
        let own = context.to_string();
        let mut changed = AttributesBuf::default();
        for property in attributes.iter() {
            match property {
                Property::UserProperty(TRACEPARENT, _) => {
                    changed.push(Property::UserProperty(TRACEPARENT, &own));
                }
                // Of another trace, whose context did not come.
                Property::UserProperty(TRACESTATE, _) if !self.is_named => {}
                property => {
                    changed.push(property);
                }
            }
        }
        if !self.is_named {
            changed.push(Property::UserProperty(TRACEPARENT, &own));
        }
        Some(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn attributes(pairs: &[(&str, &str)]) -> AttributesBuf {
        let mut attributes = AttributesBuf::default();
        attributes.push(Property::ContentType("text/plain"));
        for (name, value) in pairs {
            attributes.push(Property::UserProperty(name, value));
        }
        attributes
    }

    fn user_properties(attributes: &AttributesBuf) -> Vec<(&str, &str)> {
        let pair = |property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        };
        Attributes::of(attributes).iter().filter_map(pair).collect()
    }

    #[test]
    fn the_context_is_replaced_in_its_place_or_comes_last() {
        let own = TraceContext::recorded(None).unwrap();
        let text = own.to_string();
        let text = text.as_str();
        for (name, came, goes) in [
            ("none", &[("a", "1")][..], Some(&[("a", "1"), ("traceparent", text)][..])),
            (
                "one",
                &[("a", "1"), ("traceparent", PARENT), ("tracestate", "x=1"), ("b", "2")],
                Some(&[("a", "1"), ("traceparent", text), ("tracestate", "x=1"), ("b", "2")]),
            ),
            ("a state alone", &[("tracestate", "x=1")], Some(&[("traceparent", text)])),
            ("one that is malformed", &[("traceparent", "00-12"), ("tracestate", "x=1")], None),
            ("two", &[("traceparent", PARENT), ("traceparent", PARENT)], None),
            (
                "another name",
                &[("Traceparent", PARENT)],
                Some(&[("Traceparent", PARENT), ("traceparent", text)]),
            ),
        ] {
            let came = attributes(came);
            let changed = Carried::of(Attributes::of(&came)).with(&own, Attributes::of(&came));
            assert_eq!(changed.as_ref().map(user_properties).as_deref(), goes, "{name}");
            let is_kept = |changed: &AttributesBuf| {
                Attributes::of(changed).iter().next() == Some(Property::ContentType("text/plain"))
            };
            assert!(changed.as_ref().is_none_or(is_kept), "{name}");
        }
    }

    #[test]
    fn states_are_one_in_their_order_and_of_a_bounded_length() {
        let (half, all) = ("a".repeat(256), "a".repeat(512));
        for (name, came, state) in [
            ("none", &[("traceparent", PARENT)][..], None),
            (
                "several",
                &[("tracestate", "x=1"), ("traceparent", PARENT), ("tracestate", "y=2")],
                Some("x=1,y=2"),
            ),
            ("without a context", &[("tracestate", "x=1")], None),
            ("with a malformed one", &[("tracestate", "x=1"), ("traceparent", "x")], None),
            ("the longest", &[("tracestate", all.as_str()), ("traceparent", PARENT)], Some(all.as_str())),
            (
                "too long a one",
                &[("tracestate", half.as_str()), ("traceparent", PARENT), ("tracestate", half.as_str())],
                None,
            ),
            (
                "a short one behind it",
                &[("tracestate", all.as_str()), ("tracestate", "x=1"), ("traceparent", PARENT)],
                None,
            ),
        ] {
            let came = attributes(came);
            let carried = Carried::of(Attributes::of(&came));
            assert_eq!(carried.state(Attributes::of(&came)).as_deref(), state, "{name}");
        }
    }
}
