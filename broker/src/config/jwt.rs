//! `[auth.jwt]`: where the keys of tokens are, and what a token must say.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::Uri;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::Span;
use crate::auth::jwt::{Algorithm, KeyError, Keys, Rules};

/// Largest file that is read, in bytes. The largest JWK sets take some ten KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// A longer difference between clocks would let expired tokens in for as long.
const LEEWAY_MAX: Span = Span(Duration::from_secs(3_600));
/// A set that is fetched more often is a burden to its issuer.
const REFRESH_MIN: Span = Span(Duration::from_secs(10));

/// JSON Web Tokens as credentials. File names are relative to the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct JwtConfig {
    /// PEM files with public keys or certificates.
    pub keys: Vec<PathBuf>,
    /// An HMAC secret: the bytes of the file, without the end of its line, or base64 behind `base64:`; 32 bytes for
    /// HS256, 48 for HS384, 64 for HS512.
    #[schemars(example = &"jwt.secret")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// A file with a JWK set.
    #[schemars(example = &"jwks.json")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_file: Option<PathBuf>,
    /// Where a JWK set is fetched: `https://…`, or `http://…` where nobody else can answer, since whoever does makes
    /// tokens. Secrets in it are passed over.
    #[schemars(example = &"https://issuer.example/.well-known/jwks.json")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// How often the set is fetched; at least 10 s. It is fetched at the first token, and when a token names a key that
    /// is not known, but not twice within 10 s.
    pub jwks_refresh: Span,
    /// How tokens may be signed. Those with a secret (`"HS256"`, `"HS384"`, `"HS512"`) only where they are named.
    pub algorithms: Vec<Algorithm>,
    /// A name or a list: `aud` must have one of them; empty: it is not looked at.
    #[schemars(with = "OneOrMany")]
    #[serde(deserialize_with = "one_or_many")]
    pub audience: Vec<String>,
    /// `iss` must be this; without it, it is not looked at.
    #[schemars(example = &"https://issuer.example")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// How far the clocks here and at the issuer may differ, in whole seconds; an hour at most.
    pub leeway: Span,
    /// The claim that names the user; dots lead into nested objects.
    pub username_claim: String,
    /// The claim that names the only client identifier the token is for; absent: any token is for any.
    #[schemars(example = &"client_id")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id_claim: Option<String>,
    /// The claim that names the user's groups, for rules; absent: tokens name none.
    #[schemars(example = &"roles")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups_claim: Option<String>,
    /// The claim that holds rules for the client: `docs/access-rules.md`.
    pub acl_claim: String,
    /// Whether tokens without `exp` are refused.
    pub require_expiry: bool,
}

impl Default for JwtConfig {
    fn default() -> Self {
        let rules = Rules::default();
        Self {
            keys: Vec::new(),
            secret_file: None,
            jwks_file: None,
            jwks_url: None,
            jwks_refresh: Span(Duration::from_secs(600)),
            algorithms: Algorithm::ALL.into_iter().filter(|algorithm| !algorithm.is_symmetric()).collect(),
            audience: rules.audiences,
            issuer: rules.issuer,
            leeway: Span(Duration::from_secs(rules.leeway_secs)),
            username_claim: rules.username_claim,
            client_id_claim: rules.client_id_claim,
            groups_claim: rules.groups_claim,
            acl_claim: rules.acl_claim,
            require_expiry: rules.requires_expiry,
        }
    }
}

impl JwtConfig {
    /// Has `find` say where the files are that settings name.
    pub fn resolve(&mut self, find: &impl Fn(&Path) -> PathBuf) {
        for file in self.keys.iter_mut().chain(&mut self.secret_file).chain(&mut self.jwks_file) {
            *file = find(file);
        }
    }

