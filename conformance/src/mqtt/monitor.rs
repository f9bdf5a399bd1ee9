//! The rules that span packets and hold on every connection, whatever a case is about.

use std::collections::BTreeSet;

use super::Version;
use crate::answer::Answer;
use crate::filled::Filled;

/// Watches one network connection. It sees what cases send as packets, not what they send as raw bytes.
#[derive(Debug)]
pub struct Monitor {
    version: Version,
    connack: bool,
    disconnect: bool,
    maximum_packet_size: u64,
    topic_alias_maximum: u64,
    receive_maximum: u64,
    problem_information: bool,
    /// Aliases that the server has set.
    aliases: BTreeSet<u64>,
    /// QoS 1 and 2 publishes from the server that are not yet acknowledged.
    inflight: BTreeSet<u64>,
}

impl Monitor {
    /// For a new connection.
    pub fn new(version: Version) -> Monitor {
        Monitor {
            version,
            connack: false,
            disconnect: false,
            maximum_packet_size: u64::MAX,
            topic_alias_maximum: 0,
            receive_maximum: 65_535,
            problem_information: true,
            aliases: BTreeSet::new(),
            inflight: BTreeSet::new(),
        }
    }

    /// Takes note of a packet that the case sends.
    pub fn handle_sent(&mut self, packet: &Filled) {
        let number = |name: &str| packet.number(name).ok().flatten();
        match packet.kind.as_str() {
            "CONNECT" if self.version == Version::V5 => {
                // 0 is a protocol error, and no limit that an answer could keep.
                let maximum = number("maximum_packet_size").filter(|maximum| *maximum > 0);
                self.maximum_packet_size = maximum.unwrap_or(u64::MAX);
                self.topic_alias_maximum = number("topic_alias_maximum").unwrap_or(0);
                self.receive_maximum = number("receive_maximum").unwrap_or(65_535);
                self.problem_information = number("request_problem_information") != Some(0);
            }
            "PUBACK" | "PUBCOMP" => drop(self.inflight.remove(&number("packet_id").unwrap_or(1))),
            "PUBREC" if number("reason").unwrap_or(0) >= 0x80 => {
                self.inflight.remove(&number("packet_id").unwrap_or(1));
            }
            _ => {}
        }
    }

    /// Judges a packet that came.
    ///
    /// # Errors
    ///
    /// The rule that it breaks.
    pub fn handle_answer(&mut self, answer: &Answer, size: usize) -> Result<(), String> {
        if self.disconnect {
            return Err(format!("{} came after the server's DISCONNECT [MQTT-3.14.4-1]", answer.kind));
        }
        if size as u64 > self.maximum_packet_size {
            let maximum = self.maximum_packet_size;
            return Err(format!(
                "{} has {size} bytes, this client's Maximum Packet Size is {maximum} [MQTT-3.1.2-24]",
                answer.kind
            ));
        }
        match answer.kind {
            "CONNACK" if self.connack => {
                return Err("a second CONNACK came".to_owned() + self.cite(" [MQTT-3.2.0-2]", ""));
            }
            "CONNACK" => self.connack = answer.number("reason") == Some(0),
            "AUTH" => {}
            kind if !self.connack => return Err(format!("{kind} came before CONNACK [MQTT-3.2.0-1]")),
            "DISCONNECT" => self.disconnect = true,
            "PUBLISH" => self.handle_publish(answer)?,
            // The identifier of a refused PUBREL is free again.
            "PUBREL" if answer.number("reason").unwrap_or(0) >= 0x80 => {
                self.inflight.remove(&answer.number("packet_id").unwrap_or(0));
            }
            _ => {}
        }
        self.check_problem_information(answer)
    }

    fn handle_publish(&mut self, answer: &Answer) -> Result<(), String> {
        if let Some(alias) = answer.number("topic_alias") {
            if alias > self.topic_alias_maximum {
                let maximum = self.topic_alias_maximum;
                return Err(format!(
                    "Topic Alias {alias} came, this client's maximum is {maximum} [MQTT-3.1.2-26]"
                ));
            }
            let named = answer.bytes("topic").is_some_and(|topic| !topic.is_empty());
            if !named && !self.aliases.contains(&alias) {
                return Err(format!("Topic Alias {alias} came before a topic was given for it"));
            }
            self.aliases.insert(alias);
        }
        let Some(packet_id) = answer.number("packet_id") else { return Ok(()) };
        let new = self.inflight.insert(packet_id);
        if !new {
            let statement = self.cite("MQTT-2.2.1-4", "MQTT-2.3.1-4");
            return Err(format!("packet identifier {packet_id} is in use on this connection [{statement}]"));
        }
        if self.inflight.len() as u64 > self.receive_maximum {
            let (count, maximum) = (self.inflight.len(), self.receive_maximum);
            return Err(format!(
                "{count} publishes are unacknowledged, this client's Receive Maximum is {maximum} [MQTT-3.3.4-9]"
            ));
        }
        Ok(())
    }

