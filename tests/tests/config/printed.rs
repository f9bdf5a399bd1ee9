//! What is said of a configuration that is right: as text, with where each value comes from, and without secrets.

use tidewire::config::{Sources, explained, load, load_unchecked, load_with_warnings, plain};

use super::{file, load_text, load_with};

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let changed = [
        "auth.anonymous=true",
        "limits.connect_timeout=90s",
        "stomp.denied=ignore",
        "log.level=\"info,a=debug\"",
    ];
    for overrides in [&[][..], &changed] {
        let printed =
            toml::to_string(&load_with(&[], overrides).expect("it is right")).expect("it can be written");
        let again =
            toml::to_string(&load_text(&printed).expect("it can be read")).expect("it can be written");
        assert_eq!(printed, again);
    }
}

/// What `tidewire config` prints of a file with these lines, an environment variable and two `--set`.
#[test]
fn what_was_set_says_where() {
    let (_directory, path) = file("data_dir = \"a\"\n[limits]\nconnections_max = 7\nban_time = \"1m\"\n");
    let loaded = load_with_warnings(&Sources {
        file: Some(path.clone()),
        environment: vec![("TIDEWIRE_LISTENERS__MQTT__BIND".into(), "[::1]:1".into())],
        overrides: vec!["limits.ban_time=2m".into(), "auth.credential_sources=connect, query".into()],
    });
    let text = explained(&loaded.expect("it is right")).expect("it can be written");
    let file = path.display();
    for line in [
        format!("data_dir = \"a\"  # {file}:1"),
        format!("connections_max = 7  # {file}:3"),
        "ban_time = \"2m\"  # --set limits.ban_time".to_owned(),
        "bind = \"[::1]:1\"  # environment variable TIDEWIRE_LISTENERS__MQTT__BIND".to_owned(),
        "credential_sources = [\"connect\", \"query\"]  # --set auth.credential_sources".to_owned(),
        "bind = \"127.0.0.1:8080\"".to_owned(),
        "connect_timeout = \"10s\"".to_owned(),
    ] {
        assert!(text.lines().any(|printed| printed == line), "{line} is not in\n{text}");
    }
    assert_eq!(text.matches("  # ").count(), 5, "{text}");
}

#[test]
fn what_is_printed_has_no_secrets() {
    let url = "https://users.example/mqtt?key=secret";
    for (set, key) in [("auth.http.url", "url"), ("auth.jwt.jwks_url", "jwks_url")] {
        let loaded =
            load_with_warnings(&Sources { overrides: vec![format!("{set}={url}")], ..Sources::default() });
        let loaded = loaded.expect("it is right");
        for text in [explained(&loaded), plain(&loaded.config)] {
            let text = text.expect("it can be written");
            assert!(text.contains(&format!("{key} = \"https://users.example/mqtt?…\"")), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}

/// Every setting that names a file.
const FILES: &str = r#"
[[listeners]]
name = "secure"
bind = "127.0.0.1:8443"
transport = "ws"
protocols = ["mqtt"]
[listeners.tls]
cert = "credential:file"
key = "credential:file"
client_ca = "credential:file"
crl = ["credential:file"]
[[listeners.tls.certificates]]
cert = "credential:file"
key = "credential:file"
[auth]
password_file = "credential:file"
scram_file = "credential:file"
acl_file = "credential:file"
ca_file = "credential:file"
[auth.jwt]
keys = ["credential:file"]
secret_file = "credential:file"
jwks_file = "credential:file"
[auth.http]
url = "https://users.example/"
token_file = "credential:file"
[admin]
token_file = "credential:file"
"#;

#[test]
fn every_file_may_be_a_credential() {
    let named = FILES.matches("credential:file").count();
    let (_directory, path) = file(FILES);
    let environment =
        vec![("CREDENTIALS_DIRECTORY".to_owned(), "/run/credentials/tidewire.service".to_owned())];
    let sources = Sources { file: Some(path.clone()), environment, overrides: Vec::new() };
    let config = load_unchecked(&sources).expect("it can be read");
    let text = toml::to_string(&config).expect("a configuration can be written");
    assert_eq!(text.matches("\"/run/credentials/tidewire.service/file\"").count(), named, "{text}");
    let errors = load(&Sources { file: Some(path), ..Sources::default() }).expect_err("none are passed");
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(errors.iter().any(|error| error.contains("$CREDENTIALS_DIRECTORY/file")), "{errors:?}");
}
