//! Which foreign clients there are.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One library, over one transport, in one version of its protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) library: Library,
    pub(crate) transport: Transport,
    pub(crate) version: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Library {
    MqttJs,
    Paho,
    Mosquitto,
    StompJs,
    StompPy,
    /// Our own, among the others.
    Tidewire,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    Tcp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Mqtt,
    Stomp,
}

impl Client {
    const fn new(name: &'static str, library: Library, transport: Transport, version: &'static str) -> Self {
        Self { name, library, transport, version }
    }

    pub(crate) fn protocol(self) -> Protocol {
        match (self.library, self.version) {
            (Library::Tidewire, "1.2") => Protocol::Stomp,
            (Library::Tidewire, _) => Protocol::Mqtt,
            (library, _) => library.protocol(),
        }
    }
}

impl Library {
    pub(crate) fn protocol(self) -> Protocol {
        match self {
            Self::MqttJs | Self::Paho | Self::Mosquitto => Protocol::Mqtt,
            Self::StompJs | Self::StompPy => Protocol::Stomp,
            Self::Tidewire => unreachable!("it is not driven"),
        }
    }

    /// The driver program of this library.
    pub(crate) fn driver(self) -> Command {
        let (interpreter, script) = match self {
            Self::MqttJs => (PathBuf::from("node"), "mqttjs.mjs"),
            Self::StompJs => (PathBuf::from("node"), "stompjs.mjs"),
            Self::Paho => (installed(".venv/bin/python"), "paho_driver.py"),
            Self::StompPy => (installed(".venv/bin/python"), "stomppy_driver.py"),
            Self::Mosquitto => unreachable!("mosquitto's programs are run as they are"),
            Self::Tidewire => unreachable!("it is part of the test's own process"),
        };
        if interpreter == Path::new("node") {
            installed("node_modules/.installed-from");
        }
        let mut command = Command::new(interpreter);
        command.arg(directory().join(script));
        command
    }
}

/// Everybody who takes part in the matrix.
pub(crate) const CLIENTS: [Client; 19] = [
    MQTTJS_311,
    MQTTJS_5,
    PAHO_TCP_311,
    PAHO_TCP_5,
    Client::new("paho ws 3.1.1", Library::Paho, Transport::WebSocket, "3.1.1"),
    PAHO_5,
    MOSQUITTO_311,
    MOSQUITTO_5,
    Client::new("stompjs ws 1.0", Library::StompJs, Transport::WebSocket, "1.0"),
    Client::new("stompjs ws 1.1", Library::StompJs, Transport::WebSocket, "1.1"),
    STOMPJS,
    Client::new("stomp.py tcp 1.0", Library::StompPy, Transport::Tcp, "1.0"),
    Client::new("stomp.py tcp 1.1", Library::StompPy, Transport::Tcp, "1.1"),
    STOMPPY_TCP,
    STOMPPY_WS,
    Client::new("tidewire-client ws 5", Library::Tidewire, Transport::WebSocket, "5"),
    Client::new("tidewire-client tcp 3.1.1", Library::Tidewire, Transport::Tcp, "3.1.1"),
    Client::new("tidewire-client ws 1.2", Library::Tidewire, Transport::WebSocket, "1.2"),
    Client::new("tidewire-client tcp 1.2", Library::Tidewire, Transport::Tcp, "1.2"),
];

pub(crate) const MQTTJS_311: Client =
    Client::new("MQTT.js ws 3.1.1", Library::MqttJs, Transport::WebSocket, "3.1.1");
pub(crate) const MQTTJS_5: Client = Client::new("MQTT.js ws 5", Library::MqttJs, Transport::WebSocket, "5");
pub(crate) const PAHO_31: Client = Client::new("paho tcp 3.1", Library::Paho, Transport::Tcp, "3.1");
pub(crate) const PAHO_TCP_311: Client = Client::new("paho tcp 3.1.1", Library::Paho, Transport::Tcp, "3.1.1");
pub(crate) const PAHO_TCP_5: Client = Client::new("paho tcp 5", Library::Paho, Transport::Tcp, "5");
pub(crate) const PAHO_5: Client = Client::new("paho ws 5", Library::Paho, Transport::WebSocket, "5");
pub(crate) const MOSQUITTO_311: Client =
    Client::new("mosquitto tcp 3.1.1", Library::Mosquitto, Transport::Tcp, "mqttv311");
pub(crate) const MOSQUITTO_5: Client =
    Client::new("mosquitto tcp 5", Library::Mosquitto, Transport::Tcp, "mqttv5");
pub(crate) const STOMPJS: Client =
    Client::new("stompjs ws 1.2", Library::StompJs, Transport::WebSocket, "1.2");
pub(crate) const STOMPPY_TCP: Client =
    Client::new("stomp.py tcp 1.2", Library::StompPy, Transport::Tcp, "1.2");
pub(crate) const STOMPPY_WS: Client =
    Client::new("stomp.py ws 1.2", Library::StompPy, Transport::WebSocket, "1.2");

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign")
}

fn installed(file: &str) -> PathBuf {
    let path = directory().join(file);
    assert!(
        path.exists(),
        "the foreign clients are not installed ({file} is missing): run `tests/foreign/install`"
    );
    path
}
