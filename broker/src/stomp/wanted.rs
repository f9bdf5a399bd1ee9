//! What a SUBSCRIBE asks for in its headers, those included that the users of other brokers know.
//!
//! | header | what it is | also known as |
//! |---|---|---|
//! | `ack` | `auto`, `client`, `client-individual` | |
//! | `prefetch-count` | messages that may be unacknowledged | `activemq.prefetchSize` |
//! | `durable:true` | the subscription outlives the connection; its name is its `id` | `persistent:true`; `activemq.subscriptionName`, `durable-subscription-name`, `durable-subscriber-name` name it |
//! | `exclusive` | of a queue: no other consumer | `activemq.exclusive` |
//! | `auto-delete` | of a queue: it goes with its last consumer | |
//! | `browser` | of a queue: look, take nothing | |
//! | `selector` | which messages | |
//! | `no-local` | not one's own messages | `activemq.noLocal` |
//! | `retain-handling` | 0, 1, 2 as in MQTT 5 | |

use std::sync::Arc;

use tidewire_protocols::mqtt::RetainHandling;
use tidewire_protocols::stomp::{Headers, Version};

use super::AckMode;
use super::headers::{read_bool, read_number};
use super::refuse::Refusal;
use crate::config::DefaultAck;
use crate::selection::Selection;

const PREFETCH: [&str; 2] = ["prefetch-count", "activemq.prefetchSize"];
const DURABLE: [&str; 2] = ["durable", "persistent"];
const DURABLE_NAME: [&str; 3] =
    ["activemq.subscriptionName", "durable-subscription-name", "durable-subscriber-name"];
const EXCLUSIVE: [&str; 2] = ["exclusive", "activemq.exclusive"];
const NO_LOCAL: [&str; 2] = ["no-local", "activemq.noLocal"];

/// See the module.
pub(super) struct Wanted {
    pub(super) ack: AckMode,
    /// 0 is as many as there may be.
    pub(super) prefetch: usize,
    pub(super) retain_handling: RetainHandling,
    pub(super) selection: Option<Arc<Selection>>,
    /// The name of a durable subscription.
    pub(super) durable: Option<String>,
    pub(super) is_exclusive: bool,
    pub(super) is_auto_delete: bool,
    pub(super) is_browser: bool,
    pub(super) no_local: bool,
}

impl Wanted {
    pub(super) fn read(
        headers: &Headers<'_>,
        version: Version,
        default_ack: DefaultAck,
    ) -> Result<Self, Refusal> {
        Ok(Self {
            ack: ack_mode(headers, version, default_ack)?,
            prefetch: prefetch(headers)?,
            retain_handling: retain_handling(headers)?,
            selection: selection(headers)?,
            durable: durable_name(headers)?,
            is_exclusive: flag(headers, &EXCLUSIVE)?,
            is_auto_delete: flag(headers, &["auto-delete"])?,
            is_browser: flag(headers, &["browser"])?,
            no_local: flag(headers, &NO_LOCAL)?,
        })
    }

    /// What only a queue can give.
    pub(super) fn check_topic(&self) -> Result<(), Refusal> {
        for (name, is_wanted) in [("exclusive", self.is_exclusive), ("browser", self.is_browser)] {
            if is_wanted {
                let body = format!("{name} is for /queue/… destinations: leave it out.");
                return Err(Refusal::new(format!("{name} on a topic"), body));
            }
        }
        Ok(())
    }
}

/// The name of the durable subscription that a SUBSCRIBE or UNSUBSCRIBE is for.
pub(super) fn durable_name(headers: &Headers<'_>) -> Result<Option<String>, Refusal> {
    if let Some(name) = DURABLE_NAME.iter().find_map(|name| headers.get(name)) {
        return Ok(Some(name.into_owned()));
    }
    if !flag(headers, &DURABLE)? {
        return Ok(None);
    }
    let id = headers.get("id").ok_or_else(|| {
        Refusal::new(
            "a durable subscription needs an id header",
            "Its id is its name: add id:… to the frame.",
        )
    })?;
    Ok(Some(id.into_owned()))
}

fn flag(headers: &Headers<'_>, names: &[&str]) -> Result<bool, Refusal> {
    for name in names {
        if let Some(value) = headers.get(name) {
            return read_bool(name, &value);
        }
    }
    Ok(false)
}

fn prefetch(headers: &Headers<'_>) -> Result<usize, Refusal> {
    for name in PREFETCH {
        if let Some(value) = headers.get(name) {
            return Ok(usize::try_from(read_number(name, &value)?).unwrap_or(usize::MAX));
        }
    }
    Ok(0)
}

/// A blank selector selects everything, as in the brokers that have one.
fn selection(headers: &Headers<'_>) -> Result<Option<Arc<Selection>>, Refusal> {
    let Some(text) = headers.get("selector").filter(|text| !text.trim().is_empty()) else { return Ok(None) };
    match Selection::parse(&text) {
        Ok(selection) => Ok(Some(Arc::new(selection))),
        Err(error) => {
            Err(Refusal::new("bad selector header", format!("selector:{text} is not understood: {error}.")))
        }
    }
}

fn ack_mode(headers: &Headers<'_>, version: Version, default: DefaultAck) -> Result<AckMode, Refusal> {
    let is_v10 = version == Version::V10;
    match headers.get("ack").as_deref() {
        None => Ok(match default {
            DefaultAck::Auto => AckMode::Auto,
            DefaultAck::Client => AckMode::Client,
            DefaultAck::ClientIndividual => AckMode::ClientIndividual,
        }),
        Some("auto") => Ok(AckMode::Auto),
        Some("client") => Ok(AckMode::Client),
        Some("client-individual") if !is_v10 => Ok(AckMode::ClientIndividual),
        Some(other) if is_v10 => Err(Refusal::bad_header("ack", other, "auto or client")),
        Some(other) => Err(Refusal::bad_header("ack", other, "auto, client or client-individual")),
    }
}

fn retain_handling(headers: &Headers<'_>) -> Result<RetainHandling, Refusal> {
    match headers.get("retain-handling").as_deref() {
        None | Some("0") => Ok(RetainHandling::SendAtSubscribe),
        Some("1") => Ok(RetainHandling::SendIfNew),
        Some("2") => Ok(RetainHandling::DoNotSend),
        Some(other) => Err(Refusal::bad_header("retain-handling", other, "0, 1 or 2")),
    }
}
