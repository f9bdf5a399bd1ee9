//! Makes of the settings of `[auth]` whoever knows the users: reads the files that they name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Config, ConfigError, CredentialSource};
use crate::auth::acl::{Acl, AclError};
use crate::auth::{Gate, Hashing, PasswordFile, Policy, Published, ScramUsers, Service, Tokens};
use crate::fetch::Fetch;

/// How long fetching published keys may take.
const KEYS_TIMEOUT: Duration = Duration::from_secs(5);

/// A setting of `[auth]` that cannot be used.
#[derive(Debug)]
pub struct AuthFault {
    /// The setting.
    pub key: String,
    /// What is wrong, with the place in the file that it names.
    pub text: String,
}

impl std::fmt::Display for AuthFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.key, self.text)
    }
}

impl std::error::Error for AuthFault {}

impl From<AuthFault> for ConfigError {
    fn from(AuthFault { key, text }: AuthFault) -> Self {
        Self { place: key, text, excerpt: None }
    }
}

impl Config {
    /// Who may connect, as configured.
    ///
    /// # Errors
    ///
    /// When a file that is named cannot be used.
    pub fn authority(&self) -> Result<Arc<Gate>, AuthFault> {
        Ok(Arc::new(Gate::new(self.policy()?)))
    }

    /// The same for a gate that is there.
    ///
    /// # Errors
    ///
    /// When a file that is named cannot be used.
    pub fn policy(&self) -> Result<Policy, AuthFault> {
        let auth = &self.auth;
        let passwords = of(&auth.password_file, "auth.password_file", PasswordFile::load)?;
        Ok(Policy {
            anonymous: self.allows_anonymous(),
            takes_token_as_password: auth.credential_sources.contains(&CredentialSource::Connect),
            tokens: self.tokens()?.map(Arc::new),
            passwords: passwords.map(|file| (file, Arc::new(Hashing::new(auth.password_queue_max)))),
            scram: of(&auth.scram_file, "auth.scram_file", ScramUsers::load)?,
            service: self.service()?.map(Arc::new),
            acl: of(&auth.acl_file, "auth.acl_file", load_acl)?,
        })
    }

    /// Every setting of which a file cannot be used.
    pub(super) fn auth_faults(&self) -> Vec<AuthFault> {
        let auth = &self.auth;
        let faults = [
            of(&auth.password_file, "auth.password_file", PasswordFile::load).err(),
            of(&auth.scram_file, "auth.scram_file", ScramUsers::load).err(),
            of(&auth.acl_file, "auth.acl_file", load_acl).err(),
            self.tokens().err(),
            self.service().err(),
        ];
        faults.into_iter().flatten().collect()
    }

    fn tokens(&self) -> Result<Option<Tokens>, AuthFault> {
        let Some(jwt) = &self.auth.jwt else { return Ok(None) };
        let fault = |(key, text)| AuthFault { key: format!("auth.jwt.{key}"), text };
        let (rules, keys) = jwt.read().map_err(fault)?;
        let published = match &jwt.jwks_url {
            Some(url) => {
                let uri =
                    url.parse().map_err(|_| fault(("jwks_url".to_owned(), "it is no URL".to_owned())))?;
                Some(Published::new(self.fetch(KEYS_TIMEOUT)?, uri, jwt.jwks_refresh.0))
            }
            None => None,
        };
        Ok(Some(Tokens::new(rules, keys, published)))
    }

    fn service(&self) -> Result<Option<Service>, AuthFault> {
        let Some(http) = &self.auth.http else { return Ok(None) };
        let fault = |key: &str, text: String| AuthFault { key: format!("auth.http.{key}"), text };
        let uri = http.url.parse().map_err(|_| fault("url", "it is no URL".to_owned()))?;
        let bearer = of(&http.token_file, "auth.http.token_file", load_token)?;
        let service = Service::new(self.fetch(http.timeout.0)?, uri, bearer, http.cache_ttl.0);
        service.map(Some).map_err(|error| fault("url", error.to_string()))
    }

    fn fetch(&self, timeout: Duration) -> Result<Fetch, AuthFault> {
        let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        let extra_ca = of(&self.auth.ca_file, "auth.ca_file", read)?;
        let fault = |text| AuthFault { key: "auth.ca_file".to_owned(), text };
        Fetch::new(extra_ca.as_deref(), timeout).map_err(fault)
    }
}

/// What is in the file that a setting names, if it names one.
fn of<T, E: std::fmt::Display>(
    path: &Option<std::path::PathBuf>,
    key: &str,
    load: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<Option<T>, AuthFault> {
    let fault = |error: E| AuthFault { key: key.to_owned(), text: error.to_string() };
    path.as_deref().map(load).transpose().map_err(fault)
}

/// A token as a header of HTTP can carry it. (RFC 6750, section 2.1)
pub(super) fn load_token(path: &Path) -> Result<Box<str>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let token = text.trim_ascii();
    match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token.into()),
        false => {
            Err(format!("{}: expected one token, of letters, digits and signs of ASCII", path.display()))
        }
    }
}

fn load_acl(path: &Path) -> Result<Acl, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Acl::parse(path, &text).map_err(|error: AclError| error.to_string())
}
