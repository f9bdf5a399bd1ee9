//! A connection that receives, counts and acknowledges.

use std::ops::ControlFlow;

use tidewire_client::Error;

use super::arrivals::Arrivals;
use super::deliveries::Deliveries;
use super::mark::Coding;
use super::publisher::put_answer;
use super::raw::{Incoming, Link, Peer, put_ack};
use crate::tw::Failure;

/// See the module.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) link: Link,
    pub(super) arrivals: Arrivals,
}

impl Subscriber {
    pub(super) fn new(link: Link) -> Self {
        Self { link, arrivals: Arrivals::default() }
    }

    /// One for each of `peers`.
    pub(super) fn all(peers: Vec<Peer>) -> Result<Vec<Self>, Failure> {
        peers.into_iter().map(|peer| Ok(Self::new(peer.into_link()?))).collect()
    }

    /// Takes and acknowledges what has come; tells `deliveries` of each new message.
    pub(super) fn handle(&mut self, deliveries: &mut Deliveries) -> Result<(), Error> {
        let arrivals = &mut self.arrivals;
        let wire = self.link.wire;
        let coding = Coding::of(wire.speech);
        self.link.packets(|packet, out| {
            match packet {
                Incoming::Publish { qos, packet_id, payload } => {
                    take(payload, coding, arrivals, deliveries);
                    match qos {
                        0 => {}
                        1 => put_answer(PUBACK, packet_id, out),
                        _ => put_answer(PUBREC, packet_id, out),
                    }
                }
                Incoming::Message { ack, payload } => {
                    take(payload, coding, arrivals, deliveries);
                    if !ack.is_empty() {
                        put_ack(ack, wire.is_websocket, out);
                    }
                }
                Incoming::PubRel { packet_id } => put_answer(PUBCOMP, packet_id, out),
                _ => {}
            }
            ControlFlow::Continue(())
        })
    }
}

fn take(payload: &[u8], coding: Coding, arrivals: &mut Arrivals, deliveries: &mut Deliveries) {
    let Some(publisher) = arrivals.record(coding.number(payload)) else { return };
    deliveries.note(publisher);
    if deliveries.latency.is_next()
        && let Some(due) = coding.nanoseconds(payload)
    {
        deliveries.latency.record(deliveries.now.saturating_sub(due));
    }
}

const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBCOMP: u8 = 0x70;
