//! Who may connect, and how they prove it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::jwt::is_web;
use super::{JwtConfig, Span};

/// Who may connect.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether clients may connect without credentials. An address that others can reach needs it said.
    #[schemars(example = false, extend("x-default" = "only on loopback"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymous: Option<bool>,
    /// Users with a password, as `tidewire passwd` and `mosquitto_passwd` write them.
    #[schemars(example = &"users")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Users who prove themselves by MQTT 5's enhanced authentication with `SCRAM-SHA-256`, as `tidewire passwd
    /// --scram` writes them; without it those of `password_file` may that have a SCRAM verifier.
    #[schemars(example = &"users.scram")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scram_file: Option<PathBuf>,
    /// Who may do what: `docs/access-rules.md`. Without it, whoever is let in may do everything.
    #[schemars(example = &"acl.toml")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl_file: Option<PathBuf>,
    /// Clients whose passwords may wait to be hashed; who comes then is told that the server is busy.
    pub password_queue_max: usize,
    /// Authorities (PEM) that are trusted besides the system's for `jwt.jwks_url` and `http.url`.
    #[schemars(example = &"authorities.pem")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// How long before its time is over a client is told so; `"0s"`: it is not.
    pub expiry_notice: Span,
    /// Where a token may stand.
    pub credential_sources: Vec<CredentialSource>,
    /// The cookie that holds a token.
    pub cookie: String,
    /// The parameter of the upgrade's address that holds one.
    pub query_parameter: String,
    /// JSON Web Tokens; absent: they are not taken.
    #[schemars(extend("x-default" = "none"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<JwtConfig>,
    /// A web service that is asked about everybody whom the others do not know; absent: none is.
    #[schemars(extend("x-default" = "none"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpAuthConfig>,
}

/// A web service that knows the users: what it is asked, and what it answers, is in `docs/security.md`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpAuthConfig {
    /// Where it is asked, by POST.
    #[schemars(example = &"https://users.example/mqtt")]
    pub url: String,
    /// How long an answer may take; without one nobody is let in.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// How long an answer that lets a client in is believed, unless the answer itself ends before; `"0s"`: each is
    /// asked for.
    #[serde(default = "default_cache_ttl")]
    pub cache_ttl: Span,
    /// A file with the token by which the broker proves itself to the service (`Authorization: Bearer`).
    #[schemars(example = &"service.token")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
}

fn default_timeout() -> Span {
    Span(Duration::from_secs(5))
}

fn default_cache_ttl() -> Span {
    Span(Duration::from_secs(60))
}

impl HttpAuthConfig {
    /// What is wrong as far as it can be seen without reading files, each with its key within `[auth.http]`.
    pub(super) fn faults(&self) -> Vec<(&'static str, &'static str)> {
        let mut faults = Vec::new();
        if !is_web(&self.url) {
            faults.push((
                "url",
                "use a URL such as \"https://users.example/mqtt\", without a name and a password in it",
            ));
        }
        if self.timeout.0.is_zero() {
            faults.push(("timeout", "0 would let nobody in: give it some time, such as \"5s\""));
        }
        faults
    }
}

impl AuthConfig {
    /// Has `find` say where the files are that settings name.
    pub fn resolve(&mut self, find: &impl Fn(&Path) -> PathBuf) {
        let files = [&mut self.password_file, &mut self.scram_file, &mut self.acl_file, &mut self.ca_file];
        let of_service = self.http.as_mut().and_then(|http| http.token_file.as_mut());
        for file in files.into_iter().flatten().chain(of_service) {
            *file = find(file);
        }
        if let Some(jwt) = &mut self.jwt {
            jwt.resolve(find);
        }
    }

    /// Whether there is a source of users.
    pub fn has_users(&self) -> bool {
        let has_files = self.password_file.is_some() || self.scram_file.is_some();
        has_files || self.jwt.is_some() || self.http.is_some()
    }
}

/// Where a token may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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
            password_file: None,
            scram_file: None,
            acl_file: None,
            password_queue_max: 256,
            ca_file: None,
            expiry_notice: Span(Duration::from_secs(30)),
            credential_sources: CredentialSource::ALL.to_vec(),
            cookie: "access_token".to_owned(),
            query_parameter: "access_token".to_owned(),
            jwt: None,
            http: None,
        }
    }
}