    /// What is wrong as far as it can be seen without reading files, each with its key within `[auth.jwt]`.
    pub fn faults(&self) -> Vec<(String, String)> {
        let mut faults: Vec<(&str, String)> = Vec::new();
        if let Some((key, text)) = self.source_fault() {
            faults.push((key, text.to_owned()));
        }
        if self.jwks_url.as_deref().is_some_and(|url| !is_web(url)) {
            let text =
                "use a URL such as \"https://issuer.example/jwks.json\", without a name and a password in it";
            faults.push(("jwks_url", text.to_owned()));
        }
        if self.jwks_refresh < REFRESH_MIN {
            let text = format!("{} is too often: use at least {REFRESH_MIN}", self.jwks_refresh);
            faults.push(("jwks_refresh", text));
        }
        if self.leeway > LEEWAY_MAX {
            let text =
                format!("{} lets expired tokens in for too long: use at most {LEEWAY_MAX}", self.leeway);
            faults.push(("leeway", text));
        }
        let empty = self.names().filter(|(_, name)| name.is_empty());
        faults.extend(empty.map(|(key, _)| (key, "the name is empty".to_owned())));
        faults.into_iter().map(|(key, text)| (key.to_owned(), text)).collect()
    }

    /// Whether keys and algorithms go together.
    fn source_fault(&self) -> Option<(&'static str, &'static str)> {
        let (is_secret, is_file, is_url) =
            (self.secret_file.is_some(), self.jwks_file.is_some(), self.jwks_url.is_some());
        if self.keys.is_empty() && !is_secret && !is_file && !is_url {
            let text =
                "nothing verifies a token: name at least one of keys, secret_file, jwks_file and jwks_url";
            return Some(("keys", text));
        }
        if self.algorithms.is_empty() {
            return Some(("algorithms", "no token would be accepted: name at least one"));
        }
        let uses_secret = self.algorithms.iter().any(|algorithm| algorithm.is_symmetric());
        let uses_keys = self.algorithms.iter().any(|algorithm| !algorithm.is_symmetric());
        if is_secret && !uses_secret {
            let text =
                "no algorithm uses the secret: name \"HS256\", \"HS384\" or \"HS512\" among algorithms";
            return Some(("secret_file", text));
        }
        // A set on a web server is no place for a secret.
        if uses_secret && !is_secret && !is_file {
            return Some(("algorithms", "HS256, HS384 and HS512 need a secret: name a secret_file"));
        }
        if uses_keys || (self.keys.is_empty() && !is_url) {
            return None;
        }
        let key = if is_url { "jwks_url" } else { "keys" };
        Some((key, "no algorithm uses the keys: name one such as \"ES256\" among algorithms"))
    }

    /// What must not be empty, each with its key.
    fn names(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let claims = [("username_claim", &self.username_claim), ("acl_claim", &self.acl_claim)];
        let optional = [
            ("issuer", &self.issuer),
            ("client_id_claim", &self.client_id_claim),
            ("groups_claim", &self.groups_claim),
        ];
        let optional = optional.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        claims.into_iter().chain(optional).chain(self.audience.iter().map(|value| ("audience", value)))
    }

    /// The rules, and the keys of the files; without any where all of them are to be fetched.
    ///
    /// # Errors
    ///
    /// The key within `[auth.jwt]`, and what is wrong with which file.
    pub fn read(&self) -> Result<(Rules, Keys), (String, String)> {
        let mut keys = Keys::default();
        for path in &self.keys {
            keys = keys.and(self.read_keys("keys", path, Keys::from_pem)?);
        }
        if let Some(path) = &self.secret_file {
            keys = keys.and(self.read_secret(path)?);
        }
        if let Some(path) = &self.jwks_file {
            keys = keys.and(self.read_keys("jwks_file", path, Keys::from_jwk_set)?);
        }
        Ok((self.rules(), keys))
    }

    fn rules(&self) -> Rules {
        Rules {
            algorithms: self.algorithms.clone(),
            audiences: self.audience.clone(),
            issuer: self.issuer.clone(),
            leeway_secs: self.leeway.secs().into(),
            username_claim: self.username_claim.clone(),
            client_id_claim: self.client_id_claim.clone(),
            acl_claim: self.acl_claim.clone(),
            groups_claim: self.groups_claim.clone(),
            requires_expiry: self.require_expiry,
        }
    }

