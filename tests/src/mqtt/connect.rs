//! Words for the beginning and the end: CONNECT, AUTH, CONNACK, DISCONNECT, pings, and bytes as they are.

use tidewire_protocols::mqtt::{
    Auth, ConnAck, Connect, Disconnect, Packet, Properties, PropertiesBuf, Property, ReasonCode, Version,
    Will,
};

use super::{PublishWords, Say, encode, properties_of};

/// CONNECT.
pub fn connect(client_id: &str) -> ConnectWords {
    ConnectWords {
        version: Version::V5,
        client_id: client_id.to_owned(),
        clean_start: true,
        keep_alive: 0,
        properties: PropertiesBuf::default(),
        will: None,
        user_name: None,
        password: None,
    }
}

/// See [`connect`].
pub struct ConnectWords {
    version: Version,
    client_id: String,
    clean_start: bool,
    keep_alive: u16,
    properties: PropertiesBuf,
    will: Option<(PublishWords, PropertiesBuf)>,
    user_name: Option<String>,
    password: Option<Vec<u8>>,
}

impl ConnectWords {
    /// With a user name, and no password.
    pub fn user_name(mut self, user_name: &str) -> Self {
        self.user_name = Some(user_name.to_owned());
        self
    }

    /// With a password.
    pub fn password(mut self, password: impl AsRef<[u8]>) -> Self {
        self.password = Some(password.as_ref().to_vec());
        self
    }

    /// In 3.1.1.
    pub fn v311(mut self) -> Self {
        self.version = Version::V311;
        self
    }

    /// In another version.
    pub fn in_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Without a clean start.
    pub fn resume(mut self) -> Self {
        self.clean_start = false;
        self
    }

    /// With a keep alive in seconds.
    pub fn keep_alive(mut self, secs: u16) -> Self {
        self.keep_alive = secs;
        self
    }

    /// With a session expiry interval in seconds.
    pub fn expiry(self, secs: u32) -> Self {
        self.with(Property::SessionExpiryInterval(secs))
    }

    /// With a property.
    pub fn with(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }

    /// With a will.
    pub fn will(self, will: PublishWords) -> Self {
        self.will_with(will, &[])
    }

    /// With a will that has properties.
    pub fn will_with(mut self, will: PublishWords, properties: &[Property<'_>]) -> Self {
        let mut buffer = PropertiesBuf::default();
        for property in properties {
            buffer.push(*property);
        }
        self.will = Some((will, buffer));
        self
    }
}

impl Say for ConnectWords {
    fn bytes(&self, _version: Version) -> Vec<u8> {
        let will = self.will.as_ref().map(|(will, properties)| Will {
            qos: will.qos,
            retain: will.retain,
            properties: properties_of(self.version, properties),
            topic: &will.topic,
            payload: &will.payload,
        });
        let connect = Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            properties: properties_of(self.version, &self.properties),
            client_id: &self.client_id,
            will,
            user_name: self.user_name.as_deref(),
            password: self.password.as_deref(),
        };
        encode(self.version, Packet::Connect(connect))
    }

    fn version(&self) -> Option<Version> {
        Some(self.version)
    }
}

/// DISCONNECT.
pub fn disconnect() -> DisconnectWords {
    DisconnectWords { reason: ReasonCode::Success, properties: PropertiesBuf::default() }
}

/// See [`disconnect`].
pub struct DisconnectWords {
    reason: ReasonCode,
    properties: PropertiesBuf,
}

impl DisconnectWords {
    /// With a reason.
    pub fn because(mut self, reason: ReasonCode) -> Self {
        self.reason = reason;
        self
    }

    /// With a property.
    pub fn with(mut self, property: Property<'_>) -> Self {
        self.properties.push(property);
        self
    }
}

impl Say for DisconnectWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let disconnect =
            Disconnect { reason: self.reason, properties: properties_of(version, &self.properties) };
        encode(version, Packet::Disconnect(disconnect))
    }
}

/// AUTH of the method, with data.
pub fn auth(reason: ReasonCode, method: &str, data: &[u8]) -> AuthWords {
    let mut properties = PropertiesBuf::default();
    properties.push(Property::AuthenticationMethod(method));
    if !data.is_empty() {
        properties.push(Property::AuthenticationData(data));
    }
    AuthWords { reason, properties }
}

/// See [`auth`].
pub struct AuthWords {
    reason: ReasonCode,
    properties: PropertiesBuf,
}

impl Say for AuthWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let properties = self.properties.as_properties();
        encode(version, Packet::Auth(Auth { reason: self.reason, properties }))
    }
}

/// CONNACK without properties: a refusal to a 3.1.1 client, or an acceptance by one.
pub fn conn_ack(session_present: bool, reason: ReasonCode) -> ConnAckWords {
    ConnAckWords { session_present, reason }
}

/// See [`conn_ack`].
pub struct ConnAckWords {
    session_present: bool,
    reason: ReasonCode,
}

impl Say for ConnAckWords {
    fn bytes(&self, version: Version) -> Vec<u8> {
        let conn_ack = ConnAck {
            session_present: self.session_present,
            reason: self.reason,
            properties: Properties::EMPTY,
        };
        encode(version, Packet::ConnAck(conn_ack))
    }
}

/// PINGREQ.
pub struct PingReq;

impl Say for PingReq {
    fn bytes(&self, version: Version) -> Vec<u8> {
        encode(version, Packet::PingReq)
    }
}

/// PINGRESP.
pub struct PingResp;

impl Say for PingResp {
    fn bytes(&self, version: Version) -> Vec<u8> {
        encode(version, Packet::PingResp)
    }
}

/// Bytes as they are, right or wrong.
pub struct Raw<'b>(pub &'b [u8]);

impl Say for Raw<'_> {
    fn bytes(&self, _version: Version) -> Vec<u8> {
        self.0.to_vec()
    }
}
