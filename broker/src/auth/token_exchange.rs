//! A token by MQTT 5's enhanced authentication: CONNECT's or AUTH's data is the token, and there is no second step. The
//! method's name is that of other brokers that have it.

use std::sync::Arc;

use super::{Exchange, Step, Tokens};

/// The method's name, as CONNECT's Authentication Method gives it.
pub const OAUTH2_JWT: &str = "OAUTH2-JWT";

/// One exchange.
pub(super) struct TokenExchange(pub(super) Arc<Tokens>);

impl Exchange for TokenExchange {
    fn step(&mut self, data: &[u8], now_secs: u64) -> Step {
        match std::str::from_utf8(data) {
            Ok(token) => Step::Ask(self.0.examine(token.trim(), now_secs)),
            Err(_) => Step::Refused("the authentication data is a token, which is text"),
        }
    }
}