    /// The keys of a file, of which at least one must be for one of the algorithms.
    fn read_keys(
        &self,
        key: &str,
        path: &Path,
        parse: fn(&[u8]) -> Result<Keys, KeyError>,
    ) -> Result<Keys, (String, String)> {
        let fault = |text: String| (key.to_owned(), format!("{}: {text}", path.display()));
        let wrong = |error: KeyError| match error.place() {
            Some((line, column)) => (key.to_owned(), format!("{}:{line}:{column}: {error}", path.display())),
            None => fault(error.to_string()),
        };
        let keys = parse(&read(path).map_err(fault)?).map_err(wrong)?;
        if self.algorithms.iter().any(|algorithm| keys.has_key_for(*algorithm)) {
            return Ok(keys);
        }
        Err(fault("none of the algorithms uses its keys".to_owned()))
    }

    /// The secret, which must be long enough for all of the algorithms that use it.
    fn read_secret(&self, path: &Path) -> Result<Keys, (String, String)> {
        let secret = self.read_keys("secret_file", path, Keys::from_secret)?;
        let is_too_short =
            |algorithm: &&Algorithm| algorithm.is_symmetric() && !secret.has_key_for(**algorithm);
        match self.algorithms.iter().find(is_too_short) {
            None => Ok(secret),
            Some(algorithm) => {
                let (path, bytes) = (path.display(), algorithm.secret_bytes_min());
                let text = format!("{path}: the secret is too short: {algorithm} needs {bytes} bytes");
                Err(("secret_file".to_owned(), text))
            }
        }
    }
}

/// Whether it is the URL of a web server. A password in it would be shown wherever the configuration is.
pub(super) fn is_web(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let has_password = url.authority().is_some_and(|authority| authority.as_str().contains('@'));
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some() && !has_password
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}

