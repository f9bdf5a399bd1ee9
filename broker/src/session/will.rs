//! The message a client leaves for the case that it is lost.

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
}
