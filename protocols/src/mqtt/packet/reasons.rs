//! The codes in SUBACK and UNSUBACK, one for each filter.

use std::iter::FusedIterator;
use std::slice;

use super::Body;
use super::tail::{known_reason, wrong_reason};
use crate::mqtt::error::Rule;
use crate::mqtt::{PacketType, ReasonCode};

/// Iterates over the codes of a SUBACK or UNSUBACK; it ends at the first that is none of MQTT's.
#[derive(Clone, Debug)]
pub struct Reasons<'a> {
    codes: slice::Iter<'a, u8>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(codes: &'a [u8]) -> Self {
        Self { codes: codes.iter() }
    }
}

impl Iterator for Reasons<'_> {
    type Item = ReasonCode;

    fn next(&mut self) -> Option<ReasonCode> {
        let reason = self.codes.next().and_then(|&code| ReasonCode::from_u8(code));
        if reason.is_none() {
            self.codes = [].iter();
        }
        reason
    }
}

impl FusedIterator for Reasons<'_> {}

/// Checks that there is a code and that a packet of that type may carry each.
pub(super) fn check_reasons(packet_type: PacketType, codes: &[u8]) -> Body<()> {
    if codes.is_empty() {
        return Err(NO_CODE.broken());
    }
    match codes.iter().find(|&&code| known_reason(packet_type, code).is_none()) {
        Some(_) => Err(wrong_reason(packet_type).broken()),
        None => Ok(()),
    }
}

const NO_CODE: Rule = Rule::malformed(
    "MQTT-3.8.4-5",
    "MQTT-3.8.4-6",
    "the acknowledgement has no code: it has one for each filter of the request",
);
