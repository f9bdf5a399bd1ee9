//! Where a conversation takes place: one broker, and the driver processes as they are needed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::client::{Client, Library, Protocol, Transport};
use crate::driver::{Connection, Driver};
use crate::peer::DrivenPeer;

pub(crate) struct Stage {
    // Dropped before the broker, so that its log ends with the clients' farewell.
    drivers: RefCell<HashMap<Library, Arc<Driver>>>,
    entered: Cell<usize>,
    pub(crate) broker: Broker,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::of(Broker::start())
    }

    /// With this broker.
    pub(crate) fn of(broker: Broker) -> Self {
        Self { drivers: RefCell::default(), entered: Cell::new(0), broker }
    }

    /// Connects one more client.
    pub(crate) fn enter(&self, client: Client) -> DrivenPeer {
        self.enter_with(client, json!({}))
    }

    /// Connects one more client, with further options of its driver's `connect` command.
    pub(crate) fn enter_with(&self, client: Client, options: Value) -> DrivenPeer {
        self.enter_at(&self.url(client), client, options)
    }

    /// Connects one more client to this address, be it the broker's or a proxy's.
    pub(crate) fn enter_at(&self, url: &str, client: Client, options: Value) -> DrivenPeer {
        let (connection, options) = self.prepare(url, client, options);
        DrivenPeer::connect(client, connection, options)
    }

    /// The broker refuses a client; what that tells.
    pub(crate) fn refused(&self, client: Client, options: Value) -> Value {
        self.refused_at(&self.url(client), client, options)
    }

    /// The same at this address.
    pub(crate) fn refused_at(&self, url: &str, client: Client, options: Value) -> Value {
        let (mut connection, options) = self.prepare(url, client, options);
        connection.ask("connect", options, "error").expect("a client is told why")
    }

    fn prepare(&self, url: &str, client: Client, mut options: Value) -> (Connection, Value) {
        self.entered.set(self.entered.get() + 1);
        let name = format!("client-{}", self.entered.get());
        if client.protocol() == Protocol::Mqtt && options["client_id"].is_null() {
            options["client_id"] = name.as_str().into();
        }
        options["url"] = url.into();
        options["version"] = client.version.into();
        (self.driver(client.library).connection(&name), options)
    }

    fn driver(&self, library: Library) -> Arc<Driver> {
        Arc::clone(self.drivers.borrow_mut().entry(library).or_insert_with(|| Driver::start(library)))
    }

    pub(crate) fn url(&self, client: Client) -> String {
        match (client.transport, client.protocol()) {
            (Transport::WebSocket, _) => self.broker.websocket_url(),
            (Transport::Tcp, Protocol::Mqtt) => self.broker.mqtt_url(),
            (Transport::Tcp, Protocol::Stomp) => self.broker.stomp_url(),
        }
    }
}
