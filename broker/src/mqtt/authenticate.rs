//! Who comes: a CONNECT whose credentials are being looked at, and enhanced authentication by AUTH, before CONNACK and, as
//! re-authentication, after it. (MQTT 5, section 4.12)

use std::time::Instant;

use tidewire_protocols::mqtt::{
    Auth, Connect, Decoded, Packet, Properties, PropertiesBuf, Property, ReasonCode, Version,
    connect_version, decode,
};

use super::connect::{Admitted, Wishes};
use super::refuse::Refusal;
use super::renew::By;
use super::{Context, Mqtt, State};
use crate::auth::{Arrival, Credentials, Denial, Exchange, Step, Vouched};
use crate::broker::{Answer, Asked, counts_as};
use crate::turn::Turn;

/// A client whose CONNECT waits for the end of its authentication.
pub(super) struct Authentication {
    /// When it must be over.
    pub(super) deadline: Instant,
    /// The CONNECT as it came.
    pub(super) connect: Vec<u8>,
    pub(super) arrival: Arrival,
    /// The largest packet the client takes.
    packet_size_max: usize,
    /// The method that CONNECT names, and what it has come to.
    enhanced: Option<Enhanced>,
    /// Somebody is being asked; no packet is handled meanwhile.
    pub(super) answer: Option<Answer>,
}

/// An authentication method, and an exchange by it that is under way.
pub(super) struct Enhanced {
    pub(super) method: Box<str>,
    pub(super) exchange: Option<Box<dyn Exchange>>,
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
    /// Looks at who comes: by the method that CONNECT names, or by its credentials.
    pub(super) fn authenticate(
        &mut self,
        turn: &mut Turn<'_>,
        connect: &Connect<'_>,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let AuthenticationProperties { method, data } = AuthenticationProperties::of(connect.properties);
        let arrival = self.take_arrival();
        let mut authentication = Authentication {
            deadline: self.link.opened_at() + self.config.limits.connect_timeout.0,
            connect: Vec::new(),
            arrival,
            packet_size_max: Wishes::of(connect).packet_size_max,
            enhanced: None,
            answer: None,
        };
        let Some(method) = method else {
            let credentials = Credentials {
                arrival: authentication.arrival.clone(),
                user_name: connect.user_name.map(Into::into),
                password: connect.password.map(Into::into),
                client_id: connect.client_id.into(),
                now_secs: turn.now.unix_secs(),
            };
            return match self.broker.ask(self.broker.authority.authenticate(credentials), &self.link) {
                Asked::Answered(answer) => {
                    let (vouched, arrival) = (answer?, authentication.arrival);
                    self.admit(turn, connect, Admitted { vouched, arrival, enhanced: None, data: &[] })
                }
                Asked::Waiting(answer) => {
                    authentication.answer = Some(answer);
                    authentication.connect = bytes.to_vec();
                    self.state = State::Authenticating(Box::new(authentication));
                    Ok(())
                }
            };
        };
        let Some(exchange) = self.broker.authority.begin_exchange(method) else {
            let detail = format!("the authentication method {method} is not offered here");
            return Err(Refusal::new(ReasonCode::BadAuthenticationMethod, detail));
        };
        authentication.enhanced = Some(Enhanced { method: method.into(), exchange: Some(exchange) });
        authentication.connect = bytes.to_vec();
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
        match (packet, &authentication.enhanced) {
            (Packet::Auth(auth), Some(enhanced)) => {
                self.broker.check_ban(&self.link, turn.now.instant)?;
                let AuthenticationProperties { method, data } = AuthenticationProperties::of(auth.properties);
                check_method(method, &enhanced.method)?;
                if auth.reason != ReasonCode::ContinueAuthentication {
                    return Err(Refusal::protocol(
                        "AUTH before CONNACK continues the authentication, with 0x18 [MQTT-4.12.0-3]",
                    ));
                }
                self.authenticate_further(turn, data)
            }
            (Packet::Disconnect(_), _) => {
                tracing::debug!(link = %self.link, "the client went while it authenticated");
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
        let Some(Enhanced { method, exchange: Some(exchange) }) = &mut authentication.enhanced else {
            return Ok(());
        };
        match exchange.step(data, turn.now.unix_secs()) {
            Step::Continue(data) => {
                let properties = properties(method, &data);
                let auth = auth(ReasonCode::ContinueAuthentication, &properties);
                check_size(&auth, authentication.packet_size_max)?;
                auth.encode(Version::V5, &mut self.replies.immediate().bytes);
                Ok(())
            }
            Step::Done { vouched, data } => self.conclude(turn, vouched, &data),
            Step::Ask(check) => match self.broker.ask(check, &self.link) {
                Asked::Answered(answer) => self.conclude(turn, answer?, &[]),
                Asked::Waiting(answer) => {
                    authentication.answer = Some(answer);
                    Ok(())
                }
            },
            Step::Refused(reason) => Err(Refusal::new(ReasonCode::BadUserNameOrPassword, reason)),
        }
    }

    /// Looks whether the answer has come that a client waits for which is not connected yet.
    pub(super) fn hear_answer(&mut self, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let State::Authenticating(authentication) = &mut self.state else { return Ok(()) };
        let Some(answer) = authentication.answer.as_mut().and_then(Answer::take) else { return Ok(()) };
        authentication.answer = None;
        self.broker.check_ban(&self.link, turn.now.instant)?;
        self.conclude(turn, answer?, &[])
    }

    /// The authentication is over: goes on with the CONNECT that it was for.
    fn conclude(&mut self, turn: &mut Turn<'_>, vouched: Vouched, data: &[u8]) -> Result<(), Refusal> {
        let State::Authenticating(authentication) = &mut self.state else { return Ok(()) };
        let connect = std::mem::take(&mut authentication.connect);
        let (arrival, enhanced) = (authentication.arrival.clone(), authentication.enhanced.take());
        let version = connect_version(&connect).unwrap_or(Version::V5);
        let result = match decode(version, usize::MAX, &connect) {
            Ok(Decoded::Packet { packet: Packet::Connect(connect), .. }) => {
                let method = enhanced.map(|enhanced| enhanced.method);
                self.admit(turn, &connect, Admitted { vouched, arrival, enhanced: method, data })
            }
            // It was decoded once already.
            _ => Err(Refusal::new(ReasonCode::UnspecifiedError, "the CONNECT cannot be read again")),
        };
        // Where it is refused, the answer depends on what it said.
        if let State::Authenticating(authentication) = &mut self.state {
            authentication.connect = connect;
        }
        result
    }

    fn take_arrival(&mut self) -> Arrival {
        match &mut self.state {
            State::Greeting { arrival, .. } => std::mem::take(arrival),
            _ => Arrival::default(),
        }
    }
}

/// What a client is told that is not let in.
impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        let reason = match denial {
            Denial::Wrong(_) => ReasonCode::BadUserNameOrPassword,
            Denial::Missing | Denial::Forbidden(_) => ReasonCode::NotAuthorized,
            Denial::Banned => ReasonCode::Banned,
            Denial::TooMany => ReasonCode::QuotaExceeded,
            Denial::Busy => ReasonCode::ServerBusy,
            Denial::Unavailable => ReasonCode::ServerUnavailable,
        };
        Self::new(reason, denial.text().to_owned()).because(counts_as(&denial))
    }
}

