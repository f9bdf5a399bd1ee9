//! Enhanced authentication: AUTH, before CONNACK and, as re-authentication, after it. (MQTT 5, section 4.12)

use std::time::Instant;

use tidewire_protocols::mqtt::{
    Auth, Connect, Decoded, Packet, Properties, PropertiesBuf, Property, ReasonCode, Version, decode,
};

use super::connect::{Proved, Wishes};
use super::refuse::Refusal;
use super::{Context, Mqtt, State};
use crate::auth::{Exchange, Step};
use crate::turn::Turn;

/// A client whose CONNECT waits for the end of its authentication.
pub(super) struct Authentication {
    /// When it must be over.
    pub(super) deadline: Instant,
    /// The CONNECT as it came.
    pub(super) connect: Vec<u8>,
    method: Box<str>,
    exchange: Box<dyn Exchange>,
    /// The largest packet the client takes.
    packet_size_max: usize,
}

/// What CONNECT and AUTH say of authentication.
#[derive(Default)]
pub(super) struct AuthenticationProperties<'a> {
    pub(super) method: Option<&'a str>,
    pub(super) data: &'a [u8],
}

impl<'a> AuthenticationProperties<'a> {
    pub(super) fn of(properties: Properties<'a>) -> Self {
        let mut found = Self::default();
        for property in properties.iter() {
            match property {
                Property::AuthenticationMethod(method) => found.method = Some(method),
                Property::AuthenticationData(data) => found.data = data,
                _ => {}
            }
        }
        found
    }
}

impl Mqtt {
    /// CONNECT names a method: its first message is in it.
    pub(super) fn begin_authentication(
        &mut self,
        turn: &mut Turn<'_>,
        connect: &Connect<'_>,
        bytes: &[u8],
        method: &str,
        data: &[u8],
    ) -> Result<(), Refusal> {
        let Some(exchange) = self.broker.authority.begin_exchange(method) else {
            let detail = format!("the authentication method {method} is not offered here");
            return Err(Refusal::new(ReasonCode::BadAuthenticationMethod, detail));
        };
        let authentication = Authentication {
            deadline: self.link.opened_at() + self.broker.config.limits.connect_timeout.0,
            connect: bytes.to_vec(),
            method: method.into(),
            exchange,
            packet_size_max: Wishes::of(connect).packet_size_max,
        };
        self.state = State::Authenticating(Box::new(authentication));
        self.authenticate_further(turn, data)
    }

    /// Before CONNACK a client sends AUTH and DISCONNECT only. [MQTT-3.1.2-30]
    pub(super) fn handle_while_authenticating(
        &mut self,
        turn: &mut Turn<'_>,
        packet: &Packet<'_>,
    ) -> Result<(), Refusal> {
        let State::Authenticating(authentication) = &self.state else { return Ok(()) };
        match packet {
            Packet::Auth(auth) => {
                let AuthenticationProperties { method, data } = AuthenticationProperties::of(auth.properties);
                check_method(method, &authentication.method)?;
                if auth.reason != ReasonCode::ContinueAuthentication {
                    return Err(Refusal::protocol(
                        "AUTH before CONNACK continues the authentication, with 0x18 [MQTT-4.12.0-3]",
                    ));
                }
                self.authenticate_further(turn, data)
            }
            Packet::Disconnect(_) => {
                tracing::info!(link = %self.link, "disconnected while authenticating");
                self.state = State::Ended;
                Ok(())
            }
            _ => Err(Refusal::protocol(
                "only AUTH and DISCONNECT may come before the authentication is over [MQTT-3.1.2-30]",
            )),
        }
    }

