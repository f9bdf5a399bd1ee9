//! A foreign client that is connected: publishes, subscribes and receives, in whichever protocol it speaks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::client::{Client, Protocol};
use crate::driver::Connection;

/// What takes part in the matrix.
pub(crate) trait Peer {
    fn publish(&mut self, publication: &Publication) -> Result<(), String>;
    fn receive(&mut self) -> Result<Message, String>;
}

/// A message to be published, in the words of both protocols: MQTT 5 takes the properties, STOMP the headers.
#[derive(Clone, Default)]
pub(crate) struct Publication {
    pub(crate) topic: String,
    pub(crate) payload: Payload,
    pub(crate) qos: Option<u8>,
    pub(crate) retain: bool,
    pub(crate) properties: Value,
    pub(crate) headers: Value,
}

impl Publication {
    pub(crate) fn new(topic: impl Into<String>, payload: impl AsRef<[u8]>) -> Self {
        Self { topic: topic.into(), payload: Payload::new(payload), ..Self::default() }
    }

    pub(crate) fn qos(self, qos: u8) -> Self {
        Self { qos: Some(qos), ..self }
    }

    pub(crate) fn retained(self) -> Self {
        Self { retain: true, ..self }
    }

    pub(crate) fn properties(self, properties: Value) -> Self {
        Self { properties, ..self }
    }

    pub(crate) fn headers(self, headers: Value) -> Self {
        Self { headers, ..self }
    }
}

/// Bytes, and the base64 in which drivers send and receive them; messages are compared in it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
    base64: String,
}

impl Payload {
    pub(crate) fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self { bytes: bytes.as_ref().to_vec(), base64: base64(bytes) }
    }
}

/// A message as it arrived.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    base64: String,
    /// None where the protocol did not say.
    pub(crate) qos: Option<u8>,
    pub(crate) retain: bool,
    event: Value,
}

impl Message {
    pub(crate) fn new(topic: &str, payload: &[u8], qos: u8, retain: bool) -> Self {
        let topic = topic.to_owned();
        Self { topic, base64: base64(payload), qos: Some(qos), retain, event: Value::Null }
    }

    fn from_mqtt(event: Value) -> Self {
        Self {
            topic: text(&event["topic"]),
            base64: text(&event["payload"]),
            qos: event["qos"].as_u64().and_then(|qos| u8::try_from(qos).ok()),
            retain: event["retain"] == true,
            event,
        }
    }

    fn from_stomp(event: Value) -> Self {
        let destination = text(&event["topic"]);
        Self {
            topic: topic_of(&destination),
            base64: text(&event["payload"]),
            qos: event["headers"]["qos"].as_str().and_then(|qos| qos.parse().ok()),
            retain: event["headers"]["retain"] == "true",
            event,
        }
    }

    pub(crate) fn carries(&self, payload: &Payload) -> bool {
        self.base64 == payload.base64
    }

    /// The payload, which is text.
    pub(crate) fn text(&self) -> String {
        let bytes = STANDARD.decode(&self.base64).expect("a driver writes base64");
        String::from_utf8(bytes).expect("the payload is text")
    }

    /// MQTT 5: the properties of the message itself, without the subscription identifiers.
    pub(crate) fn properties(&self) -> Value {
        let mut properties = self.event["properties"].clone();
        if let Some(properties) = properties.as_object_mut() {
            properties.remove("subscription_ids");
        }
        properties
    }

    /// MQTT 5.
    pub(crate) fn subscription_ids(&self) -> &Value {
        &self.event["properties"]["subscription_ids"]
    }

    /// STOMP: a header as the library understands it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.event["headers"][name].as_str()
    }

    /// STOMP: all headers as the library understands them.
    pub(crate) fn headers(&self) -> Map<String, Value> {
        self.event["headers"].as_object().cloned().unwrap_or_default()
    }

    /// STOMP: every value of a header that may be repeated, in the order of its lines, as they are on the wire.
    pub(crate) fn header_values(&self, name: &str) -> Vec<&str> {
        let lines = self.event["header_lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
        lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(':')).collect()
    }

    /// STOMP over WebSocket: whether the WebSocket frame was a text frame.
    pub(crate) fn is_text(&self) -> Option<bool> {
        self.event["text"].as_bool()
    }
}

