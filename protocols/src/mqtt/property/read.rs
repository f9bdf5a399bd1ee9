//! Reading one property, with the rules about its value. Where the standard calls a value wrong, it is a Protocol
//! Error and not a Malformed Packet: the packet can be read on behind it.

use std::num::{NonZeroU16, NonZeroU32};

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::{be_u16, be_u32, u8 as byte};

use super::Property;
use super::rules::NOT_VALID_HERE;
use crate::mqtt::Qos;
use crate::mqtt::error::Rule;
use crate::mqtt::wire::{
    NUL, Parsed, binary, utf8_string, utf8_string_or_nul, utf8_string_pair, variable_byte_integer,
};
use crate::topic::{TopicError, TopicName};

/// Reads one property and checks its value, but neither its place nor its repetition.
pub(super) fn property(input: &[u8]) -> Parsed<'_, Property<'_>> {
    let (rest, identifier) = byte(input)?;
    match identifier {
        0x01 => map(flag(&PAYLOAD_FORMAT), Property::PayloadFormatIndicator).parse(rest),
        0x02 => map(be_u32, Property::MessageExpiryInterval).parse(rest),
        0x03 => map(utf8_string, Property::ContentType).parse(rest),
        0x08 => map(topic_name, Property::ResponseTopic).parse(rest),
        0x09 => map(binary, Property::CorrelationData).parse(rest),
        0x0B => map(subscription_identifier, Property::SubscriptionIdentifier).parse(rest),
        0x11 => map(be_u32, Property::SessionExpiryInterval).parse(rest),
        0x12 => map(utf8_string, Property::AssignedClientIdentifier).parse(rest),
        0x13 => map(be_u16, Property::ServerKeepAlive).parse(rest),
        0x15 => map(utf8_string, Property::AuthenticationMethod).parse(rest),
        0x16 => map(binary, Property::AuthenticationData).parse(rest),
        0x17 => map(flag(&PROBLEM_INFORMATION), Property::RequestProblemInformation).parse(rest),
        0x18 => map(be_u32, Property::WillDelayInterval).parse(rest),
        0x19 => map(flag(&RESPONSE_INFORMATION), Property::RequestResponseInformation).parse(rest),
        0x1A => map(utf8_string, Property::ResponseInformation).parse(rest),
        0x1C => map(utf8_string, Property::ServerReference).parse(rest),
        0x1F => map(utf8_string, Property::ReasonString).parse(rest),
        0x21 => map(receive_maximum, Property::ReceiveMaximum).parse(rest),
        0x22 => map(be_u16, Property::TopicAliasMaximum).parse(rest),
        0x23 => map(be_u16, Property::TopicAlias).parse(rest),
        0x24 => map(maximum_qos, Property::MaximumQos).parse(rest),
        0x25 => map(flag(&AVAILABLE), Property::RetainAvailable).parse(rest),
        0x26 => map(utf8_string_pair, |(name, value)| Property::UserProperty(name, value)).parse(rest),
        0x27 => map(maximum_packet_size, Property::MaximumPacketSize).parse(rest),
        0x28 => map(flag(&AVAILABLE), Property::WildcardSubscriptionAvailable).parse(rest),
        0x29 => map(flag(&AVAILABLE), Property::SubscriptionIdentifierAvailable).parse(rest),
        0x2A => map(flag(&AVAILABLE), Property::SharedSubscriptionAvailable).parse(rest),
        _ => Err(NOT_VALID_HERE.broken()),
    }
}

fn flag(rule: &'static Rule) -> impl Fn(&[u8]) -> Parsed<'_, bool> {
    move |input| match byte(input)? {
        (rest, 0) => Ok((rest, false)),
        (rest, 1) => Ok((rest, true)),
        _ => Err(rule.broken()),
    }
}

fn topic_name(input: &[u8]) -> Parsed<'_, TopicName<'_>> {
    let (rest, text) = utf8_string_or_nul(input)?;
    match TopicName::parse(text) {
        Ok(name) => Ok((rest, name)),
        Err(TopicError::Nul) => Err(NUL.broken()),
        Err(TopicError::Empty) => Err(RESPONSE_TOPIC_EMPTY.broken()),
        Err(_) => Err(RESPONSE_TOPIC_WILDCARD.broken()),
    }
}

fn subscription_identifier(input: &[u8]) -> Parsed<'_, NonZeroU32> {
    non_zero(variable_byte_integer(input), NonZeroU32::new, &SUBSCRIPTION_IDENTIFIER_ZERO)
}

fn receive_maximum(input: &[u8]) -> Parsed<'_, NonZeroU16> {
    non_zero(be_u16(input), NonZeroU16::new, &RECEIVE_MAXIMUM_ZERO)
}

fn maximum_packet_size(input: &[u8]) -> Parsed<'_, NonZeroU32> {
    non_zero(be_u32(input), NonZeroU32::new, &MAXIMUM_PACKET_SIZE_ZERO)
}

fn non_zero<'a, T, N>(parsed: Parsed<'a, T>, new: fn(T) -> Option<N>, rule: &'static Rule) -> Parsed<'a, N> {
    let (rest, value) = parsed?;
    new(value).map(|value| (rest, value)).ok_or_else(|| rule.broken())
}

fn maximum_qos(input: &[u8]) -> Parsed<'_, Qos> {
    match byte(input)? {
        (rest, 0) => Ok((rest, Qos::AtMostOnce)),
        (rest, 1) => Ok((rest, Qos::AtLeastOnce)),
        _ => Err(MAXIMUM_QOS.broken()),
    }
}

const fn value_rule(statement: &'static str, detail: &'static str) -> Rule {
    Rule::protocol(statement, statement, detail)
}

const PAYLOAD_FORMAT: Rule =
    value_rule("MQTT-4.13.1-1", "the Payload Format Indicator is neither 0 (bytes) nor 1 (UTF-8)");

const PROBLEM_INFORMATION: Rule =
    value_rule("MQTT50-U-3.1.2.11.7-1", "Request Problem Information is neither 0 nor 1");

const RESPONSE_INFORMATION: Rule =
    value_rule("MQTT50-U-3.1.2.11.6-1", "Request Response Information is neither 0 nor 1");

const AVAILABLE: Rule = value_rule("MQTT-4.13.1-1", "a CONNACK's \"available\" property is neither 0 nor 1");

const RESPONSE_TOPIC_EMPTY: Rule =
    value_rule("MQTT-4.7.3-1", "the Response Topic is empty: it has at least one character");

const RESPONSE_TOPIC_WILDCARD: Rule =
    value_rule("MQTT-3.3.2-14", "the Response Topic contains + or #: it is a topic name");

const SUBSCRIPTION_IDENTIFIER_ZERO: Rule =
    value_rule("MQTT50-U-3.8.2.1.2-1", "the Subscription Identifier is 0: it is 1 to 268435455");

const RECEIVE_MAXIMUM_ZERO: Rule =
    value_rule("MQTT50-U-3.1.2.11.3-1", "the Receive Maximum is 0: it is 1 to 65535");

const MAXIMUM_PACKET_SIZE_ZERO: Rule =
    value_rule("MQTT50-U-3.1.2.11.4-1", "the Maximum Packet Size is 0: it is 1 or more");

const MAXIMUM_QOS: Rule =
    value_rule("MQTT50-U-3.2.2.3.4-1", "the Maximum QoS is neither 0 nor 1: 2 is said by leaving it out");
