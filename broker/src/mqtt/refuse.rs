//! Saying no: what a client is told before its connection ends. (semantics: "What bad input gets")

use std::borrow::Cow;
use std::fmt::Display;

use tidewire_protocols::mqtt::{
    ConnAck, Decoded, Disconnect, Error, ErrorKind, Packet, Properties, PropertiesBuf, Property, ReasonCode,
    ReturnCode, Version, connect_version, decode,
};

use super::connect::{Wishes, spoken};
use super::{Context, Mqtt, State};
use crate::auth::Denial;
use crate::broker::{Barred, Departure, Ending, Refused, TimeIsOver, Who};
use crate::config::{MqttConfig, Redirect};
use crate::connection::{Close, CloseCode};
use crate::counters::RefusalReason;
use crate::turn::Turn;

/// Why a connection ends, and how that is said.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) reason: ReasonCode,
    pub(super) detail: Cow<'static, str>,
    code: CloseCode,
    /// What it counts as.
    pub(super) kind: RefusalReason,
    /// Where the client may go instead.
    server_reference: Option<Box<str>>,
}

impl Refusal {
    /// A refusal in MQTT's own words, after which the stream is closed in the ordinary way.
    pub(super) fn new(reason: ReasonCode, detail: impl Into<Cow<'static, str>>) -> Self {
        let (code, kind) = (CloseCode::Normal, refusal_reason(reason));
        Self { reason, detail: detail.into(), code, kind, server_reference: None }
    }

    /// Counts as this; without a word, as its reason code says.
    pub(super) fn because(self, kind: RefusalReason) -> Self {
        Self { kind, ..self }
    }

    /// A packet that is well-formed and illegal here.
    pub(super) fn protocol(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ReasonCode::ProtocolError, detail)
    }

    /// Bytes that are no packet, or one that its own rules forbid.
    pub(super) fn undecodable(error: &Error) -> Self {
        let code = match error.kind() {
            ErrorKind::TooLarge => CloseCode::TooLarge,
            ErrorKind::Malformed => CloseCode::Protocol,
            _ => CloseCode::Normal,
        };
        Self { code, ..Self::new(error.reason_code(), error.to_string()) }
    }

    pub(super) fn taken_over() -> Self {
        Self::new(ReasonCode::SessionTakenOver, "another connection uses this client identifier")
    }

    /// The server stops, for good or to be restarted; where another one is configured, clients are told. (MQTT 5, section
    /// 4.11)
    pub(super) fn shutting_down(config: &MqttConfig, restart: bool) -> Self {
        let code = CloseCode::of_stop(restart);
        let server_reference = config.server_reference.as_deref().map(Box::from);
        let reason = match (&server_reference, config.redirect) {
            (None, _) => ReasonCode::ServerShuttingDown,
            (Some(_), Redirect::ServerMoved) => ReasonCode::ServerMoved,
            (Some(_), Redirect::None | Redirect::UseAnotherServer) => ReasonCode::UseAnotherServer,
        };
        let kind = RefusalReason::ShuttingDown;
        let detail = if restart { "the server is being restarted" } else { "the server is shutting down" };
        Self { code, kind, server_reference, ..Self::new(reason, detail) }
    }

    /// Clients that connect are sent elsewhere, if it is so configured. (MQTT 5, section 4.11)
    pub(super) fn redirect(config: &MqttConfig) -> Option<Self> {
        let reason = match config.redirect {
            Redirect::None => return None,
            Redirect::UseAnotherServer => ReasonCode::UseAnotherServer,
            Redirect::ServerMoved => ReasonCode::ServerMoved,
        };
        let server_reference = config.server_reference.as_deref().map(Box::from);
        Some(Self { server_reference, ..Self::new(reason, "this server sends its clients to another one") })
    }

    /// The properties that say so, with the reason in words where it is wanted.
    fn properties(&self, wants_reasons: bool) -> PropertiesBuf {
        let mut properties = PropertiesBuf::default();
        if let Some(server_reference) = &self.server_reference {
            properties.push(Property::ServerReference(server_reference));
        }
        if wants_reasons {
            properties.push(Property::ReasonString(&self.detail));
        }
        properties
    }

    pub(super) fn overflowed() -> Self {
        let detail = "more messages wait for this client than may; read faster";
        Self::new(ReasonCode::QuotaExceeded, detail).because(RefusalReason::SlowConsumer)
    }

    pub(super) fn kicked() -> Self {
        let detail = "whoever runs this server has ended the connection";
        let refusal = Self::new(ReasonCode::AdministrativeAction, detail).because(RefusalReason::Kicked);
        Self { code: CloseCode::Policy, ..refusal }
    }

    pub(super) fn keep_alive() -> Self {
        Self::new(ReasonCode::KeepAliveTimeout, "nothing was heard for one and a half times the keep alive")
    }

    /// What was wrong below MQTT.
    pub(super) fn breach(close: Close, kind: RefusalReason) -> Self {
        let reason = match kind {
            RefusalReason::TooLarge => ReasonCode::PacketTooLarge,
            RefusalReason::KeepAlive => ReasonCode::KeepAliveTimeout,
            _ => ReasonCode::MalformedPacket,
        };
        Self { code: close.code, kind, ..Self::new(reason, close.reason) }
    }
}

