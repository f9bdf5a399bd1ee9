//! The message a client leaves for the case that it is lost.

use std::fmt;
use std::sync::Arc;

use crate::message::Message;

/// See the module. [MQTT-3.1.2-8]
#[derive(Clone, Debug)]
pub struct Will {
    /// What is published. Its expiry, if it has one, starts to run when it is: see `expiry_secs`.
    pub message: Arc<Message>,
    /// How long after the connection's end it is published, in seconds.
    pub delay_secs: u32,
    /// The message expiry interval, which counts from publication.
    pub expiry_secs: Option<u32>,
    /// Asked when it comes to that. None after a restart: nobody knows then by what its client had proved itself.
    pub judge: Option<WillJudge>,
}

/// Says whether a will may be published still: users and rules may be others by then.
#[derive(Clone)]
pub struct WillJudge(Arc<Decides>);

type Decides = dyn Fn(&Arc<Message>) -> bool + Send + Sync;

impl Will {
    /// Whether it may be published still.
    pub fn is_allowed(&self) -> bool {
        self.judge.as_ref().is_none_or(|WillJudge(allows)| allows(&self.message))
    }
}

impl WillJudge {
    /// One that decides so.
    pub fn new(allows: impl Fn(&Arc<Message>) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(allows))
    }
}

impl fmt::Debug for WillJudge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WillJudge")
    }
}
