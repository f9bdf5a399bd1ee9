//! The admin listener: where the broker itself is looked at and told what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use hyper::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::authority::load_token;
use super::{Bind, ListenerConfig, ProtocolName, Transport};
use crate::tls::{ClientAuth, TlsFault, TlsSettings};

/// Fewest bytes of a token: whoever reaches the listener may try as many as he likes.
const TOKEN_BYTES_MIN: usize = 16;

/// The admin listener.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where it is: address and port, `"unix:/run/tidewire/admin.sock"`, or `"systemd:NAME"`; `""`: there is none.
    pub bind: String,
    /// A file with one token, of at least 16 bytes, that requests have to carry. An address that other machines reach
    /// needs one, or `client_auth` in `[admin.tls]`.
    #[schemars(example = &"admin.token")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Whether `/metrics` asks for the token as well.
    pub metrics_token: bool,
    /// Pages that may ask besides the listener's own, as `"https://ops.example"`: where a proxy with TLS is in front, the
    /// dashboard's own address there. Requests may name these hosts too.
    #[schemars(example = ["https://ops.example"])]
    pub origins: Vec<String>,
    /// TLS; absent: none. A client's certificate that is verified is as good as the token.
    #[schemars(extend("x-default" = "none"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSettings>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            bind: "127.0.0.1:8081".to_owned(),
            token_file: None,
            metrics_token: false,
            origins: Vec::new(),
            tls: None,
        }
    }
}

impl AdminConfig {
    /// Has `find` say where the files are that settings name.
    pub fn resolve(&mut self, find: &impl Fn(&Path) -> PathBuf) {
        if let Some(file) = &mut self.token_file {
            *file = find(file);
        }
        if let Some(tls) = &mut self.tls {
            tls.resolve(find);
        }
    }

    /// The address to bind; `None` where there is no admin listener.
    pub fn listener(&self) -> Option<ListenerConfig> {
        let listener = || ListenerConfig::new("admin", &self.bind, Transport::Tcp, NO_PROTOCOLS);
        (!self.bind.is_empty()).then(|| ListenerConfig { tls: self.tls.clone(), ..listener() })
    }

    /// Whether clients are asked for certificates, one of which is as good as the token.
    pub fn takes_certificates(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.client_auth != ClientAuth::None)
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
    pub(super) fn faults(&self, listeners: &[ListenerConfig]) -> Vec<(String, String)> {
        let Some(own) = self.listener() else { return Vec::new() };
        let mut faults = Vec::new();
        let mut fault = |key: &str, text: String| faults.push((key.to_owned(), text));
        let bind = &own.bind;
        if Bind::parse(bind).is_none() {
            fault(
                "bind",
                format!(
                    "\"{bind}\" is neither an address and port such as \"127.0.0.1:8081\" nor \"unix:/path\" nor \
                     \"systemd:NAME\"; \"\" turns the admin listener off"
                ),
            );
        } else if self.token_file.is_none() && !self.takes_certificates() && !own.is_loopback() {
            let text = format!(
                "{bind} can be reached from other machines: name a file with a token by admin.token_file, or bind \
                 \"127.0.0.1:8081\""
            );
            fault("bind", text);
        }
        if let Some(other) = listeners.iter().find(|other| other.bind == *bind && !bind.ends_with(":0")) {
            fault("bind", format!("{bind} is bound by the listener \"{}\" already", other.name));
        }
        if let Err(text) = self.token() {
            fault("token_file", text);
        }
        for origin in self.origins.iter().filter(|origin| !is_origin(origin)) {
            let text = format!("\"{origin}\" is no origin such as \"https://ops.example\", without a path");
            fault("origins", text);
        }
        if self.tls.is_some() && matches!(Bind::parse(bind), Some(Bind::Unix(_))) {
            fault("tls", "nobody listens in on a Unix socket: TLS is for an address and port".to_owned());
        }
        for TlsFault { key, text } in self.tls.iter().flat_map(TlsSettings::faults) {
            fault(&format!("tls.{key}"), text);
        }
        faults
    }

    /// What should be otherwise at that time, in seconds since the epoch, each with its key within `[admin]`.
    pub(super) fn warnings(&self, now: i64) -> Vec<(String, String)> {
        let of_tls = self.tls.iter().filter(|_| !self.bind.is_empty()).flat_map(|tls| tls.warnings(now));
        let of_tls = of_tls.map(|TlsFault { key, text }| (format!("tls.{key}"), text));
        of_tls.chain(self.plain_warning().map(|(key, text)| (key.to_owned(), text))).collect()
    }

    fn plain_warning(&self) -> Option<(&'static str, String)> {
        let own = self.listener().filter(|own| !own.is_loopback() && own.tls.is_none())?;
        let text = format!(
            "{} is served without TLS, and the token travels there for everybody on the way to read: set [admin.tls], or \
             put a proxy with TLS before a loopback address",
            own.bind
        );
        matches!(Bind::parse(&own.bind), Some(Bind::Ip(_))).then_some(("bind", text))
    }
}

/// Whether a text is what browsers put into `Origin`: scheme, host and port. (RFC 6454, section 6.2)
fn is_origin(text: &str) -> bool {
    let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let uri = text.parse().ok().filter(is_web);
    let authority = uri.as_ref().and_then(Uri::authority);
    authority.is_some_and(|authority| text.ends_with(&format!("://{authority}")) && !text.contains('@'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, is) in [
            ("https://ops.example", true),
            ("http://localhost:8081", true),
            ("https://[2001:db8::1]:8443", true),
            ("https://ops.example/", false),
            ("https://ops.example/a", false),
            ("https://ann@ops.example", false),
            ("ftp://ops.example", false),
            ("ops.example", false),
            ("*", false),
            ("null", false),
            ("", false),
        ] {
            assert_eq!(is_origin(text), is, "{text}");
        }
    }
}