impl Context<'_, '_, '_> {
    /// AUTH after CONNACK: the client proves anew who it is. Other packets go on meanwhile, and nothing changes until
    /// the end. (MQTT 5, section 4.12.1)
    pub(super) fn handle_auth(mut self, auth: &Auth<'_>) -> Result<(), Refusal> {
        let Some(enhanced) = self.client.enhanced.as_deref_mut() else {
            return Err(Refusal::protocol("AUTH came, but CONNECT named no authentication method"));
        };
        let AuthenticationProperties { method, data } = AuthenticationProperties::of(auth.properties);
        check_method(method, &enhanced.method)?;
        let mut exchange = match (auth.reason, enhanced.exchange.take()) {
            (ReasonCode::ReAuthenticate, None) => {
                if self.client.standing.begin_renewal(self.turn.now.instant).is_err() {
                    let detail = "a client may re-authenticate once a second, and three times at once";
                    return Err(Refusal::new(ReasonCode::QuotaExceeded, detail));
                }
                self.broker.authority.begin_exchange(&enhanced.method).ok_or_else(|| {
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
        match exchange.step(data, self.turn.now.unix_secs()) {
            Step::Continue(data) => {
                enhanced.exchange = Some(exchange);
                self.answer_auth(ReasonCode::ContinueAuthentication, &data)
            }
            Step::Done { vouched, data } => self.conclude_renewal(Ok(vouched), By::Auth(data)),
            Step::Ask(check) => self.renew(check, By::Auth(Vec::new())),
            Step::Refused(detail) => {
                self.broker.note_failed_login(self.link, self.turn.now.instant);
                Err(Refusal::new(ReasonCode::NotAuthorized, detail))
            }
        }
    }

    /// AUTH to a client that is connected.
    pub(super) fn answer_auth(&mut self, reason: ReasonCode, data: &[u8]) -> Result<(), Refusal> {
        let Some(enhanced) = self.client.enhanced.as_deref() else { return Ok(()) };
        let properties = properties(&enhanced.method, data);
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
