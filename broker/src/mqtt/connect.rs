//! CONNECT: who comes, what it asks for, and the CONNACK that says what it gets.

use std::sync::Arc;

use tidewire_protocols::mqtt::{
    ConnAck, Connect, Packet, PropertiesBuf, Property, Qos, ReasonCode, Version, Will as WireWill,
};
use tidewire_protocols::topic::TopicName;

use super::alias::{InboundAliases, OutboundAliases};
use super::authenticate::Enhanced;
use super::deliver::{MqttDeliver, Terms};
use super::refuse::Refusal;
use super::{Client, Context, Mqtt, State};
use crate::auth::{Arrival, Vouched};
use crate::broker::{self, Connected, LoggedIn, NewConnection, Standing, Who};
use crate::counters::Spoken;
use crate::message::{AttributesBuf, Publication, QUEUE_PREFIX, SessionId, is_client_queue};
use crate::pace::Pace;
use crate::random;
use crate::session::{Deliver, Dormant, EXPIRY_NEVER, ProtocolKind, SessionKey, SessionState, Will};
use crate::store::StoreError;
use crate::turn::Turn;

/// Room for the properties of a CONNACK, as a rule.
const CONNACK_PROPERTIES_BYTES: usize = 64;

/// What a CONNECT's properties ask for, with the defaults of MQTT 5. (section 3.1.2.11)
pub(super) struct Wishes {
    session_expiry_secs: u32,
    receive_maximum: u16,
    /// The largest packet that it takes.
    pub(super) packet_size_max: usize,
    topic_alias_maximum: u16,
    /// Whether reason strings may be sent. [MQTT-3.1.2-29]
    pub(super) wants_reasons: bool,
}

/// A client that was let in.
pub(super) struct Admitted<'a> {
    pub(super) vouched: Vouched,
    pub(super) arrival: Arrival,
    /// The method by which it has proved itself, where CONNECT named one.
    pub(super) enhanced: Option<Box<str>>,
    /// That method's last word, which CONNACK carries. [MQTT-4.12.0-5]
    pub(super) data: &'a [u8],
}

impl Wishes {
    pub(super) fn of(connect: &Connect<'_>) -> Self {
        let mut wishes = Self {
            // 3.1.1's sessions that are not clean last for ever. [MQTT-3.1.2-4, 3.1.2-23]
            session_expiry_secs: if connect.version.is_v5() || connect.clean_start {
                0
            } else {
                EXPIRY_NEVER
            },
            receive_maximum: u16::MAX,
            packet_size_max: usize::MAX,
            topic_alias_maximum: 0,
            wants_reasons: true,
        };
        for property in connect.properties.iter() {
            match property {
                Property::SessionExpiryInterval(secs) => wishes.session_expiry_secs = secs,
                Property::ReceiveMaximum(maximum) => wishes.receive_maximum = maximum.get(),
                Property::MaximumPacketSize(size) => wishes.packet_size_max = size.get() as usize,
                Property::TopicAliasMaximum(maximum) => wishes.topic_alias_maximum = maximum,
                Property::RequestProblemInformation(wanted) => wishes.wants_reasons = wanted,
                _ => {}
            }
        }
        wishes
    }
}

impl Mqtt {
    /// `bytes` are the packet's own: an authentication in several steps needs them again at its end.
    pub(super) fn handle_connect(
        &mut self,
        turn: &mut Turn<'_>,
        connect: &Connect<'_>,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let config = &self.config;
        if connect.version == Version::V31 && !config.mqtt.mqtt31 {
            let detail = "MQTT 3.1 is not served here: use 3.1.1 or 5.0";
            return Err(Refusal::new(ReasonCode::UnsupportedProtocolVersion, detail));
        }
        if let Some(refusal) = Refusal::redirect(&config.mqtt) {
            return Err(refusal);
        }
        self.authenticate(turn, connect, bytes)
    }

