//! The configuration that holds, written out: for whoever asks what a broker runs with.

use std::path::Path;

use toml::ser::Error;

use super::document::Document;
use super::{Config, Loaded, Origin};

/// The settings as TOML, defaults included, without secrets.
///
/// # Errors
///
/// When a value cannot be written as TOML, such as a file's name that is no UTF-8.
pub fn plain(config: &Config) -> Result<String, Error> {
    toml::to_string(&config.masked())
}

/// The same, with a comment behind each setting that was made somewhere: where.
///
/// # Errors
///
/// See [`plain`].
pub fn explained(loaded: &Loaded) -> Result<String, Error> {
    let text = plain(&loaded.config)?;
    // What was just written can be read.
    let Ok(document) = Document::parse(Path::new("effective"), text.as_bytes()) else { return Ok(text) };
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for (key, line) in document.keys() {
        if let Some(origin) = loaded.origins.iter().rev().find(|origin| origin.is_of(&key))
            && let Some(line) = lines.get_mut(line - 1)
        {
            *line = format!("{line}  # {}", origin.place_without_value());
        }
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

impl Origin {
    /// Whether the key is this one, or one within it.
    fn is_of(&self, key: &str) -> bool {
        key.strip_prefix(&self.key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// The value of a `--set` may be a secret, and stands before the comment.
    fn place_without_value(&self) -> &str {
        match self.place.starts_with("--set ") {
            true => self.place.split('=').next().unwrap_or(&self.place),
            false => &self.place,
        }
    }
}

/// What stands for a secret.
const MASK: &str = "…";

impl Config {
    /// The same without what nobody else should see: names, passwords and queries of URLs. All other secrets are in files of
    /// their own.
    pub fn masked(&self) -> Self {
        let mut masked = self.clone();
        let service = masked.auth.http.as_mut().map(|http| &mut http.url);
        let keys = masked.auth.jwt.as_mut().and_then(|jwt| jwt.jwks_url.as_mut());
        let collector = masked.telemetry.otlp_endpoint.as_mut();
        for url in service.into_iter().chain(keys).chain(collector) {
            *url = mask_url(url);
        }
        masked
    }
}

/// A URL without its name, password and query.
fn mask_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = host.rsplit_once('@').map_or(host.to_owned(), |(_, host)| format!("{MASK}@{host}"));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    let query = query.map_or(String::new(), |_| format!("?{MASK}"));
    format!("{scheme}{host}{path}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_where_it_leads_and_loses_what_it_hides() {
        for (url, masked) in [
            ("https://users.example/mqtt", "https://users.example/mqtt"),
            ("https://users.example", "https://users.example"),
            ("https://users.example/mqtt?key=secret", "https://users.example/mqtt?…"),
            ("https://ann:secret@users.example:9000/a@b", "https://…@users.example:9000/a@b"),
            ("users.example?secret", "users.example?…"),
        ] {
            assert_eq!(mask_url(url), masked);
        }
    }
}