/// How a list may be written whose usual length is one.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a name or a list of names")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(name) => vec![name],
        OneOrMany::Many(names) => names,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;

    fn config(text: &str) -> JwtConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn what_is_not_said_is_as_the_rules_have_it() {
        let config = config("");
        assert_eq!(config, JwtConfig::default());
        assert_eq!(config.rules(), Rules { algorithms: config.algorithms.clone(), ..Rules::default() });
        assert_eq!(config.algorithms.len(), 9, "those with a secret are not among them");
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<JwtConfig>(&text).unwrap(), config);
    }

    #[test]
    fn what_is_said_becomes_the_rules() {
        let config = config(
            r#"
            algorithms = ["EdDSA", "HS256"]
            audience = "tidewire"
            issuer = "https://issuer.example"
            leeway = "2m"
            username_claim = "user.name"
            client_id_claim = "device"
            groups_claim = "roles"
            acl_claim = "rules"
            require_expiry = false
            "#,
        );
        let rules = Rules {
            algorithms: vec![Algorithm::EdDSA, Algorithm::HS256],
            audiences: vec!["tidewire".to_owned()],
            issuer: Some("https://issuer.example".to_owned()),
            leeway_secs: 120,
            username_claim: "user.name".to_owned(),
            client_id_claim: Some("device".to_owned()),
            acl_claim: "rules".to_owned(),
            groups_claim: Some("roles".to_owned()),
            requires_expiry: false,
        };
        assert_eq!(config.rules(), rules);
    }

    #[test]
    fn other_words_are_refused() {
        assert_eq!(config("audience = [\"a\", \"b\"]").audience, ["a", "b"]);
        for (text, part) in [
            ("audience = 1", "a name or a list of names"),
            ("algorithms = [\"none\"]", "unknown variant `none`"),
            ("algorithms = [\"es256\"]", "unknown variant `es256`"),
            ("key = []", "unknown field `key`"),
            ("leeway = 60", "a duration such as"),
        ] {
            let error = toml::from_str::<JwtConfig>(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn faults_are_found_without_a_look_into_files() {
        let url = "jwks_url = \"https://issuer.example/\"\n";
        for (text, faults) in [
            (url.to_owned(), vec![]),
            ("keys = [\"a.pem\"]".to_owned(), vec![]),
            ("jwks_file = \"a.json\"\nalgorithms = [\"HS256\", \"ES256\"]".to_owned(), vec![]),
            ("secret_file = \"a\"\nalgorithms = [\"HS256\"]".to_owned(), vec![]),
            (String::new(), vec!["keys"]),
            (format!("{url}algorithms = []"), vec!["algorithms"]),
            (format!("{url}algorithms = [\"HS256\", \"ES256\"]"), vec!["algorithms"]),
            (format!("{url}secret_file = \"a\"\nalgorithms = [\"HS256\"]"), vec!["jwks_url"]),
            ("secret_file = \"a\"".to_owned(), vec!["secret_file"]),
            ("keys = [\"a.pem\"]\nsecret_file = \"a\"\nalgorithms = [\"HS256\"]".to_owned(), vec!["keys"]),
            ("jwks_url = \"ftp://issuer.example/\"".to_owned(), vec!["jwks_url"]),
            ("jwks_url = \"issuer.example\"".to_owned(), vec!["jwks_url"]),
            ("jwks_url = \"/jwks.json\"".to_owned(), vec!["jwks_url"]),
            ("jwks_url = \"https://\"".to_owned(), vec!["jwks_url"]),
            ("jwks_url = \"https://a b/\"".to_owned(), vec!["jwks_url"]),
            ("jwks_url = \"https://user:secret@issuer.example/\"".to_owned(), vec!["jwks_url"]),
            ("jwks_url = \"http://[::1]:8080/keys?a=b\"".to_owned(), vec![]),
            (format!("{url}jwks_refresh = \"9s\""), vec!["jwks_refresh"]),
            (format!("{url}jwks_refresh = \"10s\"\nleeway = \"1h\""), vec![]),
            (format!("{url}leeway = \"61m\""), vec!["leeway"]),
            (format!("{url}issuer = \"\"\naudience = \"\""), vec!["issuer", "audience"]),
            (format!("{url}username_claim = \"\"\nacl_claim = \"\""), vec!["username_claim", "acl_claim"]),
        ] {
            let found: Vec<_> = config(&text).faults().into_iter().map(|(key, _)| key).collect();
            assert_eq!(found, faults, "{text}");
        }
    }

    #[test]
    fn files_are_read_and_what_is_wrong_with_them_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let set = r#"{"keys":[{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}"#;
        for (name, bytes) in [
            ("public.pem", pair.public_key_pem().into_bytes()),
            ("private.pem", pair.serialize_pem().into_bytes()),
            ("secret", vec![7; 32]),
            ("set.json", set.as_bytes().to_vec()),
            ("large", vec![b' '; (1 << 20) + 1]),
        ] {
            std::fs::write(directory.path().join(name), bytes).unwrap();
        }
        let read = |text: &str| {
            let mut config = config(text);
            config.resolve(&|file| directory.path().join(file));
            config.read()
        };
        let (_, keys) = read(
            "keys = [\"public.pem\"]\nsecret_file = \"secret\"\njwks_file = \"set.json\"\n\
             algorithms = [\"ES256\", \"HS256\"]",
        )
        .unwrap();
        assert_eq!(keys.len(), 3);
        assert!(read("jwks_url = \"https://issuer.example/\"").unwrap().1.is_empty());

        let all = "algorithms = [\"HS256\", \"HS512\"]";
        for (text, key, file, part) in [
            ("keys = [\"public.pem\", \"nowhere\"]", "keys", "nowhere", "No such file"),
            ("keys = [\"private.pem\"]", "keys", "private.pem", "a private key is in it"),
            ("keys = [\"large\"]", "keys", "large", "larger than 1048576 bytes"),
            (
                "keys = [\"public.pem\"]\nalgorithms = [\"RS256\"]",
                "keys",
                "public.pem",
                "none of the algorithms",
            ),
            ("jwks_file = \"secret\"", "jwks_file", "secret:1:1", "no JWK set"),
            ("jwks_file = \"set.json\"", "jwks_file", "set.json", "none of the algorithms"),
            (&format!("secret_file = \"public.pem\"\n{all}"), "secret_file", "public.pem", "is no secret"),
            (&format!("secret_file = \"secret\"\n{all}"), "secret_file", "secret", "HS512 needs 64 bytes"),
        ] {
            let (found, error) = read(text).unwrap_err();
            let place = format!("{}: ", directory.path().join(file).display());
            assert_eq!(found, key, "{text}");
            assert!(error.starts_with(&place) && error.contains(part), "{text}: {error}");
        }
    }
}
