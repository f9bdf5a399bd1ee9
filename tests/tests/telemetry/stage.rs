//! A broker that exports to a collector, and what its clients say.

use std::sync::Arc;
use std::time::Duration;

use tidewire::config::{Config, Span};
use tidewire::telemetry::Telemetry;
use tidewire_protocols::mqtt::{Packet, Property};
use tidewire_tests::mqtt::{MqttPeer, PublishWords};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;
use tokio::task::JoinHandle;

use crate::collector::Collector;

/// A trace of somebody else's.
pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The span of a publisher in it.
pub(crate) const SPAN: &str = "00f067aa0ba902b7";

/// The publisher's context, recorded or not.
pub(crate) fn traceparent(is_sampled: bool) -> String {
    format!("00-{TRACE}-{SPAN}-{:02x}", u8::from(is_sampled))
}

/// The same message with these user properties.
pub(crate) fn with(words: PublishWords, pairs: &[(&str, &str)]) -> PublishWords {
    pairs.iter().fold(words, |words, (name, value)| words.with(Property::UserProperty(name, value)))
}

/// A broker with this share of publishes that become traces.
pub(crate) fn world(endpoint: &str, sample: f64, change: impl FnOnce(&mut Config)) -> World {
    World::with(Wire::Tcp, |config| {
        config.telemetry.otlp_endpoint = Some(endpoint.to_owned());
        config.telemetry.sample = sample;
        config.telemetry.interval = Span(Duration::from_millis(1));
        change(config);
    })
}

/// The same, and a collector that it exports to.
pub(crate) async fn stage(sample: f64, change: impl FnOnce(&mut Config)) -> (Collector, World) {
    let collector = Collector::start().await;
    let world = world(&collector.endpoint(), sample, change);
    exports(&world);
    (collector, world)
}

/// Has what is recorded exported.
pub(crate) fn exports(world: &World) -> JoinHandle<()> {
    let exporter = world.broker.config().telemetry.exporter();
    let exporter = exporter.expect("the settings are right").expect("there is a collector");
    tokio::spawn(exporter.run(telemetry(world)))
}

pub(crate) fn telemetry(world: &World) -> Arc<Telemetry> {
    Arc::clone(world.broker.telemetry.as_ref().expect("there is a collector"))
}

/// The next PUBLISH: its payload, and its user properties in their order.
pub(crate) async fn hears(client: &mut MqttPeer) -> (String, Vec<(String, String)>) {
    let look = |packet: &Packet<'_>| {
        let Packet::Publish(publish) = packet else { panic!("expected PUBLISH, heard {packet:?}") };
        let pair = |property| match property {
            Property::UserProperty(name, value) => Some((name.to_owned(), value.to_owned())),
            _ => None,
        };
        let payload = String::from_utf8_lossy(publish.payload).into_owned();
        (payload, publish.properties.iter().filter_map(pair).collect())
    };
    client.looks_at(look).await
}

/// The one `traceparent` that comes with the next message.
pub(crate) async fn hears_context(client: &mut MqttPeer) -> String {
    let (payload, properties) = hears(client).await;
    let mut found = properties.iter().filter(|(name, _)| name == "traceparent");
    match (found.next(), found.next()) {
        (Some((_, value)), None) => value.clone(),
        _ => panic!("{payload} comes with {properties:?}"),
    }
}
