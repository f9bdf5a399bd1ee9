//! What can be used in a configuration and should not be.

use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use hyper::Uri;

use super::{AuthConfig, Config, JwtConfig, ListenerConfig};
use crate::auth::is_open_to_others;
use crate::tls::TlsFault;

/// All of it, each with the key it belongs to.
pub fn warnings(config: &Config) -> Vec<(String, String)> {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    let of_listener = |(index, listener): (usize, &ListenerConfig)| {
        let found = listener.tls.as_ref().map(|tls| tls.warnings(now)).unwrap_or_default();
        found.into_iter().map(move |TlsFault { key, text }| (format!("listeners[{index}].tls.{key}"), text))
    };
    let mut warnings: Vec<_> = config.listeners.iter().enumerate().flat_map(of_listener).collect();
    let of_auth = plain_urls(&config.auth).chain(two_kinds(&config.auth));
    warnings.extend(of_auth.map(|(key, text)| (format!("auth.{key}"), text)));
    warnings.extend(open_files(config).map(|(key, text)| (key.to_owned(), text)));
    warnings.extend(config.admin.warning().map(|(key, text)| (format!("admin.{key}"), text)));
    warnings.extend(config.telemetry.warning().map(|(key, text)| (format!("telemetry.{key}"), text)));
    warnings
}

/// Servers that are asked in clear, on other machines.
fn plain_urls(auth: &AuthConfig) -> impl Iterator<Item = (&'static str, String)> {
    let service = auth.http.as_ref().map(|http| &http.url);
    let keys = auth.jwt.as_ref().and_then(|jwt| jwt.jwks_url.as_ref());
    let asked = [
        ("http.url", service, "passwords travel there for everybody on the way to read"),
        ("jwt.jwks_url", keys, "everybody on the way there can put in keys, and so make tokens"),
    ];
    asked.into_iter().filter_map(|(key, url, text)| {
        let host = host_in_clear(url?)?;
        Some((key, format!("{host} is asked without TLS, and {text}: use https")))
    })
}

/// The host of a URL, if that is another machine which is asked without TLS.
pub(super) fn host_in_clear(url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    let host = url.host().filter(|host| url.scheme_str() == Some("http") && !is_loopback_host(host))?;
    Some(host.to_owned())
}

/// Whether a host's name or address, as URLs have it, is this machine.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    let address: Result<IpAddr, _> = host.trim_start_matches('[').trim_end_matches(']').parse();
    address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.to_canonical().is_loopback())
}

/// Files with secrets that are no secret on this machine.
fn open_files(config: &Config) -> impl Iterator<Item = (&'static str, String)> {
    let auth = &config.auth;
    let files = [
        ("auth.password_file", auth.password_file.as_deref()),
        ("auth.scram_file", auth.scram_file.as_deref()),
        ("auth.jwt.secret_file", auth.jwt.as_ref().and_then(|jwt| jwt.secret_file.as_deref())),
        ("auth.http.token_file", auth.http.as_ref().and_then(|http| http.token_file.as_deref())),
        ("admin.token_file", config.admin.token_file.as_deref()),
        ("telemetry.headers_file", config.telemetry.headers_file.as_deref()),
    ];
    let is_open = |path: &&Path| is_open_to_others(path).unwrap_or_default();
    files.into_iter().filter_map(move |(key, path)| {
        let path = path.filter(is_open)?.display();
        Some((
            key,
            format!("{path}: everybody on this machine may read or write it: chmod o= {path} changes that"),
        ))
    })
}

/// Two ways to sign that trust two kinds of people.
fn two_kinds(auth: &AuthConfig) -> impl Iterator<Item = (&'static str, String)> {
    let has_keys = |jwt: &&JwtConfig| !jwt.keys.is_empty() || jwt.jwks_url.is_some();
    let algorithms = auth.jwt.as_ref().filter(has_keys).map(|jwt| jwt.algorithms.as_slice());
    let symmetric = algorithms.unwrap_or_default().iter().find(|algorithm| algorithm.is_symmetric());
    symmetric.into_iter().map(|algorithm| {
        let text = format!(
            "{algorithm} beside public keys lets all who have the secret make tokens as if they were the issuer: name \
             only what the issuer uses"
        );
        ("jwt.algorithms", text)
    })
}
