//! What a client asks to receive.

use std::num::NonZeroU16;

use tidewire_protocols::mqtt::{Qos, RetainHandling, SubscribeOptions};

/// A subscription, the same for both protocols as far as they share it.
///
/// ```
/// use tidewire_client::{Acknowledge, Qos, Subscription};
///
/// let everything = Subscription::new("weather/#", Qos::AtLeastOnce);
/// let jobs = Subscription::from("/queue/jobs").with_acknowledge(Acknowledge::Manual);
/// # assert_eq!((everything.filter(), jobs.filter()), ("weather/#", "/queue/jobs"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub(crate) filter: String,
    /// Over STOMP only QoS and retain handling are without meaning there.
    pub(crate) options: SubscribeOptions,
    pub(crate) acknowledge: Acknowledge,
    pub(crate) prefetch: Option<NonZeroU16>,
    pub(crate) durable: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// When a message counts as done with, and the broker may forget it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// When the application asks for the next one, or drops the [`Messages`](crate::Messages): what it is at work on
    /// when it fails comes again. STOMP's ack mode `client`.
    #[default]
    Automatic,
    /// When the application says so, of each message: [`Received::acknowledge`](crate::Received::acknowledge). STOMP's
    /// ack mode `client-individual`.
    Manual,
    /// When the broker has sent it: at most once. STOMP's ack mode `auto`; over MQTT the same as `Automatic`.
    OnDelivery,
}

impl Subscription {
    /// A subscription to a topic filter, wildcards and `$share/…` included; over STOMP to a destination as in
    /// [`Message::topic`](crate::Message::topic). `qos` is the highest QoS to receive; STOMP does not ask.
    pub fn new(filter: impl Into<String>, qos: Qos) -> Self {
        Self {
            filter: filter.into(),
            options: SubscribeOptions::new(qos),
            acknowledge: Acknowledge::default(),
            prefetch: None,
            durable: None,
            headers: Vec::new(),
        }
    }

    /// What it asks for.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// When messages count as done with.
    #[must_use]
    pub fn with_acknowledge(self, acknowledge: Acknowledge) -> Self {
        Self { acknowledge, ..self }
    }

    /// How many messages may be unacknowledged at once. STOMP only; MQTT has one window for the whole connection:
    /// [`with_receive_maximum`](crate::Options::with_receive_maximum), which is the default here.
    #[must_use]
    pub fn with_prefetch(self, messages: NonZeroU16) -> Self {
        Self { prefetch: Some(messages), ..self }
    }

    /// Not what this client publishes itself. MQTT 5 and STOMP.
    #[must_use]
    pub fn with_no_local(mut self) -> Self {
        self.options.no_local = true;
        self
    }

    /// When retained messages are wanted: by default at every subscribe, which includes that of a reconnect that found
    /// no session. MQTT 5 and STOMP.
    #[must_use]
    pub fn with_retain_handling(mut self, handling: RetainHandling) -> Self {
        self.options.retain_handling = handling;
        self
    }

    /// Keeps the publisher's retain flag on what is forwarded. MQTT 5 only.
    #[must_use]
    pub fn with_retain_as_published(mut self) -> Self {
        self.options.retain_as_published = true;
        self
    }

    /// A subscription to a topic that outlives the connection, by this name. STOMP only, together with a client id;
    /// [`Messages::unsubscribe`](crate::Messages::unsubscribe) ends it, dropping the [`Messages`](crate::Messages)
    /// does not.
    #[must_use]
    pub fn with_durable(self, name: impl Into<String>) -> Self {
        Self { durable: Some(name.into()), ..self }
    }

    /// A further header of SUBSCRIBE, such as `selector` or `exclusive`. STOMP only.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Of QoS 1.
impl From<&str> for Subscription {
    fn from(filter: &str) -> Self {
        Self::new(filter, Qos::AtLeastOnce)
    }
}

/// Of QoS 1.
impl From<String> for Subscription {
    fn from(filter: String) -> Self {
        Self::new(filter, Qos::AtLeastOnce)
    }
}
