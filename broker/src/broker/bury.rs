//! Dead letters: messages that a queue has given up, on their way to where somebody may look at them.

use std::sync::Arc;

use tidewire_protocols::mqtt::Property;
use tidewire_protocols::topic::TopicName;

use super::Broker;
use crate::counters::DropReason;
use crate::message::{Attributes, AttributesBuf, Message, Publication};
use crate::queue::DeadLetter;
use crate::turn::Turn;

/// The user properties that a dead letter has besides its own.
const REASON: &str = "dead-letter-reason";
const DESTINATION: &str = "dead-letter-destination";
const TIME: &str = "dead-letter-time";
const DELIVERIES: &str = "dead-letter-deliveries";

impl Broker {
    /// Publishes a dead letter to where the configuration says, with the reason, the destination that it was for, the
    /// time (milliseconds since the epoch) and its deliveries as user properties. Dropped and counted where there is no such place: a
    /// dead letter that dies again is one of these.
    pub(super) fn bury(&self, turn: &mut Turn<'_>, queue: &Arc<str>, letter: &DeadLetter) {
        let reason = letter.reason.as_str();
        let topic = self.config().queues.dead_letter_topic(queue);
        let is_buried = topic.zip(letter.message.as_ref()).is_some_and(|(topic, message)| {
            let Ok(topic) = TopicName::parse(&topic) else { return false };
            let original = message.publication();
            let mut attributes = without_own_properties(original.attributes);
            let destination = format!("/queue/{queue}");
            let (time, deliveries) = (turn.now.unix_ms.to_string(), letter.deliveries.to_string());
            let own =
                [(REASON, reason), (DESTINATION, &destination), (TIME, &time), (DELIVERIES, &deliveries)];
            for (name, value) in own {
                attributes.push(Property::UserProperty(name, value));
            }
            let mut publication = Publication::new(topic, original.payload, original.publisher);
            publication.qos = original.qos;
            publication.attributes = Attributes::of(&attributes);
            // Its expiry ends with it: it may have died of that.
            match self.publish(turn, &publication) {
                Ok(_) => true,
                Err(error) => {
                    tracing::warn!(queue = &**queue, reason, %error, "a dead letter could not be kept");
                    false
                }
            }
        });
        if is_buried {
            self.counters.dead_letters.add(1);
        } else {
            tracing::debug!(queue = &**queue, reason, "a message was given up");
            self.counters.dropped.add(DropReason::Dead, 1);
        }
    }
}

/// What travels with a message, but for what it got when it became a dead letter.
pub(super) fn without_own_properties(attributes: Attributes<'_>) -> AttributesBuf {
    let mut others = AttributesBuf::default();
    for property in attributes.iter().filter(|property| !is_own(property)) {
        others.push(property);
    }
    others
}

/// The queue that a dead letter says it was given up by.
pub(super) fn dead_letter_origin(message: &Message) -> Option<&str> {
    let destination =
        Attributes::assume_valid(message.parts().attributes).iter().find_map(|property| match property {
            Property::UserProperty(DESTINATION, value) => Some(value),
            _ => None,
        });
    destination?.strip_prefix("/queue/")
}

fn is_own(property: &Property<'_>) -> bool {
    matches!(property, Property::UserProperty(REASON | DESTINATION | TIME | DELIVERIES, _))
}
