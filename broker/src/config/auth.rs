//! Who may connect, and how they prove it.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Span;

/// Who may connect.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether clients without credentials may; absent: only while every address is loopback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<bool>,
    /// Users who authenticate by MQTT 5's enhanced authentication with SCRAM-SHA-256, as `tidewire passwd --scram`
    /// writes them; absent: the method is not offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scram_file: Option<PathBuf>,
    /// How long before its time is over a client is told so; 0: it is not.
    pub expiry_notice: Span,
    /// Where a token may stand: in CONNECT, or in the request for a WebSocket.
    pub credential_sources: Vec<CredentialSource>,
    /// The cookie that holds a token.
    pub cookie: String,
    /// The parameter of the query that holds a token.
    pub query_parameter: String,
}

/// Where a token may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialSource {
    /// MQTT's password, STOMP's passcode or its `Authorization` header.
    Connect,
    /// `Authorization: Bearer` of the upgrade.
    Authorization,
    /// `bearer.<token>` among the upgrade's subprotocols.
    Subprotocol,
    /// The query of the upgrade's address.
    Query,
    /// A cookie, from pages of an origin that is listed, or of the same host.
    Cookie,
}

impl CredentialSource {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Connect, Self::Authorization, Self::Subprotocol, Self::Query, Self::Cookie];
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            anonymous: None,
            scram_file: None,
            expiry_notice: Span(Duration::from_secs(30)),
            credential_sources: CredentialSource::ALL.to_vec(),
            cookie: "access_token".to_owned(),
            query_parameter: "access_token".to_owned(),
        }
    }
}
