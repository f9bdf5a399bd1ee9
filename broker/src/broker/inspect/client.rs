//! One client in depth.

use std::sync::Arc;

use serde::Serialize;

use super::clients::Found;
use super::subscriptions::of_session;
use super::{Client, SessionSummary, SubscriptionSummary};
use crate::broker::Broker;
use crate::session::{ProtocolKind, Session};

/// Subscriptions that are shown of one client.
const SUBSCRIPTIONS_SHOWN_MAX: usize = 1000;

/// A client, whether it is connected or not.
#[derive(Clone, Debug, Serialize)]
pub struct ClientDetail {
    /// The connection that serves it at present.
    pub connection: Option<Client>,
    /// Its session.
    pub session: SessionSummary,
    /// Its subscriptions, the first 1000 of them.
    pub subscriptions: Vec<SubscriptionSummary>,
    /// What is published when it is lost.
    pub will: Option<WillSummary>,
    /// MQTT's keep alive in seconds, 0: none; none for STOMP, and where nobody is connected.
    pub keep_alive_secs: Option<u16>,
}

/// What is published when a client is lost; its payload is nobody's affair.
#[derive(Clone, Debug, Serialize)]
pub struct WillSummary {
    /// Where it goes.
    pub topic: Box<str>,
    /// Its QoS.
    pub qos: u8,
    /// Whether it is retained.
    pub retain: bool,
    /// How long after the client is lost it is published, in seconds.
    pub delay_secs: u32,
}

impl Broker {
    /// All that is known of one client.
    pub fn describe_client(&self, session: &Arc<Session>) -> ClientDetail {
        let now = self.now();
        let (link, will) = {
            let state = session.lock();
            let will = state.will.as_ref().map(|will| {
                let publication = will.message.publication();
                WillSummary {
                    topic: publication.topic.as_str().into(),
                    qos: publication.qos as u8,
                    retain: publication.retain,
                    delay_secs: will.delay_secs,
                }
            });
            (state.link.clone(), will)
        };
        let mut subscriptions = of_session(session, |_| true);
        subscriptions.truncate(SUBSCRIPTIONS_SHOWN_MAX);
        let is_mqtt = session.key().protocol == ProtocolKind::Mqtt;
        let keep_alive_secs = link.as_ref().filter(|_| is_mqtt).map(|link| link.keep_alive());
        let connection = link.map(|link| Found { link, session: Some(Arc::clone(session)) }.describe(now));
        ClientDetail {
            connection,
            session: SessionSummary::of(session, now),
            subscriptions,
            will,
            keep_alive_secs,
        }
    }
}