    fn check_problem_information(&self, answer: &Answer) -> Result<(), String> {
        let talks = ["reason_string", "user_property"]
            .into_iter()
            .find(|name| answer.properties.iter().any(|(property, _)| property == name));
        match talks {
            Some(name)
                if !self.problem_information
                    && !["PUBLISH", "CONNACK", "DISCONNECT"].contains(&answer.kind) =>
            {
                Err(format!(
                    "{} carries {name} though the client asked for none [MQTT-3.1.2-29]",
                    answer.kind
                ))
            }
            _ => Ok(()),
        }
    }

    fn cite<'a>(&self, five: &'a str, three: &'a str) -> &'a str {
        if self.version == Version::V5 { five } else { three }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, Filled, Monitor, Version};
    use crate::variables::Datum;

    fn answer(kind: &'static str, fields: &[(&str, u64)]) -> Answer {
        let fields = fields.iter().map(|(name, number)| ((*name).to_owned(), Datum::Number(*number)));
        Answer { kind, fields: fields.collect(), properties: Vec::new() }
    }

    fn sent(kind: &str, fields: &[(&str, u64)]) -> Filled {
        let fields = fields.iter().map(|(name, number)| ((*name).to_owned(), Some(Datum::Number(*number))));
        Filled { kind: kind.to_owned(), fields: fields.collect() }
    }

    fn connected(fields: &[(&str, u64)]) -> Monitor {
        let mut monitor = Monitor::new(Version::V5);
        monitor.handle_sent(&sent("CONNECT", fields));
        monitor.handle_answer(&answer("CONNACK", &[("reason", 0)]), 5).unwrap();
        monitor
    }

    #[test]
    fn connack_comes_first_and_once() {
        let mut monitor = Monitor::new(Version::V5);
        assert!(monitor.handle_answer(&answer("SUBACK", &[]), 5).unwrap_err().contains("before CONNACK"));
        let mut monitor = connected(&[]);
        assert!(
            monitor.handle_answer(&answer("CONNACK", &[("reason", 0)]), 5).unwrap_err().contains("second")
        );
    }

    #[test]
    fn nothing_follows_disconnect() {
        let mut monitor = connected(&[]);
        monitor.handle_answer(&answer("DISCONNECT", &[]), 2).unwrap();
        assert!(monitor.handle_answer(&answer("PINGRESP", &[]), 2).unwrap_err().contains("MQTT-3.14.4-1"));
    }

    #[test]
    fn receive_maximum_counts_until_the_acknowledgement() {
        let mut monitor = connected(&[("receive_maximum", 1)]);
        monitor.handle_answer(&answer("PUBLISH", &[("packet_id", 1)]), 9).unwrap();
        monitor.handle_sent(&sent("PUBACK", &[("packet_id", 1)]));
        monitor.handle_answer(&answer("PUBLISH", &[("packet_id", 2)]), 9).unwrap();
        let error = monitor.handle_answer(&answer("PUBLISH", &[("packet_id", 3)]), 9).unwrap_err();
        assert!(error.contains("MQTT-3.3.4-9"), "{error}");
    }

    #[test]
    fn the_clients_limits_hold_for_size_and_aliases() {
        let mut monitor = connected(&[("maximum_packet_size", 20), ("topic_alias_maximum", 1)]);
        monitor.handle_answer(&answer("PUBACK", &[]), 20).unwrap();
        assert!(monitor.handle_answer(&answer("PUBACK", &[]), 21).unwrap_err().contains("MQTT-3.1.2-24"));
        let alias = monitor.handle_answer(&answer("PUBLISH", &[("topic_alias", 2)]), 9).unwrap_err();
        assert!(alias.contains("MQTT-3.1.2-26"), "{alias}");
        let unset = monitor.handle_answer(&answer("PUBLISH", &[("topic_alias", 1)]), 9).unwrap_err();
        assert!(unset.contains("before a topic"), "{unset}");
    }
}
