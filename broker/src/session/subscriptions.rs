//! What a session has subscribed to. A broker may hold a million of these, so an entry is its filter's text and three
//! words, and a session with few of them has no table.

use std::hash::BuildHasher;
use std::num::NonZeroU32;

use tidewire_protocols::topic::{TopicFilter, TopicFilterBuf};

use crate::keyed_list::{Keyed, KeyedList};
use crate::message::Qos;

/// Names a subscription within its session: STOMP clients may hold several on one destination.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubscriptionKey {
    /// The filter as it was given, `$share` included.
    pub filter: TopicFilterBuf,
    /// A number of the protocol's own; always 0 in MQTT, where a filter names the subscription.
    pub local: u32,
}

/// What a subscriber asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The highest QoS it takes.
    pub qos: Qos,
    /// Its own publications do not come back to it.
    pub no_local: bool,
    /// RETAIN is passed on as it was published.
    pub retain_as_published: bool,
    /// MQTT 5's subscription identifier.
    pub identifier: Option<NonZeroU32>,
}

/// [`SubscriptionOptions`] in four bytes, for where they lie by the million: the identifier, which is a variable byte
/// integer and so has 28 bits [MQTT-3.8.2-1], and above it the QoS and the two flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackedOptions(u32);

/// See the module.
#[derive(Default)]
pub struct Subscriptions(KeyedList<Entry>);

struct Entry {
    filter: TopicFilterBuf,
    local: u32,
    options: PackedOptions,
}

impl Subscriptions {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.as_slice().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether that one is among them.
    pub fn contains(&self, key: &SubscriptionKey) -> bool {
        self.0.contains(key)
    }

    /// Adds one, or replaces the one of the same name; whether it was there.
    pub fn insert(&mut self, key: SubscriptionKey, options: SubscriptionOptions) -> bool {
        let SubscriptionKey { filter, local } = key;
        self.0.insert(Entry { filter, local, options: options.into() }).is_some()
    }

    /// Removes one; whether it was there.
    pub fn remove(&mut self, key: &SubscriptionKey) -> bool {
        self.0.remove(key).is_some()
    }

    /// All of them, each with its number and its options.
    pub fn iter(&self) -> impl Iterator<Item = (TopicFilter<'_>, u32, SubscriptionOptions)> {
        let entries = self.0.as_slice().iter();
        entries.map(|entry| (entry.filter.as_filter(), entry.local, entry.options.into()))
    }
}

impl Keyed for Entry {
    type Key = SubscriptionKey;

    fn has_key(&self, key: &SubscriptionKey) -> bool {
        self.local == key.local && self.filter == key.filter
    }

    fn is_same(&self, other: &Self) -> bool {
        self.local == other.local && self.filter == other.filter
    }

    fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one((self.filter.as_str(), self.local))
    }

    fn hash_key(key: &SubscriptionKey, hasher: &impl BuildHasher) -> u64 {
        hasher.hash_one((key.filter.as_str(), key.local))
    }
}

const IDENTIFIER_MASK: u32 = (1 << 28) - 1;
const NO_LOCAL: u32 = 1 << 28;
const RETAIN_AS_PUBLISHED: u32 = 1 << 29;
const AT_LEAST_ONCE: u32 = 1 << 30;
const EXACTLY_ONCE: u32 = 1 << 31;

impl From<SubscriptionOptions> for PackedOptions {
    fn from(options: SubscriptionOptions) -> Self {
        let identifier = options.identifier.map_or(0, NonZeroU32::get);
        debug_assert!(identifier <= IDENTIFIER_MASK, "{identifier}");
        let qos = match options.qos {
            Qos::AtMostOnce => 0,
            Qos::AtLeastOnce => AT_LEAST_ONCE,
            Qos::ExactlyOnce => EXACTLY_ONCE,
        };
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = flag(options.no_local, NO_LOCAL) | flag(options.retain_as_published, RETAIN_AS_PUBLISHED);
        Self(identifier & IDENTIFIER_MASK | flags | qos)
    }
}

impl From<PackedOptions> for SubscriptionOptions {
    fn from(PackedOptions(bits): PackedOptions) -> Self {
        Self {
            qos: match (bits & EXACTLY_ONCE, bits & AT_LEAST_ONCE) {
                (0, 0) => Qos::AtMostOnce,
                (0, _) => Qos::AtLeastOnce,
                _ => Qos::ExactlyOnce,
            },
            no_local: bits & NO_LOCAL != 0,
            retain_as_published: bits & RETAIN_AS_PUBLISHED != 0,
            identifier: NonZeroU32::new(bits & IDENTIFIER_MASK),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_back_from_four_bytes() {
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce] {
            for flags in 0..4 {
                for identifier in [0, 1, IDENTIFIER_MASK] {
                    let options = SubscriptionOptions {
                        qos,
                        no_local: flags & 1 != 0,
                        retain_as_published: flags & 2 != 0,
                        identifier: NonZeroU32::new(identifier),
                    };
                    assert_eq!(SubscriptionOptions::from(PackedOptions::from(options)), options);
                }
            }
        }
    }

    #[test]
    fn an_entry_stays_small() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn filter_and_number_name_a_subscription() {
        let key = |text, local| SubscriptionKey { filter: TopicFilterBuf::parse(text).unwrap(), local };
        let options = SubscriptionOptions {
            qos: Qos::AtLeastOnce,
            no_local: false,
            retain_as_published: true,
            identifier: None,
        };
        let mut subscriptions = Subscriptions::default();
        assert!(!subscriptions.insert(key("a/+", 0), options));
        assert!(!subscriptions.insert(key("a/+", 1), options));
        assert!(!subscriptions.insert(key("$share/g/a/+", 0), options));
        let less = SubscriptionOptions { qos: Qos::AtMostOnce, ..options };
        assert!(subscriptions.insert(key("a/+", 0), less));
        assert!(subscriptions.remove(&key("a/+", 1)) && !subscriptions.remove(&key("a/+", 1)));
        assert!(subscriptions.contains(&key("a/+", 0)) && !subscriptions.contains(&key("a/+", 1)));
        let mut seen: Vec<_> = subscriptions.iter().map(|(filter, ..)| filter.filter().to_owned()).collect();
        seen.sort();
        assert_eq!(seen, ["a/+", "a/+"]);
        let plain = subscriptions.iter().find(|(filter, ..)| filter.share_name().is_none());
        assert_eq!(plain.map(|(_, local, options)| (local, options)), Some((0, less)));
    }
}
