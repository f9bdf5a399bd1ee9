//! Where a conversation takes place: a broker, and the ways to it.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use tidewire_client::{
    Client, Credentials, Messages, MqttOptions, Options, Protocol, Received, Reconnect, StompOptions, Url,
    connect,
};
use tokio::time::timeout;

use crate::broker::Broker;
use crate::others::OtherBroker;

/// A running broker. Dropping it ends it.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) ways: Vec<Way>,
    /// How many messages a sender may be ahead of what the broker has acknowledged.
    pub(crate) ahead_max: usize,
    /// Between the levels of a topic.
    separator: char,
    /// For any one level.
    any: char,
    _broker: Running,
}

enum Running {
    Tidewire(#[allow(dead_code, reason = "held for its end")] Broker),
    Other(#[allow(dead_code, reason = "held for its end")] OtherBroker),
}

/// One way to be connected.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) protocol: Protocol,
    pub(crate) url: Url,
}

impl Place {
    pub(crate) fn tidewire() -> Self {
        let broker = Broker::start();
        let (websocket, mqtt, stomp) = (broker.websocket_url(), broker.mqtt_url(), broker.stomp_url());
        let ways = [
            (Protocol::Mqtt5, websocket.as_str()),
            (Protocol::Mqtt311, &websocket),
            (Protocol::Mqtt5, &mqtt),
            (Protocol::Mqtt311, &mqtt),
            (Protocol::Stomp, &websocket),
            (Protocol::Stomp, &stomp),
        ];
        let ways = ways.map(Way::new).into();
        Self {
            name: "tidewire",
            ways,
            ahead_max: usize::MAX,
            separator: '/',
            any: '+',
            _broker: Running::Tidewire(broker),
        }
    }

    /// MQTT.
    pub(crate) fn mosquitto() -> Self {
        let broker = OtherBroker::mosquitto();
        let (websocket, mqtt) = (broker.websocket_url("/"), broker.tcp_url("mqtt"));
        let ways = [
            (Protocol::Mqtt5, websocket.as_str()),
            (Protocol::Mqtt311, &websocket),
            (Protocol::Mqtt5, &mqtt),
            (Protocol::Mqtt311, &mqtt),
        ];
        let ways = ways.map(Way::new).into();
        Self {
            name: "mosquitto",
            ways,
            ahead_max: usize::MAX,
            separator: '/',
            any: '+',
            _broker: Running::Other(broker),
        }
    }

    /// STOMP.
    pub(crate) fn rabbitmq() -> Self {
        let broker = OtherBroker::rabbitmq();
        let (websocket, stomp) = (broker.websocket_url("/ws"), broker.tcp_url("stomp"));
        let ways = [(Protocol::Stomp, websocket.as_str()), (Protocol::Stomp, &stomp)].map(Way::new).into();
        // Its plugin for WebSocket sometimes breaks down under hundreds, and the connection with it.
        Self {
            name: "RabbitMQ",
            ways,
            ahead_max: 20,
            separator: '.',
            any: '*',
            _broker: Running::Other(broker),
        }
    }

    /// A topic, or a filter with `+`, as this broker writes it.
    pub(crate) fn topic(&self, levels: &str) -> String {
        let own = |character| match character {
            '/' => self.separator,
            '+' => self.any,
            other => other,
        };
        levels.chars().map(own).collect()
    }

    /// The ways on which MQTT is spoken.
    pub(crate) fn mqtt_ways(&self) -> impl Iterator<Item = &Way> {
        self.ways.iter().filter(|way| way.protocol != Protocol::Stomp)
    }

    /// The ways on which STOMP is spoken.
    pub(crate) fn stomp_ways(&self) -> impl Iterator<Item = &Way> {
        self.ways.iter().filter(|way| way.protocol == Protocol::Stomp)
    }
}

impl Way {
    fn new((protocol, url): (Protocol, &str)) -> Self {
        Self { protocol, url: url.parse().expect("the broker has a URL") }
    }

    /// A client that does not come back.
    pub(crate) async fn enter(&self) -> Client {
        self.enter_with(self.options()).await
    }

    pub(crate) async fn enter_with(&self, options: Options) -> Client {
        within(connect(&self.url, options)).await.unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    /// What suits every broker here.
    pub(crate) fn options(&self) -> Options {
        let stomp = StompOptions { host: Some("/".to_owned()), ..StompOptions::default() };
        let options = Options::default().with_protocol(self.protocol).with_reconnect(Reconnect::never());
        match self.protocol {
            // RabbitMQ's users; Tidewire does not look at credentials that nothing could check.
            Protocol::Stomp => {
                options.with_stomp(stomp).with_credentials(Credentials::password("guest", "guest"))
            }
            _ => options,
        }
    }

    /// The same with a session that stays.
    pub(crate) fn lasting(&self, client_id: &str) -> Options {
        let mqtt = MqttOptions {
            clean_start: false,
            session_expiry: Duration::from_secs(300),
            ..MqttOptions::default()
        };
        self.options().with_client_id(client_id).with_mqtt(mqtt)
    }
}

#[track_caller]
pub(crate) fn next(messages: &mut Messages) -> impl Future<Output = Received> {
    let caller = Location::caller();
    async move {
        let message = timeout(DEADLINE, messages.next()).await;
        let message = message.unwrap_or_else(|_| panic!("{caller}: no message comes"));
        message.unwrap_or_else(|| panic!("{caller}: the stream ended: {:?}", messages.failure()))
    }
}

#[track_caller]
pub(crate) fn within<F: Future>(step: F) -> impl Future<Output = F::Output> {
    let caller = Location::caller();
    async move { timeout(DEADLINE, step).await.unwrap_or_else(|_| panic!("{caller}: it does not end in time")) }
}

/// How long any answer may take. Generous, for a machine that is busy with other things.
const DEADLINE: Duration = Duration::from_secs(30);
