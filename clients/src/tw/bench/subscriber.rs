//! A connection that receives, counts and acknowledges.

use std::ops::ControlFlow;

use tidewire_clients::Error;

use super::publisher::put_answer;
use super::raw::{Incoming, Link};
use super::tally::Tally;
use super::template::Number;

/// See the module.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) link: Link,
    pub(super) arrivals: Arrivals,
}

/// What has arrived, for each publisher.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    tallies: Vec<(u32, Tally)>,
    foreign: u64,
}

impl Subscriber {
    pub(super) fn new(link: Link) -> Self {
        Self { link, arrivals: Arrivals::default() }
    }

    /// Takes and acknowledges what has come; counts each new message in `delivered`, by publisher, where that has room.
    pub(super) fn handle(&mut self, delivered: &mut [u64]) -> Result<(), Error> {
        let arrivals = &mut self.arrivals;
        self.link.packets(|packet, out| {
            match packet {
                Incoming::Publish { qos, packet_id, payload } => {
                    if let Some(publisher) = arrivals.record(Number::of(payload))
                        && let Some(count) = delivered.get_mut(publisher as usize)
                    {
                        *count += 1;
                    }
                    match qos {
                        0 => {}
                        1 => put_answer(PUBACK, packet_id, out),
                        _ => put_answer(PUBREC, packet_id, out),
                    }
                }
                Incoming::PubRel { packet_id } => put_answer(PUBCOMP, packet_id, out),
                _ => {}
            }
            ControlFlow::Continue(())
        })
    }
}

impl Arrivals {
    /// Returns the publisher of a message that had not arrived before.
    fn record(&mut self, number: Option<Number>) -> Option<u32> {
        let Some(Number { publisher, sequence }) = number else {
            self.foreign += 1;
            return None;
        };
        // Few publishers for each subscriber, mostly one.
        let index = match self.tallies.iter().position(|(known, _)| *known == publisher) {
            Some(index) => index,
            None => {
                self.tallies.push((publisher, Tally::unbounded()));
                self.tallies.len() - 1
            }
        };
        self.tallies[index].1.record(sequence).then_some(publisher)
    }

    pub(super) fn received(&self) -> u64 {
        self.sum(Tally::received)
    }

    pub(super) fn duplicates(&self) -> u64 {
        self.sum(Tally::duplicates)
    }

    pub(super) fn out_of_order(&self) -> u64 {
        self.sum(Tally::out_of_order)
    }

    /// Messages that others have overtaken and that have not arrived.
    pub(super) fn missing(&self) -> u64 {
        self.sum(|tally| tally.next() - tally.received())
    }

    pub(super) fn foreign(&self) -> u64 {
        self.foreign
    }

    fn sum(&self, figure: impl Fn(&Tally) -> u64) -> u64 {
        self.tallies.iter().map(|(_, tally)| figure(tally)).sum()
    }
}

const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBCOMP: u8 = 0x70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_counted_for_each_publisher() {
        let mut arrivals = Arrivals::default();
        for (publisher, sequence) in [(0, 0), (7, 0), (7, 2), (7, 1), (7, 1), (0, 2)] {
            arrivals.record(Some(Number { publisher, sequence }));
        }
        arrivals.record(None);
        assert_eq!((arrivals.received(), arrivals.duplicates(), arrivals.out_of_order()), (5, 1, 1));
        assert_eq!((arrivals.missing(), arrivals.foreign()), (1, 1));
    }
}
