//! Topics, retained messages and queues.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::{Value, json};

use super::run::{Ask, encoded, text, with_query};
use super::table::{Column, sheet, table};

const TOPICS: &[Column] = &[
    ("TOPIC", "/topic"),
    ("BELOW", "/children"),
    ("RETAINED", "/retained"),
    ("SUBSCRIPTIONS", "/subscriptions"),
];
const RETAINED: &[Column] =
    &[("TOPIC", "/topic"), ("QOS", "/qos"), ("BYTES", "/size"), ("EXPIRES", "/expires_at")];
const QUEUES: &[Column] = &[
    ("QUEUE", "/name"),
    ("WAITING", "/depth"),
    ("INFLIGHT", "/inflight"),
    ("BYTES", "/bytes"),
    ("CONSUMERS", "/consumers"),
    ("OLDEST (S)", "/oldest_age_secs"),
    ("DELIVERED", "/delivered"),
];
const QUEUE: &[Column] = &[
    ("queue", "/name"),
    ("waiting", "/depth"),
    ("inflight", "/inflight"),
    ("bytes", "/bytes"),
    ("oldest (s)", "/oldest_age_secs"),
    ("delivered", "/delivered"),
    ("dead letters to", "/dead_letter"),
    ("consumers", "/consumers"),
];
const CONSUMERS: &[Column] = &[
    ("CLIENT", "/client_id"),
    ("PROTOCOL", "/protocol"),
    ("UNACKNOWLEDGED", "/unacknowledged"),
    ("PREFETCH", "/prefetch"),
    ("EXCLUSIVE", "/exclusive"),
    ("BROWSER", "/browser"),
];
const WAITING: &[Column] = &[
    ("NUMBER", "/sequence"),
    ("PRIORITY", "/priority"),
    ("DELIVERIES", "/deliveries"),
    ("SINCE", "/waits_since"),
    ("BYTES", "/size"),
    ("PROPERTIES", "/shown_properties"),
    ("PAYLOAD", "/shown_payload"),
];
/// Characters of a payload in a table.
const PAYLOAD_CHARS_MAX: usize = 60;

#[derive(Subcommand)]
pub(super) enum Messages {
    /// Show one level of the tree of topics: those with retained messages, and those that filters speak of.
    Topics {
        /// The levels above, as a/b; without it, the uppermost level.
        prefix: Option<String>,
    },
    /// List retained messages, or clear them.
    Retained {
        /// A topic filter; without it, all topics that do not begin with $.
        #[arg(required_if_eq("clear", "true"))]
        filter: Option<String>,
        /// Clear them instead.
        #[arg(long)]
        clear: bool,
    },
    /// List work queues.
    Queues,
    /// Show one work queue and its consumers, or do something to it.
    Queue(Queue),
}

/// A queue, and what is asked of it.
#[derive(Args)]
pub(super) struct Queue {
    /// Its name, without /queue/.
    name: String,
    /// Show the messages that come next, so many at most, and leave them there.
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["purge", "requeue"])]
    peek: Option<u16>,
    /// Drop the messages that wait.
    #[arg(long, conflicts_with = "requeue")]
    purge: bool,
    /// Send dead letters back to where they came from.
    #[arg(long)]
    requeue: bool,
    /// Move the messages to this queue instead, as /queue/NAME.
    #[arg(long, requires = "requeue", value_name = "QUEUE")]
    to: Option<String>,
    /// Move so many at most.
    #[arg(long, requires = "requeue", value_name = "COUNT")]
    limit: Option<u64>,
}

impl Messages {
    /// Asks, and returns what is to be shown.
    pub(super) fn run(&self, ask: &Ask<'_>) -> Result<String, String> {
        match self {
            Self::Topics { prefix } => ask.list("/api/v1/topics", &[("prefix", prefix.clone())], TOPICS),
            Self::Retained { filter, clear: false } => {
                ask.list("/api/v1/retained", &[("filter", filter.clone())], RETAINED)
            }
            Self::Retained { filter, clear: true } => {
                let path = with_query("/api/v1/retained", &[("filter", filter.clone())]);
                ask.change(Method::DELETE, &path, &Value::Null, |done| {
                    format!("cleared {}\n", done["cleared"])
                })
            }
            Self::Queues => ask.list("/api/v1/queues", &[], QUEUES),
            Self::Queue(queue) => queue.run(ask),
        }
    }
}

impl Queue {
    fn run(&self, ask: &Ask<'_>) -> Result<String, String> {
        let path = format!("/api/v1/queues/{}", encoded(&self.name));
        let messages = format!("{path}/messages");
        if let Some(count) = self.peek {
            return ask.one(&messages, &[("limit", Some(count.to_string()))], |page| {
                let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                table(WAITING, &items.iter().map(readable).collect::<Vec<_>>())
            });
        }
        if self.purge {
            let purged = |done: &Value| format!("purged {}\n", done["purged"]);
            return ask.change(Method::DELETE, &messages, &Value::Null, purged);
        }
        if self.requeue {
            let mut arguments = json!({ "to": self.to });
            if let Some(limit) = self.limit {
                arguments["limit"] = limit.into();
            }
            return ask.change(Method::POST, &format!("{path}/requeue"), &arguments, |done| {
                let stopped = match &done["stopped"] {
                    Value::Null => String::new(),
                    reason => format!(", stopped: {}", text(reason)),
                };
                format!("requeued {}, left {}{stopped}\n", done["requeued"], done["left"])
            });
        }
        ask.one(&path, &[], |queue| {
            let consumers = queue["consumer_list"].as_array().map(Vec::as_slice).unwrap_or_default();
            format!("{}\n{}", sheet(QUEUE, queue), table(CONSUMERS, consumers))
        })
    }
}

/// A message with its properties and the beginning of its payload as a person reads them.
fn readable(message: &Value) -> Value {
    let mut message = message.clone();
    if let Some(payload) = message["payload"].as_str().and_then(|payload| STANDARD.decode(payload).ok()) {
        let shown: String = String::from_utf8_lossy(&payload).chars().take(PAYLOAD_CHARS_MAX).collect();
        message["shown_payload"] = shown.into();
    }
    let properties = message["properties"].as_array().map(Vec::as_slice).unwrap_or_default();
    let pairs =
        properties.iter().map(|property| format!("{}={}", text(&property["name"]), text(&property["value"])));
    let pairs: Vec<_> = pairs.collect();
    message["shown_properties"] = pairs.join(" ").into();
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_shown_as_text_and_not_whole() {
        let long = "x".repeat(100);
        for (payload, expected) in
            [(&b"one"[..], "one"), (b"\xff", "\u{fffd}"), (long.as_bytes(), &long[..PAYLOAD_CHARS_MAX])]
        {
            let properties = json!([{ "name": "a", "value": "b" }, { "name": "c", "value": "\u{1b}" }]);
            let message = json!({ "payload": STANDARD.encode(payload), "properties": properties });
            let shown = readable(&message);
            assert_eq!(
                (&shown["shown_payload"], &shown["shown_properties"]),
                (&json!(expected), &json!("a=b c=\\u{1b}"))
            );
        }
        assert_eq!(readable(&json!({ "sequence": 1 }))["shown_payload"], Value::Null);
    }
}
