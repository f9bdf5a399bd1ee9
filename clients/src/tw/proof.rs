//! How `tw` proves who it is: passwords and tokens, from where they are not seen.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tidewire_client::{Credentials, Login};

use super::Failure;
use super::arguments::{CredentialArgs, Secret};

/// How the client proves who it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    None,
    /// A name without a proof, for brokers that want no more.
    Name(String),
    Password(String, Secret),
    Token(Option<String>, Secret),
    TokenFile(Option<String>, PathBuf),
}

impl Proof {
    /// The first that is given: on the command line, or else by `variable`.
    pub(super) fn find(
        args: &CredentialArgs,
        user_name: Option<String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let password = match (&args.password, &args.password_file) {
            (Some(password), _) => Some(password.clone()),
            (None, Some(path)) => Some(read_secret(path).map_err(|error| unreadable(path, error))?),
            (None, None) => None,
        };
        Ok(match (&args.token, &args.token_file, password, user_name) {
            (Some(token), _, _, user_name) => Self::Token(user_name, token.clone()),
            (None, Some(path), _, user_name) => Self::TokenFile(user_name, path.clone()),
            (None, None, Some(password), user_name) => {
                Self::Password(user_name.unwrap_or_default(), password)
            }
            (None, None, None, Some(user_name)) => match variable(PASSWORD_VARIABLE) {
                Some(password) => Self::Password(user_name, Secret(password)),
                None => match variable(TOKEN_VARIABLE) {
                    Some(token) => Self::Token(Some(user_name), Secret(token)),
                    None => Self::Name(user_name),
                },
            },
            (None, None, None, None) => match variable(TOKEN_VARIABLE) {
                Some(token) => Self::Token(None, Secret(token)),
                None => Self::None,
            },
        })
    }

    pub(super) fn into_credentials(self) -> Result<Credentials, Failure> {
        let named = |login: Login, user_name: Option<String>| match user_name {
            Some(user_name) => login.with_user_name(user_name),
            None => login,
        };
        Ok(match self {
            Self::None => Credentials::none(),
            Self::Name(user_name) => Credentials::fixed(Login::anonymous().with_user_name(user_name)),
            Self::Password(user_name, Secret(password)) => Credentials::password(user_name, password),
            Self::Token(user_name, Secret(token)) => {
                Credentials::fixed(named(Login::token(token), user_name))
            }
            Self::TokenFile(user_name, path) => {
                // A file that is not there at all is told now, and not after attempts to connect.
                read_secret(&path).map_err(|error| unreadable(&path, error))?;
                Credentials::provider(move || {
                    let login =
                        read_secret(&path).map(|Secret(token)| named(Login::token(token), user_name.clone()));
                    async move { login }
                })
            }
        })
    }
}

/// A file's text without its last line end.
fn read_secret(path: &Path) -> io::Result<Secret> {
    let text = fs::read_to_string(path)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::Input { what: path.display().to_string(), error }
}

/// Where a password is looked for.
const PASSWORD_VARIABLE: &str = "TW_PASSWORD";

/// Where a token is looked for.
const TOKEN_VARIABLE: &str = "TW_TOKEN";

#[cfg(test)]
mod tests {
    use super::*;

    /// A line each: what is given, who connects, what the variables hold, and what comes of it.
    #[test]
    fn the_nearest_proof_is_taken() {
        let secret = |text: &str| Secret(text.to_owned());
        let none = || CredentialArgs { password: None, password_file: None, token: None, token_file: None };
        let password = || CredentialArgs { password: Some(secret("given")), ..none() };
        let token = || CredentialArgs { token: Some(secret("given")), ..none() };
        let file = || CredentialArgs { token_file: Some("/run/token".into()), ..none() };
        let ann = || "ann".to_owned();
        for (args, user_name, variables, proof) in [
            (none(), None, &[][..], Proof::None),
            (none(), None, &[PASSWORD_VARIABLE], Proof::None),
            (none(), None, &[TOKEN_VARIABLE], Proof::Token(None, secret("kept"))),
            (none(), Some(ann()), &[], Proof::Name(ann())),
            (none(), Some(ann()), &[PASSWORD_VARIABLE], Proof::Password(ann(), secret("kept"))),
            (none(), Some(ann()), &[TOKEN_VARIABLE], Proof::Token(Some(ann()), secret("kept"))),
            (password(), Some(ann()), &[PASSWORD_VARIABLE], Proof::Password(ann(), secret("given"))),
            (token(), Some(ann()), &[PASSWORD_VARIABLE], Proof::Token(Some(ann()), secret("given"))),
            (file(), None, &[TOKEN_VARIABLE], Proof::TokenFile(None, "/run/token".into())),
        ] {
            let shown = format!("{args:?} {user_name:?} {variables:?}");
            let variable = |name: &str| variables.contains(&name).then(|| "kept".to_owned());
            assert_eq!(Proof::find(&args, user_name, variable).unwrap(), proof, "{shown}");
        }
    }

    #[test]
    fn a_file_is_read_without_its_line_end_and_told_of_when_it_is_not_there() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, read) in [("pencil\n", "pencil"), ("pencil", "pencil"), ("a\r\n", "a"), ("a\n\n", "a\n")] {
            fs::write(file.path(), text).unwrap();
            assert_eq!(read_secret(file.path()).unwrap(), Secret(read.to_owned()), "{text:?}");
        }
        let missing = Proof::TokenFile(None, "/nowhere/token".into()).into_credentials().map(drop);
        assert!(missing.is_err_and(|failure| failure.to_string().contains("/nowhere/token")));
    }
}
