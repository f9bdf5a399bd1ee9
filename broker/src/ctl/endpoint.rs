//! The admin listener of a broker: where it is, and what it answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, StatusCode, Uri};
use serde::Deserialize;
use serde_json::Value;
use tidewire::config::{AdminConfig, AdminToken, Bind, Sources, load_unchecked};
use tidewire::fetch::{Fetch, FetchError};

use super::Place;

/// How long an answer may take: a reload reads every file.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer that is read as a whole, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Characters of an answer that is no broker's, as far as it is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// Where to ask.
pub(super) struct Endpoint {
    /// As a person would write it.
    name: String,
    at: At,
    token: Option<AdminToken>,
}

enum At {
    /// A URL without a slash at its end.
    Web(String),
    Unix(PathBuf),
}

/// What was answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// An answer that says why there is no other.
#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Endpoint {
    /// Finds it where the arguments say, or the configuration.
    ///
    /// # Errors
    ///
    /// Neither says where it is, or a file cannot be read.
    pub(super) fn find(place: &Place) -> Result<Self, String> {
        let admin = match (&place.url, &place.config) {
            (Some(_), None) => AdminConfig::default(),
            (_, file) => configured(file.clone())?,
        };
        let name = match &place.url {
            Some(url) => url.clone(),
            None => url_of(&admin.bind)?,
        };
        let at = match Bind::parse(&name) {
            Some(Bind::Unix(path)) => At::Unix(path),
            _ => At::Web(name.trim_end_matches('/').to_owned()),
        };
        let token_file = place.token_file.as_ref().or(admin.token_file.as_ref());
        let token = token_file.map(|file| AdminToken::load(file)).transpose()?;
        Ok(Self { name, at, token })
    }

    /// Asks, and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(super) fn ask(&self, method: Method, path: &str, arguments: &Value) -> Result<Reply, String> {
        let mut body = Vec::new();
        let mut write = |piece: &Bytes| {
            body.extend_from_slice(piece);
            if body.len() > ANSWER_BYTES_MAX { Err("the answer is too long".to_owned()) } else { Ok(()) }
        };
        let (status, _) = self.follow(method, path, arguments, |_| true, &mut write)?;
        Ok(Reply { status, body: body.into() })
    }

    /// Asks, and hands on the answer's body piece by piece as it comes, where its status `is_wanted`; without that, as a
    /// whole within [`Err`], in words. Returns the head.
    ///
    /// # Errors
    ///
    /// There is no answer, it says no, it breaks off, or `write` fails.
    pub(super) fn follow(
        &self,
        method: Method,
        path: &str,
        arguments: &Value,
        is_wanted: impl Fn(StatusCode) -> bool,
        write: &mut dyn FnMut(&Bytes) -> Result<(), String>,
    ) -> Result<(StatusCode, HeaderMap), String> {
        let (fetch, uri) = self.way(path)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
        let bearer = self.token.as_ref().map(AdminToken::as_str);
        let question = if arguments.is_null() { Vec::new() } else { arguments.to_string().into_bytes() };
        runtime.block_on(async {
            let opened = fetch.open(method, &uri, question, bearer).await;
            let (head, mut body) = opened.map_err(|error| self.unreachable(&error))?.into_parts();
            let is_wanted = is_wanted(head.status);
            let mut refusal = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| format!("the answer breaks off: {error}"))?;
                let Ok(piece) = frame.into_data() else { continue };
                match is_wanted {
                    true => write(&piece)?,
                    false if refusal.len() < ANSWER_BYTES_MAX => refusal.extend_from_slice(&piece),
                    false => break,
                }
            }
            match is_wanted {
                true => Ok((head.status, head.headers)),
                false => Err(self.explain(&Reply { status: head.status, body: refusal.into() })),
            }
        })
    }

    fn way(&self, path: &str) -> Result<(Fetch, Uri), String> {
        let (fetch, base) = match &self.at {
            At::Web(base) => (Fetch::new(None, TIMEOUT)?, base.as_str()),
            At::Unix(path) => (Fetch::over_unix(path.clone(), TIMEOUT), "http://localhost"),
        };
        let uri: Result<Uri, _> = format!("{base}{path}").parse();
        let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
        let uri = uri.ok().filter(is_web).ok_or_else(|| {
            let name = &self.name;
            format!("\"{name}\" is neither a URL such as http://127.0.0.1:8081 nor unix:/path")
        })?;
        Ok((fetch, uri))
    }

    fn unreachable(&self, error: &FetchError) -> String {
        format!(
            "cannot ask {}: {error}\nIs the broker running? --config names the file that it runs with, --url its admin \
             listener (admin.bind).",
            self.name
        )
    }

    /// An answer that nobody was prepared for, in words.
    pub(super) fn explain(&self, reply: &Reply) -> String {
        let said = match serde_json::from_slice::<Refusal>(&reply.body) {
            Ok(Refusal { error }) => error,
            Err(_) => String::from_utf8_lossy(&reply.body).chars().take(SHOWN_CHARS_MAX).collect(),
        };
        let advice = match (reply.status, &self.token) {
            (StatusCode::UNAUTHORIZED, None) => "\nName the file with the token by --token-file or --config.",
            (StatusCode::UNAUTHORIZED, Some(_)) => "\nThe token is another one.",
            _ => "",
        };
        format!("{} answers {}: {}{advice}", self.name, reply.status, said.trim())
    }
}

/// The section of the file, or of the embedded default; the rest may be wrong by now, which the broker is to say.
fn configured(file: Option<PathBuf>) -> Result<AdminConfig, String> {
    let sources = Sources { file, environment: std::env::vars().collect(), overrides: Vec::new() };
    let config = load_unchecked(&sources).map_err(|errors| {
        let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
        lines.join("\n")
    })?;
    Ok(config.admin)
}

/// How what is bound there is reached from this machine.
fn url_of(bind: &str) -> Result<String, String> {
    let of_address = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    };
    match Bind::parse(bind) {
        Some(Bind::Unix(_)) => Ok(bind.to_owned()),
        Some(Bind::Ip(address)) if address.port() != 0 => Ok(format!("http://{}", of_address(address))),
        _ if bind.is_empty() => Err("admin.bind is \"\": the broker has no admin listener".to_owned()),
        _ => Err(format!("admin.bind = \"{bind}\" does not say where the broker is: name it by --url")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_is_reached_from_this_machine() {
        for (bind, expected) in [
            ("127.0.0.1:8081", Some("http://127.0.0.1:8081")),
            ("0.0.0.0:81", Some("http://127.0.0.1:81")),
            ("[::]:81", Some("http://[::1]:81")),
            ("192.0.2.7:81", Some("http://192.0.2.7:81")),
            ("unix:/run/admin.sock", Some("unix:/run/admin.sock")),
            ("127.0.0.1:0", None),
            ("systemd:admin", None),
            ("", None),
        ] {
            assert_eq!(url_of(bind).ok().as_deref(), expected, "{bind}");
        }
    }
}
