//! The server configuration that cases need, and what the broker at hand is said to have.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Plays};

/// What a broker is taken to have unless `--has` says otherwise: what its CONNACK would have to deny, and that it is a
/// broker and no echo of WebSocket messages.
const ASSUMED: [(&str, &str); 15] = [
    ("anonymous", "1"),
    ("compression", "1"),
    ("echo", "0"),
    ("empty_client_id", "1"),
    ("maximum_qos", "2"),
    ("paths", "0"),
    ("queues", "1"),
    ("redirect", "none"),
    ("retain_available", "1"),
    ("selectors", "1"),
    ("shared_subscriptions", "1"),
    ("stomp", "1"),
    ("subscription_identifiers", "1"),
    ("topic_aliases", "1"),
    ("wildcard_subscriptions", "1"),
];

/// The settings of the broker at hand.
#[derive(Clone, Debug)]
pub struct Settings {
    values: BTreeMap<String, String>,
    /// The keys that the command line gave.
    given: BTreeSet<String>,
}

impl Settings {
    /// What is assumed, and over it what the command line says, as `key=value`.
    ///
    /// # Errors
    ///
    /// When a setting has no `=`.
    pub fn new(given: &[String]) -> Result<Settings, String> {
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let mut values: BTreeMap<String, String> = ASSUMED.into_iter().map(own).collect();
        let mut keys = BTreeSet::new();
        for setting in given {
            let pair = setting.split_once('=');
            let (key, value) = pair.ok_or_else(|| format!("--has {setting}: it is written key=value"))?;
            values.insert(key.trim().to_owned(), value.trim().to_owned());
            keys.insert(key.trim().to_owned());
        }
        Ok(Settings { values, given: keys })
    }

    /// Adds what the runner itself knows, such as the transport.
    pub fn insert(&mut self, key: &str, value: &str) {
        self.values.insert(key.to_owned(), value.to_owned());
    }

    /// Whether the case needs something that the command line gave, or shows at the end that the broker still serves.
    pub fn configures(&self, case: &Case) -> bool {
        case.plays == Plays::Last || case.needs.iter().any(|need| self.given.contains(&need.key))
    }

    /// What the case needs and this broker does not have.
    pub fn lacking(&self, case: &Case) -> Option<String> {
        let lacks = |need: &&crate::case::Need| self.values.get(&need.key) != Some(&need.value);
        case.needs.iter().find(lacks).map(|need| format!("needs {}={}", need.key, need.value))
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::case::{Suite, parse};

    #[test]
    fn a_case_is_played_where_its_needs_are_met() {
        let text =
            "case x\nstatements: MQTT-3.1.0-1\nneeds: receive_maximum=2, retain_available=1\n> PINGREQ\n";
        let case = &parse(Suite::Mqtt5, "s", "s.case", text).unwrap()[0];
        let lacking = |given: &[&str]| {
            let given: Vec<String> = given.iter().map(|setting| (*setting).to_owned()).collect();
            Settings::new(&given).unwrap().lacking(case)
        };
        assert_eq!(lacking(&[]), Some("needs receive_maximum=2".to_owned()));
        assert_eq!(lacking(&["receive_maximum=2"]), None);
        assert_eq!(
            lacking(&["receive_maximum=2", "retain_available=0"]),
            Some("needs retain_available=1".to_owned())
        );
        assert!(Settings::new(&["receive_maximum".to_owned()]).is_err());
        let configures = |given: &str| Settings::new(&[given.to_owned()]).unwrap().configures(case);
        assert!(configures("receive_maximum=1") && configures("retain_available=1"));
        assert!(!configures("maximum_qos=1"));
    }
}
