//! A script's words as packets.

use std::num::{NonZeroU16, NonZeroU32};

use tidewire_protocols::mqtt::{Property, RetainHandling};
use tidewire_tests::mqtt::{ConnectWords, PublishWords, SubscribeWords, connect, publish, subscribe};

use crate::script::{Connect, Wanted, Words};

/// A client's name.
pub(crate) fn name(client: usize) -> String {
    format!("client-{client}")
}

/// CONNECT.
pub(crate) fn connect_packet(client: usize, wishes: &Connect) -> ConnectWords {
    let mut words = connect(&name(client));
    if !wishes.clean {
        words = words.resume();
    }
    if let Some((will, delay)) = &wishes.will {
        let mut properties: Vec<_> = will.expiry.map(Property::MessageExpiryInterval).into_iter().collect();
        if *delay > 0 {
            properties.push(Property::WillDelayInterval(*delay));
        }
        words = words.will_with(publish_packet(will, 1), &properties);
    }
    if !wishes.v5 {
        return words.v311();
    }
    if wishes.expiry > 0 {
        words = words.expiry(wishes.expiry);
    }
    if let Some(maximum) = wishes.receive_maximum.and_then(NonZeroU16::new) {
        words = words.with(Property::ReceiveMaximum(maximum));
    }
    if wishes.alias_maximum > 0 {
        words = words.with(Property::TopicAliasMaximum(wishes.alias_maximum));
    }
    words
}

/// PUBLISH, without properties.
pub(crate) fn publish_packet(words: &Words, id: u16) -> PublishWords {
    with_flags(publish(words.topic, words.payload()), words, id)
}

/// PUBLISH that names its topic by an alias.
pub(crate) fn aliased_packet(words: &Words, id: u16) -> PublishWords {
    with_flags(publish("", words.payload()), words, id)
}

fn with_flags(packet: PublishWords, words: &Words, id: u16) -> PublishWords {
    let packet = match words.qos {
        0 => packet,
        1 => packet.qos1(id),
        _ => packet.qos2(id),
    };
    if words.retain { packet.retained() } else { packet }
}

/// SUBSCRIBE.
pub(crate) fn subscribe_packet(wanted: &[Wanted], identifier: Option<u32>, v5: bool) -> SubscribeWords {
    let options = |packet: SubscribeWords, wanted: &Wanted| {
        packet.options(|options| {
            // 3.1.1 has none.
            if v5 {
                options.no_local = wanted.no_local;
                options.retain_as_published = wanted.retain_as_published;
                options.retain_handling = match wanted.retain_handling {
                    0 => RetainHandling::SendAtSubscribe,
                    1 => RetainHandling::SendIfNew,
                    _ => RetainHandling::DoNotSend,
                };
            }
        })
    };
    let first = options(subscribe(wanted[0].filter, wanted[0].qos), &wanted[0]);
    let packet = wanted[1..]
        .iter()
        .fold(first, |packet, wanted| options(packet.and(wanted.filter, wanted.qos), wanted));
    match identifier.and_then(NonZeroU32::new) {
        Some(identifier) => packet.with(Property::SubscriptionIdentifier(identifier)),
        None => packet,
    }
}