    fn authenticate_further(&mut self, turn: &mut Turn<'_>, data: &[u8]) -> Result<(), Refusal> {
        let State::Authenticating(authentication) = &mut self.state else { return Ok(()) };
        match authentication.exchange.step(data) {
            Step::Continue(data) => {
                let properties = properties(&authentication.method, &data);
                let auth = auth(ReasonCode::ContinueAuthentication, &properties);
                check_size(&auth, authentication.packet_size_max)?;
                auth.encode(Version::V5, &mut self.replies.immediate().bytes);
                Ok(())
            }
            Step::Done { identity, data } => {
                let (connect, method) = (authentication.connect.clone(), authentication.method.clone());
                match decode(Version::V5, usize::MAX, &connect) {
                    Ok(Decoded::Packet { packet: Packet::Connect(connect), .. }) => {
                        self.admit(turn, &connect, Some(Proved { identity, method: &method, data: &data }))
                    }
                    // It was decoded once already.
                    _ => Err(Refusal::new(ReasonCode::UnspecifiedError, "the CONNECT cannot be read again")),
                }
            }
            Step::Refused(reason) => Err(Refusal::new(ReasonCode::BadUserNameOrPassword, reason)),
        }
    }
}

impl Context<'_, '_, '_> {
    /// AUTH after CONNACK: the client proves anew who it is. Other packets go on meanwhile, and nothing changes until
    /// the end. (MQTT 5, section 4.12.1)
    pub(super) fn handle_auth(self, auth: &Auth<'_>) -> Result<(), Refusal> {
        let Some(own_method) = self.client.method.as_deref() else {
            return Err(Refusal::protocol("AUTH came, but CONNECT named no authentication method"));
        };
        let AuthenticationProperties { method, data } = AuthenticationProperties::of(auth.properties);
        check_method(method, own_method)?;
        let mut exchange = match (auth.reason, self.client.exchange.take()) {
            (ReasonCode::ReAuthenticate, None) => {
                self.broker.authority.begin_exchange(own_method).ok_or_else(|| {
                    Refusal::new(
                        ReasonCode::NotAuthorized,
                        "the authentication method is not offered any more",
                    )
                })?
            }
            (ReasonCode::ReAuthenticate, Some(_)) => {
                return Err(Refusal::protocol("a re-authentication is under way already"));
            }
            (ReasonCode::ContinueAuthentication, Some(exchange)) => exchange,
            (ReasonCode::ContinueAuthentication, None) => {
                return Err(Refusal::protocol("no re-authentication is under way: begin one with 0x19"));
            }
            _ => return Err(Refusal::protocol("AUTH from a client says 0x18 or 0x19")),
        };
        let (reason, data) = match exchange.step(data) {
            Step::Continue(data) => {
                self.client.exchange = Some(exchange);
                (ReasonCode::ContinueAuthentication, data)
            }
            Step::Done { identity, data } if identity.user == self.client.identity.user => {
                self.client.identity = identity;
                (ReasonCode::Success, data)
            }
            Step::Done { .. } => {
                let detail = "a client may not become another user: connect anew";
                return Err(Refusal::new(ReasonCode::NotAuthorized, detail));
            }
            Step::Refused(detail) => return Err(Refusal::new(ReasonCode::NotAuthorized, detail)),
        };
        let properties = properties(own_method, &data);
        let answer = self::auth(reason, &properties);
        check_size(&answer, self.client.packet_size_max)?;
        answer.encode(Version::V5, &mut self.replies.immediate().bytes);
        Ok(())
    }
}

/// Every AUTH repeats the method of CONNECT. [MQTT-4.12.0-5, MQTT-4.12.1-1]
fn check_method(method: Option<&str>, expected: &str) -> Result<(), Refusal> {
    if method == Some(expected) {
        return Ok(());
    }
    Err(Refusal::protocol(format!("AUTH repeats the authentication method of CONNECT, which is {expected}")))
}

fn check_size(auth: &Packet<'_>, size_max: usize) -> Result<(), Refusal> {
    if auth.encoded_len(Version::V5) <= size_max {
        return Ok(());
    }
    Err(Refusal::new(ReasonCode::PacketTooLarge, "AUTH is larger than the client takes"))
}

fn properties(method: &str, data: &[u8]) -> PropertiesBuf {
    let mut properties = PropertiesBuf::default();
    properties.push(Property::AuthenticationMethod(method));
    if !data.is_empty() {
        properties.push(Property::AuthenticationData(data));
    }
    properties
}

fn auth(reason: ReasonCode, properties: &PropertiesBuf) -> Packet<'_> {
    Packet::Auth(Auth { reason, properties: properties.as_properties() })
}