/// A client of one of the driven libraries.
pub(crate) struct DrivenPeer {
    client: Client,
    connection: Connection,
    subscriptions: usize,
}

impl DrivenPeer {
    /// Connects. `options` are those of the driver's `connect` command.
    pub(crate) fn connect(client: Client, mut connection: Connection, options: Value) -> Self {
        connection.ask("connect", options, "connected").expect("a client connects");
        Self { client, connection, subscriptions: 0 }
    }

    pub(crate) fn client(&self) -> Client {
        self.client
    }

    /// Subscribes at QoS 2, and returns once the broker has confirmed it.
    pub(crate) fn subscribe(&mut self, filter: &str) {
        self.subscribe_with(filter, json!({}));
    }

    /// Subscribes with further options of the driver's `subscribe` command.
    pub(crate) fn subscribe_with(&mut self, filter: &str, mut options: Value) {
        self.subscriptions += 1;
        match self.client.protocol() {
            Protocol::Mqtt => {
                options["topic"] = filter.into();
                if options["qos"].is_null() {
                    options["qos"] = 2.into();
                }
            }
            Protocol::Stomp => {
                options["topic"] = destination_of(filter).into();
                options["id"] = format!("subscription-{}", self.subscriptions).into();
            }
        }
        self.connection.ask("subscribe", options, "subscribed").expect("a client subscribes");
    }

    /// The next message, which has to come.
    pub(crate) fn message(&mut self) -> Message {
        self.receive().expect("a message comes")
    }

    /// Over WebSocket, of the Node drivers: the extensions that were agreed on, and the bytes that came and went.
    pub(crate) fn traffic(&mut self) -> Value {
        self.connection.ask("traffic", json!({}), "traffic").expect("a connection has traffic")
    }

    /// The broker ends the connection: all that the client tells of that, messages apart.
    pub(crate) fn ending(&mut self) -> Vec<Value> {
        self.connection.ending().expect("the connection ends")
    }

    pub(crate) fn disconnect(mut self) {
        self.connection.ask("disconnect", json!({}), "closed").expect("a client disconnects");
    }

    fn command(&self, publication: &Publication) -> Value {
        let Publication { topic, payload, qos, retain, properties, headers } = publication;
        match self.client.protocol() {
            Protocol::Mqtt => {
                let mut command = json!({"topic": topic, "payload": payload.base64, "qos": qos.unwrap_or(1), "retain": retain});
                if self.client.version == "5" && !properties.is_null() {
                    command["properties"] = properties.clone();
                }
                command
            }
            Protocol::Stomp => {
                let mut headers = headers.as_object().cloned().unwrap_or_default();
                let is_text = headers.remove("text").is_some();
                if let Some(qos) = qos {
                    headers.insert("qos".into(), qos.to_string().into());
                }
                if *retain {
                    headers.insert("retain".into(), "true".into());
                }
                let mut command =
                    json!({"topic": destination_of(topic), "payload": payload.base64, "headers": headers});
                if is_text {
                    command["text"] = true.into();
                }
                command
            }
        }
    }
}

impl Peer for DrivenPeer {
    fn publish(&mut self, publication: &Publication) -> Result<(), String> {
        let command = self.command(publication);
        self.connection.ask("publish", command, "published").map(drop)
    }

    fn receive(&mut self) -> Result<Message, String> {
        let event = self.connection.message()?;
        Ok(match self.client.protocol() {
            Protocol::Mqtt => Message::from_mqtt(event),
            Protocol::Stomp => Message::from_stomp(event),
        })
    }
}

/// STOMP's name for a topic: what is between a client and the broker stands apart.
fn destination_of(topic: &str) -> String {
    topic.strip_prefix("$auth/").map_or_else(|| format!("/topic/{topic}"), |name| format!("/auth/{name}"))
}

/// MQTT's name for a destination.
fn topic_of(destination: &str) -> String {
    match (destination.strip_prefix("/topic/"), destination.strip_prefix("/auth/")) {
        (Some(topic), _) => topic.to_owned(),
        (None, Some(name)) => format!("$auth/{name}"),
        (None, None) => destination.to_owned(),
    }
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