    /// Gives a client its session.
    pub(super) fn admit(
        &mut self,
        turn: &mut Turn<'_>,
        connect: &Connect<'_>,
        admitted: Admitted<'_>,
    ) -> Result<(), Refusal> {
        let config = &self.config;
        let wishes = Wishes::of(connect);
        let client_id = client_id(connect)?;
        let Admitted { vouched, arrival, enhanced, data } = admitted;
        let mut standing = self.broker.let_in(turn.now, vouched, &arrival, Arc::clone(&client_id))?;
        let will = match &connect.will {
            Some(will) => Some(self.examine_will(will, &mut standing)?),
            None => None,
        };
        // The session of whoever runs the broker is no user's, who could come back for it.
        let is_operator = standing.is_operator();
        let expiry_max = if is_operator { 0 } else { config.session.expiry_max.secs() };
        let expiry_secs = wishes.session_expiry_secs.min(expiry_max);
        let keep_alive_max = u16::try_from(config.mqtt.server_keep_alive_max.secs()).unwrap_or(u16::MAX);
        let keep_alive = match connect.keep_alive {
            0 if connect.version.is_v5() => keep_alive_max,
            asked if connect.version.is_v5() => asked.min(keep_alive_max),
            asked => asked,
        };
        let mut properties = PropertiesBuf::default();
        if connect.version.is_v5() {
            properties.reserve(CONNACK_PROPERTIES_BYTES);
            self.announce(&mut properties);
            if connect.client_id.is_empty() {
                properties.push(Property::AssignedClientIdentifier(&client_id));
            }
            if expiry_secs != wishes.session_expiry_secs {
                properties.push(Property::SessionExpiryInterval(expiry_secs));
            }
            if keep_alive != connect.keep_alive {
                properties.push(Property::ServerKeepAlive(keep_alive));
            }
        }
        if let Some(method) = &enhanced {
            properties.push(Property::AuthenticationMethod(method));
            if !data.is_empty() {
                properties.push(Property::AuthenticationData(data));
            }
        }
        let conn_ack = |session_present| {
            let properties = properties.as_properties();
            Packet::ConnAck(ConnAck { session_present, reason: ReasonCode::Success, properties })
        };
        // Known before anybody's session is touched. [MQTT-3.1.2-24]
        if conn_ack(false).encoded_len(connect.version) > wishes.packet_size_max {
            let detail = "CONNACK is larger than the client takes";
            return Err(Refusal::new(ReasonCode::PacketTooLarge, detail));
        }
        let terms = Terms {
            version: connect.version,
            receive_maximum: wishes.receive_maximum.min(config.session.inflight_max),
            packet_size_max: wishes.packet_size_max,
            deflating: self.link.deflating(),
            aliases: OutboundAliases::new(wishes.topic_alias_maximum.min(config.mqtt.topic_alias_maximum)),
        };
        // From the first moment on: what waits for the session, or is subscribed to, may be more than the client may have.
        let guard = broker::guard(&standing.rights);
        let has_rules = guard.is_some();
        let connected = self.broker.connect(
            turn,
            NewConnection {
                key: SessionKey {
                    is_operator,
                    ..SessionKey::new(ProtocolKind::Mqtt, Arc::clone(&client_id))
                },
                user: standing.user().cloned(),
                listener: Arc::clone(standing.listener()),
                id: self.broker.new_session_id(),
                clean_start: connect.clean_start,
                expiry_secs,
                will,
                link: Arc::clone(&self.link),
                make: || -> Box<dyn Deliver> { Box::new(MqttDeliver::default()) },
                attach: |state: &mut SessionState| {
                    if let Some(dormant) = state.deliver_as::<Dormant>() {
                        state.deliver = Box::new(MqttDeliver::awoken(dormant));
                    }
                    if let Some(deliver) = state.deliver_as::<MqttDeliver>() {
                        deliver.attach(terms);
                    }
                    state.deliver.set_guard(guard);
                },
            },
        );
        let Connected { session, present } = connected.map_err(|StoreError::Unavailable| {
            Refusal::new(ReasonCode::ServerUnavailable, "sessions cannot be stored at present")
        })?;
        let logged_in = LoggedIn {
            who: Who { client_id: Some(&client_id), user: standing.user_name(), protocol: None },
            session: None,
            session_present: Some(present),
            keep_alive: Some(keep_alive),
            expiry_secs: Some(expiry_secs),
        };
        self.broker.note_connected(&self.link, spoken(connect.version), &logged_in);
        self.link.set_keep_alive(keep_alive);
        conn_ack(present).encode(connect.version, &mut self.replies.promised().bytes);
        let limits = &self.config.limits;
        let enhanced = enhanced.map(|method| Box::new(Enhanced { method, exchange: None }));
        let mut client = Box::new(Client {
            session,
            standing,
            version: connect.version,
            keep_alive,
            last_heard: turn.now.instant,
            wants_reasons: wishes.wants_reasons,
            packet_size_max: wishes.packet_size_max,
            aliases: InboundAliases::new(self.config.mqtt.topic_alias_maximum),
            pace: Pace::new(limits.publish_rate_max, limits.publish_bytes_rate_max.0, turn.now.instant),
            is_held: false,
            unreleased: 0,
            enhanced,
            renewal: None,
        });
        if has_rules {
            let (broker, config, link) = (&self.broker, &self.config, &self.link);
            let replies = &mut self.replies;
            Context { broker, config, link, replies, turn, client: &mut client }.review();
        }
        self.state = State::Connected(client);
        Ok(())
    }

