//! What the broker publishes of itself, below `$SYS/broker`, under the names that mosquitto made usual.
//!
//! Each value is a retained message of QoS 0. It is published when it has changed, at the interval that the configuration
//! says, and is stored nowhere: it would be untrue after a restart. docs/metrics.md explains each topic.

mod load;
mod topics;

use std::collections::HashMap;
use std::time::Duration;

use tidewire_protocols::topic::TopicName;

use self::load::Loads;
use self::topics::{Sums, values};
use super::Broker;
use crate::message::{Publication, SessionId};

/// What all these topics begin with.
const PREFIX: &str = "$SYS/broker/";

impl Broker {
    /// Publishes them at once, and then whatever has changed in the interval that the configuration says, for as long as it
    /// is polled. Returns where there is to be none.
    pub async fn run_sys(&self) {
        let interval = self.config().sys.interval.0;
        if interval.is_zero() {
            return;
        }
        let mut own = Own { published: HashMap::new(), loads: Loads::default(), before: Sums::of(self) };
        let mut ticks = tokio::time::interval(interval);
        // After a pause of the machine they need not be made up for.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut last = ticks.tick().await;
        self.publish_changed(&mut own);
        loop {
            let now = ticks.tick().await;
            own.pass(Sums::of(self), now - last);
            last = now;
            self.publish_changed(&mut own);
        }
    }

    fn publish_changed(&self, own: &mut Own) {
        let mut turn = self.turn();
        for (name, value) in values(self, &own.before, &own.loads, turn.now) {
            if own.published.get(&name).is_some_and(|before| *before == value) {
                continue;
            }
            if let Ok(topic) = TopicName::parse(&format!("{PREFIX}{name}")) {
                let mut publication = Publication::new(topic, value.as_bytes(), SessionId::BROKER);
                publication.retain = true;
                // The memory of who subscribes takes nothing that could fail.
                if let Err(error) = self.publish_own(&mut turn, &publication) {
                    tracing::debug!(%error, name, "a topic of the broker's own could not be published to");
                }
            }
            own.published.insert(name, value);
        }
        if let Err(error) = turn.finish() {
            tracing::debug!(%error, "topics of the broker's own could not be published to");
        }
    }
}

/// What was published last, and what it was made of.
struct Own {
    published: HashMap<String, String>,
    loads: Loads,
    before: Sums,
}

impl Own {
    fn pass(&mut self, now: Sums, time: Duration) {
        self.loads.pass(&self.before.flowing(), &now.flowing(), time);
        self.before = now;
    }
}
