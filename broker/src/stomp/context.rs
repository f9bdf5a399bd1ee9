//! What those work with who handle frames, and what they say.

use std::sync::Arc;

use super::Client;
use super::destination::Names;
use crate::broker::Broker;
use crate::config::Config;
use crate::message::AttributesBuf;
use crate::replies::Replies;
use crate::session::Link;
use crate::turn::Turn;

/// What a handler of a connected client's frame works with.
pub(super) struct Context<'c, 't, 's> {
    pub(super) broker: &'c Broker,
    pub(super) config: &'c Config,
    pub(super) link: &'c Arc<Link>,
    pub(super) turn: &'t mut Turn<'s>,
    pub(super) client: &'c mut Client,
    pub(super) attributes: &'c mut AttributesBuf,
    pub(super) replies: &'c mut Replies,
    pub(super) is_text: bool,
    /// The bytes of the frame's head, as they came.
    pub(super) head: &'c [u8],
}

impl Context<'_, '_, '_> {
    pub(super) fn names(&self) -> Names<'_> {
        self.client.names(self.config)
    }
}

/// What follows from a frame that was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handled {
    /// It was processed; a receipt is owed if one was asked for.
    Done,
    /// It was not allowed, and the configuration says to say nothing.
    Ignored,
    /// It will be, once an answer has come; its receipt is seen to then.
    Later,
}

impl Client {
    pub(super) fn names<'n>(&'n self, config: &'n Config) -> Names<'n> {
        Names { limits: &config.limits, separator: config.stomp.separator, token: &self.token }
    }
}