impl From<Barred> for Refusal {
    fn from(barred: Barred) -> Self {
        match barred {
            Barred::ByOperator => Denial::Banned.into(),
            Barred::Banned { secs } => {
                let detail = format!("too many logins from this address failed; try again in {secs} s");
                Self::new(ReasonCode::Banned, detail).because(RefusalReason::TooMany)
            }
            Barred::MemoryFull => {
                let detail = "the server's memory is full; try again later";
                Self::new(ReasonCode::QuotaExceeded, detail).because(RefusalReason::Memory)
            }
        }
    }
}

impl From<TimeIsOver> for Refusal {
    fn from(_: TimeIsOver) -> Self {
        let detail = "the token has expired: connect with a new one, or renew it in time";
        Self::new(ReasonCode::NotAuthorized, detail)
    }
}

impl Context<'_, '_, '_> {
    /// Notes that one packet of a client that stays connected, or a part of one, was refused.
    pub(super) fn note_refusal(&self, reason: ReasonCode, what: &str, topic: &str) {
        let detail = &format_args!("{what} {topic}: {}", reason.name());
        let (reason, who) = (refusal_reason(reason), self.client.who());
        self.broker.note_refusal(self.link, &Refused { reason, who, detail });
    }
}

impl Mqtt {
    /// Ends the connection: says why, as far as the version has words for it, and lets go of the session. `input` is
    /// what was refused; a CONNECT tells the version to answer in.
    pub(super) fn refuse(&mut self, turn: &mut Turn<'_>, input: &[u8], refusal: &Refusal) -> Close {
        match &self.state {
            State::Connected(client) => {
                if client.version.is_v5() {
                    let properties = refusal.properties(client.wants_reasons);
                    let mut packet = disconnect(refusal.reason, properties.as_properties());
                    if packet.encoded_len(Version::V5) > client.packet_size_max {
                        packet = disconnect(refusal.reason, Properties::EMPTY);
                    }
                    // Behind the acknowledgements that wait for the disk: nothing follows DISCONNECT. [MQTT-3.14.4-1]
                    packet.encode(Version::V5, &mut self.replies.promised().bytes);
                }
            }
            State::Greeting { .. } => {
                self.answer_connect(input, refusal);
            }
            State::Authenticating(authentication) => {
                let connect = authentication.connect.clone();
                self.answer_connect(&connect, refusal);
            }
            State::Ended => {}
        }
        if refusal.reason == ReasonCode::BadUserNameOrPassword {
            self.broker.note_failed_login(&self.link, turn.now.instant);
        }
        self.depart(turn, Departure::WithWill, Ending::Broker(refusal.kind, &refusal.detail));
        self.state = State::Ended;
        Close::new(refusal.code, refusal.detail.clone())
    }

    /// Notes that this connection was refused.
    pub(super) fn note_refusal(&self, reason: RefusalReason, who: Who<'_>, detail: &dyn Display) {
        self.broker.note_refusal(&self.link, &Refused { reason, who, detail });
    }

