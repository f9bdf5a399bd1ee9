//! Who receives a message, among a hundred thousand filters.

use std::hint::black_box;
use std::sync::Arc;

use tidewire::clock::Now;
use tidewire::config::Config;
use tidewire::message::{Publication, Qos, SessionId};
use tidewire::output::Output;
use tidewire::router::{LastMatch, Router, Subscription, SubscriptionOptions};
use tidewire::session::{Deliver, Delivered, DeliveryOptions, ProtocolKind, Session, SessionKey};
use tidewire_protocols::topic::{TopicFilter, TopicName};

use crate::meter::{Meter, Scenario};

/// Plants, lines in each and sensors at each line. Every sensor is subscribed to by its name; of each line's, the first
/// third by a filter with `+` as well and the second by one with `#`.
const PLANTS: usize = 10;
const LINES: usize = 100;
const SENSORS: usize = 60;
const SESSIONS: usize = 1_000;
const TOPICS: usize = 1_000;
/// Far enough apart that the topics lie all over the trie, at all kinds of sensors.
const STRIDE: usize = 59;

/// What has happened since the router was asked the last time, which decides which of its parts answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Nothing.
    Nothing,
    /// Somebody has subscribed to other topics.
    ChangedElsewhere,
    /// Somebody has subscribed to what may be these topics.
    Changed,
    /// It has never been asked for these.
    Never,
}

/// See the module.
pub(crate) struct Matching {
    router: Router,
    sessions: Vec<Arc<Session>>,
    topics: Vec<String>,
    since: Since,
    rounds: usize,
    expected: usize,
}

/// Takes nothing: here nothing is delivered.
struct Nowhere;

impl Deliver for Nowhere {
    fn deliver(&mut self, _: Now, _: &Publication<'_>, _: &DeliveryOptions, _: &mut Output) -> Delivered {
        Delivered::Discarded
    }

    fn resend(&mut self, _: Now, _: &mut Output, _: &mut Vec<u64>) -> bool {
        true
    }
}

impl Matching {
    pub(crate) fn new(since: Since) -> Self {
        let sessions = (0..SESSIONS).map(session).collect();
        let (router, topics) = (Router::default(), Vec::new());
        let mut matching = Self { router, sessions, topics, since, rounds: 0, expected: 0 };
        for index in 0..PLANTS * LINES * SENSORS {
            let (topic, wider) = filters(index);
            matching.subscribe(index, &topic);
            if let Some(wider) = wider {
                matching.subscribe(index + 1, &wider);
            }
        }
        assert_eq!(matching.router.len(), 100_000);
        for number in 0..TOPICS {
            let (topic, wider) = filters(number * STRIDE);
            matching.topics.push(topic);
            matching.expected += 1 + usize::from(wider.is_some());
        }
        matching
    }

    fn subscribe(&self, index: usize, filter: &str) {
        let options = SubscriptionOptions {
            qos: Qos::AtMostOnce,
            no_local: false,
            retain_as_published: false,
            identifier: None,
        };
        let session = Arc::clone(&self.sessions[index % SESSIONS]);
        let filter = TopicFilter::parse(filter).expect("it is a topic filter");
        self.router.subscribe(filter, Subscription { session, options, local: 0 }, || true);
    }
}

impl Scenario for Matching {
    fn round(&mut self, meter: Meter) -> usize {
        self.rounds += 1;
        match self.since {
            Since::Nothing => {}
            Since::ChangedElsewhere => self.subscribe(0, "nowhere/#"),
            Since::Changed => self.subscribe(0, "plant/+/nowhere"),
            Since::Never => {
                // Of each line a sensor to which somebody is subscribed with `#`.
                let filters = (0..TOPICS).map(|line| filters(line * SENSORS + SENSORS / 2).0);
                self.topics = filters.map(|filter| format!("{filter}/{}", self.rounds)).collect();
                self.expected = TOPICS;
            }
        }
        let found = meter.run(|| {
            let names = self.topics.iter().map(|topic| TopicName::parse(topic).expect("it is a topic name"));
            if self.since == Since::Never {
                let mut last = LastMatch::default();
                return names.map(|name| self.router.matches_after(&mut last, name).targets.len()).sum();
            }
            names.map(|name| self.router.matches(black_box(name)).targets.len()).sum::<usize>()
        });
        assert_eq!(found, self.expected, "everyone is found");
        TOPICS
    }
}

/// A sensor's topic, and the other filter that matches it, if there is one.
fn filters(index: usize) -> (String, Option<String>) {
    let (plant, line, sensor) = (index / SENSORS / LINES, index / SENSORS % LINES, index % SENSORS);
    let topic = format!("plant/{plant}/line/{line}/sensor/{sensor}");
    let wider = match sensor * 3 / SENSORS {
        0 => Some(format!("plant/{plant}/+/{line}/sensor/{sensor}")),
        1 => Some(format!("{topic}/#")),
        _ => None,
    };
    (topic, wider)
}

fn session(number: usize) -> Arc<Session> {
    let id = SessionId(number as u64 + 1);
    let key = SessionKey::new(ProtocolKind::Mqtt, id.0.to_string().into());
    let limits = Config::default().session.outbox_limits();
    Arc::new(Session::new(id, key, 0, limits, Box::new(Nowhere)))
}
