//! The admin listener: where the broker itself is looked at and told what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::authority::load_token;
use super::{Bind, ListenerConfig, ProtocolName, Transport};

/// Fewest bytes of a token: whoever reaches the listener may try as many as he likes.
const TOKEN_BYTES_MIN: usize = 16;

/// The admin listener.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where it is: address and port, `"unix:/run/tidewire/admin.sock"`, or `"systemd:NAME"`; `""`: there is none.
    pub bind: String,
    /// A file with one token, of at least 16 bytes, that requests have to carry. An address that other machines reach
    /// needs one.
    #[schemars(example = &"admin.token")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Whether `/metrics` asks for the token as well.
    pub metrics_token: bool,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { bind: "127.0.0.1:8081".to_owned(), token_file: None, metrics_token: false }
    }
}

impl AdminConfig {
    /// Has `find` say where the files are that settings name.
    pub fn resolve(&mut self, find: &impl Fn(&Path) -> PathBuf) {
        if let Some(file) = &mut self.token_file {
            *file = find(file);
        }
    }

    /// The address to bind; `None` where there is no admin listener.
    pub fn listener(&self) -> Option<ListenerConfig> {
        let listener = || ListenerConfig::new("admin", &self.bind, Transport::Tcp, NO_PROTOCOLS);
        (!self.bind.is_empty()).then(listener)
    }

    /// The token that requests have to carry, if there is one, and an admin listener.
    ///
    /// # Errors
    ///
    /// See [`AdminToken::load`].
    pub fn token(&self) -> Result<Option<AdminToken>, String> {
        let file = self.token_file.as_deref().filter(|_| !self.bind.is_empty());
        file.map(AdminToken::load).transpose()
    }

    /// What is wrong, each with its key within `[admin]`; `listeners` are bound besides.
    pub(super) fn faults(&self, listeners: &[ListenerConfig]) -> Vec<(&'static str, String)> {
        let Some(own) = self.listener() else { return Vec::new() };
        let mut faults = Vec::new();
        let bind = &own.bind;
        if Bind::parse(bind).is_none() {
            faults.push((
                "bind",
                format!(
                    "\"{bind}\" is neither an address and port such as \"127.0.0.1:8081\" nor \"unix:/path\" nor \
                     \"systemd:NAME\"; \"\" turns the admin listener off"
                ),
            ));
        } else if self.token_file.is_none() && !own.is_loopback() {
            let text = format!(
                "{bind} can be reached from other machines: name a file with a token by admin.token_file, or bind \
                 \"127.0.0.1:8081\""
            );
            faults.push(("bind", text));
        }
        if let Some(other) = listeners.iter().find(|other| other.bind == *bind && !bind.ends_with(":0")) {
            let text = format!("{bind} is bound by the listener \"{}\" already", other.name);
            faults.push(("bind", text));
        }
        if let Err(text) = self.token() {
            faults.push(("token_file", text));
        }
        faults
    }

    /// What should be otherwise, with its key within `[admin]`.
    pub(super) fn warning(&self) -> Option<(&'static str, String)> {
        let own = self.listener().filter(|own| !own.is_loopback())?;
        let text = format!(
            "{} is served without TLS, and the token travels there for everybody on the way to read: put a proxy with \
             TLS before a loopback address",
            own.bind
        );
        matches!(Bind::parse(&own.bind), Some(Bind::Ip(_))).then_some(("bind", text))
    }
}

/// What a listener for clients serves is not served there.
const NO_PROTOCOLS: &[ProtocolName] = &[];

/// By which somebody proves to run this broker.
pub struct AdminToken(Box<str>);

/// It belongs into no log.
impl fmt::Debug for AdminToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdminToken(…)")
    }
}

impl AdminToken {
    /// Reads a file that holds one: at least 16 signs of ASCII without white space, but for what is around them.
    ///
    /// # Errors
    ///
    /// When it cannot be read or holds something else; it is not said what.
    pub fn load(path: &Path) -> Result<Self, String> {
        let token = load_token(path)?;
        match token.len() >= TOKEN_BYTES_MIN {
            true => Ok(Self(token)),
            false => Err(format!(
                "{}: the token is too short: use at least {TOKEN_BYTES_MIN} bytes, as \
                 `openssl rand -hex 32` makes them",
                path.display()
            )),
        }
    }

    /// Whether that is it. How long this takes says nothing of where they differ.
    pub fn is(&self, token: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(token).into()
    }

    /// For a request that carries it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
