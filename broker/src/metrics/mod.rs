//! What `/metrics` tells: the broker's counters, read when somebody asks, in the words of Prometheus.
//!
//! ```text
//!   counters, figures, the store's report, /proc ──▶ Page ──▶ prometheus-client ──▶ text of either format
//! ```
//!
//! Nothing here is on the way of a message. No label names a topic, a client or a queue, so that the page is as long with
//! 100,000 clients as with one. [docs/metrics.md](../../../docs/metrics.md) explains each metric.

mod clients;
mod format;
mod holdings;
mod messages;
mod page;
mod server;

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

pub use self::format::Format;
use self::page::Page;
use crate::broker::Broker;

/// A broker's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// Those of this broker.
    pub fn new(broker: Arc<Broker>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Reading { broker }));
        Self { registry }
    }

    /// All of them as they are now. It takes a lock of each queue in turn, and reads files of `/proc`: not for the threads
    /// that serve clients.
    ///
    /// # Errors
    ///
    /// None but for a fault of the encoder's.
    pub fn encode(&self, format: Format) -> Result<String, fmt::Error> {
        let mut text = String::new();
        match format {
            Format::OpenMetrics => text::encode(&mut text, &self.registry)?,
            Format::Text => prometheus_text::encode(&mut text, &self.registry)?,
        }
        Ok(text)
    }
}

/// Reads everything at each scrape.
struct Reading {
    broker: Arc<Broker>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reading").finish_non_exhaustive()
    }
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (broker, mut page) = (&self.broker, Page::new(encoder));
        clients::write(&mut page, broker)?;
        messages::write(&mut page, broker)?;
        holdings::write(&mut page, broker)?;
        server::write(&mut page, broker)
    }
}