    /// A will is checked as the publish that it may become. [MQTT-3.1.2-8 to -15]
    fn examine_will(&self, will: &WireWill<'_>, standing: &mut Standing) -> Result<Will, Refusal> {
        let config = &self.config;
        let topic = TopicName::parse(will.topic)
            .map_err(|error| Refusal::new(ReasonCode::TopicNameInvalid, format!("will topic: {error}")))?;
        if topic.level_count() > config.limits.topic_levels_max {
            return Err(Refusal::new(ReasonCode::TopicNameInvalid, "the will topic has too many levels"));
        }
        let queue = topic.as_str().strip_prefix(QUEUE_PREFIX);
        if queue.is_some_and(|queue| !is_client_queue(queue)) {
            return Err(Refusal::new(
                ReasonCode::TopicNameInvalid,
                "the will topic names no queue of clients",
            ));
        }
        if will.qos > config.mqtt.maximum_qos() {
            return Err(Refusal::new(
                ReasonCode::QosNotSupported,
                "the will's QoS is higher than served here",
            ));
        }
        if will.retain && !config.mqtt.retain_available {
            return Err(Refusal::new(ReasonCode::RetainNotSupported, "messages are not retained here"));
        }
        if !standing.rights.may_publish(topic, will.retain) {
            return Err(Refusal::new(ReasonCode::NotAuthorized, "the will topic may not be published to"));
        }
        let mut attributes = AttributesBuf::default();
        let (mut delay_secs, mut expiry_secs) = (0, None);
        for property in will.properties.iter() {
            match property {
                Property::WillDelayInterval(secs) => delay_secs = secs,
                Property::MessageExpiryInterval(secs) => expiry_secs = Some(secs),
                other => {
                    attributes.push(other);
                }
            }
        }
        // Whose it is says the session that publishes it.
        let mut publication = Publication::new(topic, will.payload, SessionId::BROKER);
        publication.qos = will.qos;
        // A queue keeps each message, and no last one.
        publication.retain = will.retain && queue.is_none();
        publication.attributes = crate::message::Attributes::of(&attributes);
        let judge = Some(standing.will_judge(&self.broker.authority));
        Ok(Will { message: Arc::clone(publication.keep()), delay_secs, expiry_secs, judge })
    }

    /// What the server does not do, or not without bounds. (section 3.2.2.3)
    fn announce(&self, properties: &mut PropertiesBuf) {
        let config = &self.config;
        if let Some(maximum) = std::num::NonZeroU16::new(config.session.receive_maximum) {
            properties.push(Property::ReceiveMaximum(maximum));
        }
        if config.mqtt.maximum_qos() < Qos::ExactlyOnce {
            properties.push(Property::MaximumQos(config.mqtt.maximum_qos()));
        }
        let size_max =
            u32::try_from(config.limits.packet_size_max.0).ok().and_then(std::num::NonZeroU32::new);
        if let Some(size_max) = size_max {
            properties.push(Property::MaximumPacketSize(size_max));
        }
        properties.push(Property::TopicAliasMaximum(config.mqtt.topic_alias_maximum));
        if !config.mqtt.retain_available {
            properties.push(Property::RetainAvailable(false));
        }
        if !config.mqtt.wildcard_subscriptions {
            properties.push(Property::WildcardSubscriptionAvailable(false));
        }
        if !config.mqtt.shared_subscriptions {
            properties.push(Property::SharedSubscriptionAvailable(false));
        }
    }
}

/// The version as it is counted.
pub(super) fn spoken(version: Version) -> Spoken {
    match version {
        Version::V31 => Spoken::Mqtt31,
        Version::V311 => Spoken::Mqtt311,
        Version::V5 => Spoken::Mqtt5,
    }
}

/// The client's own identifier, or one that no other has where it may leave that to the server.
/// [MQTT-3.1.3-5 to -9]
fn client_id(connect: &Connect<'_>) -> Result<Arc<str>, Refusal> {
    if !connect.client_id.is_empty() {
        return Ok(connect.client_id.into());
    }
    if connect.version == Version::V31 || (connect.version == Version::V311 && !connect.clean_start) {
        let detail = "an empty client identifier needs a clean session [MQTT-3.1.3-8]";
        return Err(Refusal::new(ReasonCode::ClientIdentifierNotValid, detail));
    }
    let random = random::bytes::<12>().map_err(|_| {
        Refusal::new(ReasonCode::UnspecifiedError, "no random numbers for a client identifier")
    })?;
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits =
        random.map(|byte| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)])));
    let mut name = String::with_capacity("auto-".len() + 2 * random.len());
    name.push_str("auto-");
    digits.as_flattened().iter().for_each(|digit| name.push(*digit));
    Ok(name.into())
}
