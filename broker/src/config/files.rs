//! Where the files are that settings name.

use std::path::{Path, PathBuf};

use super::Sources;

/// What a credential's name begins with where a file is named.
const CREDENTIAL_PREFIX: &str = "credential:";
/// Where systemd has put a service's credentials, for it alone to read. (systemd.exec(5), `LoadCredential=`)
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The path of a file that a setting names: of `"credential:NAME"` the credential that systemd passes by this name, and of
/// a relative one that beside the configuration file.
pub(super) fn find_file(file: &Path, sources: &Sources) -> PathBuf {
    let credential = file.to_str().and_then(|name| name.strip_prefix(CREDENTIAL_PREFIX));
    if let Some(name) = credential.filter(|name| !name.contains('/')) {
        let passed = sources.environment.iter().find(|(key, _)| key == CREDENTIALS_DIRECTORY);
        // Where none are passed, the fault that no such file is there says so by the variable's name.
        let directory =
            passed.map_or_else(|| format!("${CREDENTIALS_DIRECTORY}"), |(_, directory)| directory.clone());
        return Path::new(&directory).join(name);
    }
    let directory = sources.file.as_deref().and_then(Path::parent);
    directory.map_or_else(|| file.to_owned(), |directory| directory.join(file))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn files_are_beside_the_configuration_or_credentials() {
        let file = Some(PathBuf::from("/etc/tidewire/tidewire.toml"));
        let environment = vec![("CREDENTIALS_DIRECTORY".to_owned(), "/run/credentials/x".to_owned())];
        let under_systemd = Sources { file: file.clone(), environment, overrides: Vec::new() };
        let by_hand = Sources { file, ..Sources::default() };
        let without_file = Sources { file: None, ..under_systemd.clone() };
        let cases = [
            (&under_systemd, "users", "/etc/tidewire/users"),
            (&under_systemd, "/srv/users", "/srv/users"),
            (&under_systemd, "credential:users", "/run/credentials/x/users"),
            (&under_systemd, "credential:../users", "/etc/tidewire/credential:../users"),
            (&without_file, "users", "users"),
            (&without_file, "credential:users", "/run/credentials/x/users"),
            (&by_hand, "credential:users", "$CREDENTIALS_DIRECTORY/users"),
        ];
        for (sources, named, found) in cases {
            assert_eq!(find_file(named.as_ref(), sources), Path::new(found), "{named}");
        }
    }
}
