//! Users, rules and tokens for a broker inside the test: the files that its configuration names.

use std::fs;
use std::path::PathBuf;

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tidewire::auth::jwt::Algorithm;
use tidewire::config::{Config, JwtConfig, Span};

use crate::world::START_UNIX_MS;

/// What tokens are signed with.
const SECRET: &[u8] = b"a secret of the tests, and longer than thirty-two bytes";

/// A folder with such files; they are gone with it.
pub struct Users {
    folder: TempDir,
    config: Config,
}

impl Default for Users {
    fn default() -> Self {
        let folder = TempDir::new().expect("there is room for a folder");
        let mut config = Config::default();
        config.auth.anonymous = Some(false);
        Self { folder, config }
    }
}

impl Users {
    /// Nobody is let in yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With those who prove nothing.
    pub fn and_anybody(mut self) -> Self {
        self.config.auth.anonymous = Some(true);
        self
    }

    /// With a password file that has these lines.
    pub fn with_passwords(mut self, lines: &str) -> Self {
        self.config.auth.password_file = Some(self.write("passwd", lines));
        self
    }

    /// With rules.
    pub fn with_rules(mut self, rules: &str) -> Self {
        self.config.auth.acl_file = Some(self.write("acl.toml", rules));
        self
    }

    /// With tokens that [`token`] makes.
    pub fn with_tokens(mut self) -> Self {
        let secret_file = Some(self.write("secret", SECRET));
        self.config.auth.jwt = Some(JwtConfig {
            secret_file,
            algorithms: vec![Algorithm::HS256],
            leeway: Span(std::time::Duration::ZERO),
            ..JwtConfig::default()
        });
        self
    }

    /// With tokens that one of these public keys has signed, a JWK set's, as well.
    pub fn with_key_set(mut self, set: &Value) -> Self {
        let jwks_file = Some(self.write("jwks.json", set.to_string()));
        let jwt = self.config.auth.jwt.get_or_insert_default();
        jwt.jwks_file = jwks_file;
        jwt.algorithms = vec![Algorithm::HS256, Algorithm::RS256, Algorithm::ES256];
        self
    }

    /// Puts other lines into the password file.
    pub fn change_passwords(&self, lines: &str) {
        self.write("passwd", lines);
    }

    /// Puts another secret in the place of what tokens are signed with.
    pub fn change_secret(&self, secret: &[u8]) {
        self.write("secret", secret);
    }

    /// Puts other rules in.
    pub fn change_rules(&self, rules: &str) {
        self.write("acl.toml", rules);
    }

    /// Has a configuration name these files.
    pub fn configure(&self, config: &mut Config) {
        config.auth = self.config.auth.clone();
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).expect("there is room for a file");
        path
    }
}

/// A token for a user that is good for so many seconds from when virtual time begins.
pub fn token(user: &str, secs: u64) -> String {
    token_with(user, secs, json!({}))
}

/// The same with more claims.
pub fn token_with(user: &str, secs: u64, more: Value) -> String {
    let mut claims = json!({ "sub": user, "exp": START_UNIX_MS / 1000 + secs });
    let all = claims.as_object_mut().expect("claims are an object");
    all.extend(more.as_object().expect("claims are an object").clone());
    token_by(SECRET, &claims)
}

/// A token of these claims, signed with that secret.
pub fn token_by(secret: &[u8], claims: &Value) -> String {
    let header = Header::new(jsonwebtoken::Algorithm::HS256);
    let key = EncodingKey::from_secret(secret).expect("it is long enough");
    encode(&header, claims, &key).expect("the claims can be signed")
}

/// The line of a password file for a user, in the notation of mosquitto that takes no time to check.
pub fn password_line(user: &str, password: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha512};
    let salt = b"salt of the test";
    let hash = Sha512::new().chain_update(password).chain_update(salt).finalize();
    format!("{user}:$6${}${}\n", STANDARD.encode(salt), STANDARD.encode(hash))
}
