//! Topic aliases, one table per direction and connection. [MQTT-3.3.2-7 to -12]

use std::collections::HashMap;

use tidewire_protocols::topic::{TopicName, TopicNameBuf};

/// What a client's aliases stand for.
#[derive(Debug, Default)]
pub(super) struct InboundAliases {
    topics: Vec<Option<TopicNameBuf>>,
    maximum: u16,
}

impl InboundAliases {
    /// None yet, and up to `maximum`, which was announced.
    pub(super) fn new(maximum: u16) -> Self {
        Self { topics: Vec::new(), maximum }
    }

    /// Whether the client may use this alias.
    pub(super) fn is_allowed(&self, alias: u16) -> bool {
        (1..=self.maximum).contains(&alias)
    }

    /// Lets `alias` stand for `topic` from now on.
    pub(super) fn set(&mut self, alias: u16, topic: TopicName<'_>) {
        let index = usize::from(alias) - 1;
        if self.topics.len() <= index {
            self.topics.resize_with(index + 1, || None);
        }
        self.topics[index] = Some(topic.to_buf());
    }

    /// What `alias` stands for.
    pub(super) fn topic(&self, alias: u16) -> Option<TopicName<'_>> {
        self.topics.get(usize::from(alias).checked_sub(1)?)?.as_ref().map(TopicNameBuf::as_name)
    }
}

/// The aliases used towards a client: handed out to the first topics that come, as many as it takes.
#[derive(Debug, Default)]
pub(super) struct OutboundAliases {
    aliases: HashMap<Box<str>, u16, foldhash::fast::RandomState>,
    maximum: u16,
}

/// How a topic goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aliased {
    /// By name alone.
    No,
    /// By name, with an alias that stands for it from now on.
    Introduced(u16),
    /// By alias alone.
    Known(u16),
}

impl OutboundAliases {
    /// None yet, and up to `maximum`.
    pub(super) fn new(maximum: u16) -> Self {
        Self { aliases: HashMap::default(), maximum }
    }

    /// How `topic` goes out next. Nothing is remembered yet: the packet may turn out too large to be sent.
    #[inline]
    pub(super) fn look_up(&self, topic: TopicName<'_>) -> Aliased {
        match self.maximum {
            0 => Aliased::No,
            _ => self.find(topic),
        }
    }

    #[inline(never)]
    fn find(&self, topic: TopicName<'_>) -> Aliased {
        match self.aliases.get(topic.as_str()) {
            Some(alias) => Aliased::Known(*alias),
            None => match u16::try_from(self.aliases.len() + 1) {
                Ok(alias) if alias <= self.maximum => Aliased::Introduced(alias),
                _ => Aliased::No,
            },
        }
    }

    /// The client has been told.
    pub(super) fn introduce(&mut self, topic: TopicName<'_>, alias: u16) {
        self.aliases.insert(topic.as_str().into(), alias);
    }
}