    /// CONNACK with the reason. What is no CONNECT at all gets none, since its sender may not even speak MQTT.
    fn answer_connect(&mut self, input: &[u8], refusal: &Refusal) {
        const CONNECT: u8 = 0x10;
        let connect = match decode(Version::V5, usize::MAX, input) {
            Ok(Decoded::Packet { packet: Packet::Connect(connect), .. }) => Some(connect),
            _ => None,
        };
        let who = connect.as_ref().map_or(Who::claims(None, None, "mqtt"), |connect| {
            Who::claims(Some(connect.client_id), connect.user_name, spoken(connect.version).name())
        });
        self.note_refusal(refusal.kind, who, &refusal.detail);
        if input.first().is_none_or(|first| first & 0xF0 != CONNECT) {
            return;
        }
        let unsupported = refusal.reason == ReasonCode::UnsupportedProtocolVersion;
        let version = match connect_version(input) {
            Some(version) => version,
            // A version that is not known: later ones will understand 5.0's answer, earlier ones 3.1.1's.
            None if unsupported && level(input).is_some_and(|level| level > 5) => Version::V5,
            None => Version::V311,
        };
        if !version.is_v5() && ReturnCode::for_reason(refusal.reason).is_none() {
            return;
        }
        // What it says of the answer, as far as it can be read. [MQTT-3.1.2-24] (section 3.1.2.11.7)
        let (size_max, wants_reasons) = connect.map_or((usize::MAX, true), |connect| {
            let wishes = Wishes::of(&connect);
            (wishes.packet_size_max, wishes.wants_reasons)
        });
        let properties = refusal.properties(wants_reasons);
        let conn_ack = |properties| ConnAck { session_present: false, reason: refusal.reason, properties };
        let mut packet = Packet::ConnAck(conn_ack(properties.as_properties()));
        if packet.encoded_len(version) > size_max {
            packet = Packet::ConnAck(conn_ack(Properties::EMPTY));
        }
        if packet.encoded_len(version) <= size_max {
            packet.encode(version, &mut self.replies.immediate().bytes);
        }
    }
}

fn disconnect(reason: ReasonCode, properties: Properties<'_>) -> Packet<'_> {
    Packet::Disconnect(Disconnect { reason, properties })
}

/// What a refusal for this reason counts as.
fn refusal_reason(reason: ReasonCode) -> RefusalReason {
    match reason {
        ReasonCode::MalformedPacket => RefusalReason::Malformed,
        ReasonCode::PacketTooLarge => RefusalReason::TooLarge,
        ReasonCode::BadUserNameOrPassword | ReasonCode::BadAuthenticationMethod => RefusalReason::Credentials,
        ReasonCode::NotAuthorized => RefusalReason::NotAuthorized,
        ReasonCode::QuotaExceeded | ReasonCode::ConnectionRateExceeded | ReasonCode::MessageRateTooHigh => {
            RefusalReason::TooMany
        }
        ReasonCode::KeepAliveTimeout => RefusalReason::KeepAlive,
        ReasonCode::SessionTakenOver => RefusalReason::TakenOver,
        ReasonCode::ServerShuttingDown => RefusalReason::ShuttingDown,
        ReasonCode::UseAnotherServer | ReasonCode::ServerMoved => RefusalReason::Redirected,
        ReasonCode::ServerUnavailable | ReasonCode::ServerBusy => RefusalReason::Unavailable,
        ReasonCode::UnspecifiedError | ReasonCode::ImplementationSpecificError => RefusalReason::Other,
        // All the others name a rule that was broken.
        _ => RefusalReason::Protocol,
    }
}

/// The protocol level a CONNECT asks for: the byte behind the protocol name.
fn level(input: &[u8]) -> Option<u8> {
    let length_bytes = input.get(1..5)?.iter().take_while(|byte| *byte & 0x80 != 0).count() + 1;
    let body = input.get(1 + length_bytes..)?;
    let name_length = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
    body.get(2 + name_length).copied()
}
