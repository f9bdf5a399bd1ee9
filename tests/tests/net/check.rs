//! What `tidewire check` says of certificates and keys: file, reason, and the line of the setting.

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, date_time_ymd};
use tidewire::config::{ConfigError, Loaded, Sources, load, load_with_warnings};
use tidewire_tests::authority::{Authority, Folder};

/// A listener with TLS, whose lines of `[listeners.tls]` begin at line 8.
fn configuration(tls: &str) -> String {
    format!(
        "[[listeners]]\nname = \"plain\"\nbind = \"127.0.0.1:0\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n\
         [[listeners]]\nname = \"secure\"\nbind = \"127.0.0.1:0\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n\
         [listeners.tls]\n{tls}"
    )
}

fn sources(folder: &Folder, tls: &str) -> Sources {
    Sources { file: Some(folder.write("tidewire.toml", &configuration(tls))), ..Sources::default() }
}

/// A folder with all that is right, and some that is not.
fn folder() -> Folder {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let [first, second] = [authority.server(&["localhost"]), authority.server(&["a.example"])];
    folder.write("server.pem", &first.pem);
    folder.write("server.key", &first.key_pem);
    folder.write("other.pem", &second.pem);
    folder.write("other.key", &second.key_pem);
    folder.write("ca.pem", &authority.pem());
    folder.write("revoked.pem", &authority.revokes(&[1]));
    folder.write("old-list.pem", &authority.revokes_until(&[1], 2021));
    folder.write("empty.pem", "");
    folder.write("broken.pem", "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n");
    folder.write(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let issue = |name: &str, change: fn(&mut CertificateParams)| {
        let leaf = authority.issue(&["localhost"], change);
        folder.write(&format!("{name}.pem"), &leaf.pem);
        folder.write(&format!("{name}.key"), &leaf.key_pem);
    };
    issue("expired", |params| params.not_after = date_time_ymd(2021, 1, 1));
    let soon = SystemTime::now() + Duration::from_secs(29 * 86_400);
    let leaf = authority.issue(&["localhost"], |params| params.not_after = soon.into());
    folder.write("soon.pem", &leaf.pem);
    folder.write("soon.key", &leaf.key_pem);
    issue("early", |params| params.not_before = date_time_ymd(3000, 1, 1));
    folder
}

const PAIR: &str = "cert = \"server.pem\"\nkey = \"server.key\"\n";

#[test]
fn relative_paths_begin_at_the_configuration_file() {
    let folder = folder();
    let tls = format!(
        "{PAIR}client_ca = \"ca.pem\"\nclient_auth = \"optional\"\ncrl = [\"revoked.pem\"]\nmin_version = \"1.3\"\n\
         client_name = \"san\"\n[[listeners.tls.certificates]]\ncert = \"other.pem\"\nkey = \"other.key\"\n"
    );
    let Loaded { config, warnings, .. } =
        load_with_warnings(&sources(&folder, &tls)).expect("all of it is right");
    assert_eq!(warnings, []);
    let tls = config.listeners[1].tls.as_ref().expect("it has TLS");
    assert_eq!(tls.cert, folder.path("server.pem"));
    assert_eq!(tls.certificates[0].key, folder.path("other.key"));
}

#[test]
fn every_fault_is_shown_with_its_file_and_line() {
    let folder = folder();
    let with = |lines: &str| format!("{PAIR}{lines}\n");
    let authority = "client_ca = \"ca.pem\"\n";
    for (tls, place, words) in [
        (PAIR.replace("server.pem", "nowhere.pem"), "12:1", "nowhere.pem: No such file"),
        (PAIR.replace("server.pem", "empty.pem"), "12:1", "empty.pem: no certificate is in it"),
        (PAIR.replace("server.pem", "server.key"), "12:1", "server.key: no certificate is in it"),
        (PAIR.replace("server.pem", "broken.pem"), "12:1", "broken.pem: "),
        (PAIR.replace("server.key", "nowhere.key"), "13:1", "nowhere.key: No such file"),
        (PAIR.replace("server.key", "server.pem"), "13:1", "server.pem: no private key is in it"),
        (PAIR.replace("server.key", "locked.key"), "13:1", "locked.key: the key is encrypted"),
        (
            PAIR.replace("server.key", "other.key"),
            "13:1",
            "other.key: the key does not belong to the certificate in",
        ),
        (with("client_auth = \"required\""), "14:1", "client_ca"),
        (with(authority), "14:1", "\"optional\" or \"required\""),
        (with("client_auth = \"none\"\ncrl = [\"revoked.pem\"]"), "15:1", "client_auth and client_ca"),
        (with("client_auth = \"required\"\nclient_ca = \"empty.pem\""), "15:1", "empty.pem: no certificate"),
        (
            with(&format!("client_auth = \"required\"\n{authority}crl = [\"ca.pem\"]")),
            "16:1",
            "ca.pem: no list of revoked certificates is in it",
        ),
        (with("min_version = \"1.1\""), "14:15", "1.2"),
        (with("client_atuh = \"none\""), "14:1", "did you mean \"client_auth\"?"),
        (
            with(
                "[[listeners.tls.certificates]]\ncert = \"other.pem\"\nkey = \"other.key\"\n\
                 [[listeners.tls.certificates]]\ncert = \"other.pem\"\nkey = \"server.key\"",
            ),
            "19:1",
            "server.key: the key does not belong",
        ),
    ] {
        let errors = load(&sources(&folder, &tls)).expect_err("it is wrong");
        is_shown(&errors, place, words);
    }
}

#[test]
fn what_is_too_old_or_too_new_is_a_warning() {
    let folder = folder();
    let with = |name: &str| PAIR.replace("server", name);
    let list = "client_ca = \"ca.pem\"\nclient_auth = \"required\"\ncrl = [\"old-list.pem\"]\n";
    for (tls, place, words) in [
        (
            with("expired"),
            "12:1",
            "expired.pem: the certificate of CN=rcgen self signed cert expired on Jan  1",
        ),
        (with("soon"), "12:1", "soon.pem: the certificate of CN=rcgen self signed cert expires on"),
        (with("early"), "12:1", "is not valid before Jan  1"),
        (format!("{PAIR}{list}"), "16:1", "old-list.pem: the list should have been renewed by Jan  1"),
    ] {
        let Loaded { warnings, .. } = load_with_warnings(&sources(&folder, &tls)).expect("it can be used");
        is_shown(&warnings, place, words);
    }
}

fn is_shown(errors: &[ConfigError], place: &str, words: &str) {
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].place.ends_with(&format!("tidewire.toml:{place}")), "{place}: {}", errors[0]);
    assert!(errors[0].to_string().contains(words), "{words}: {}", errors[0]);
}

#[test]
fn settings_that_do_nothing_are_faults() {
    let folder = Folder::new();
    for (bind, transport, line, words) in [
        ("127.0.0.1:0", "tcp", "trusted_proxies = [\"::1\"]", "proxy_protocol = true"),
        ("127.0.0.1:0", "tcp", "unix_mode = \"0666\"", "unix:/run"),
        ("127.0.0.1:0", "tcp", "ipv6_only = true", "IPv6"),
        ("unix:/run/a.sock", "tcp", "reuse_port = true", "\"unix:/run/a.sock\" is not"),
        ("127.0.0.1:0", "tcp", "backlog = 0", "at least 1"),
        ("127.0.0.1:0", "ws", "trusted_proxies = [\"10.0.0.0/33\"]", "10.0.0.0/8"),
        ("unix:/run/a.sock", "ws", "unix_mode = \"rw\"", "0660"),
        ("unix:/run/a.sock", "ws", "unix_mode = \"7777\"", "0660"),
    ] {
        let text = format!(
            "[[listeners]]\nname = \"a\"\nbind = \"{bind}\"\ntransport = \"{transport}\"\nprotocols = [\"mqtt\"]\n{line}\n"
        );
        let file = Some(folder.write("tidewire.toml", &text));
        let errors = load(&Sources { file, ..Sources::default() }).expect_err("it is wrong");
        assert_eq!(errors.len(), 1, "{errors:?}");
        let error = errors[0].to_string();
        assert!(error.contains("tidewire.toml:6:") && error.contains(words), "{words}: {error}");
    }
    for (bind, words) in
        [("unix:a.sock", "absolute path"), ("systemd:", "FileDescriptorName"), ("here", "systemd:NAME")]
    {
        let text = format!(
            "[[listeners]]\nname = \"a\"\nbind = \"{bind}\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n"
        );
        let file = Some(folder.write("tidewire.toml", &text));
        let errors = load(&Sources { file, ..Sources::default() }).expect_err("it is wrong");
        assert!(errors.iter().any(|error| error.to_string().contains(words)), "{words}: {errors:?}");
    }
}

#[test]
fn all_addresses_of_both_families_are_taken_once() {
    let folder = Folder::new();
    let listener = |bind: &str, line: &str| {
        format!(
            "[[listeners]]\nname = \"a\"\nbind = \"{bind}\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n{line}\n"
        )
    };
    let tries = |line: &str| {
        let listeners = [listener("0.0.0.0:1883", ""), listener("[::]:1883", line)].concat();
        let file = Some(folder.write("tidewire.toml", &format!("{listeners}[auth]\nanonymous = true\n")));
        load(&Sources { file, ..Sources::default() })
    };
    tries("ipv6_only = true").expect("it is right");
    let errors = tries("").expect_err("it is wrong");
    is_shown(&errors, "9:1", "[::]:1883 is for IPv4 as well, and so in the way of 0.0.0.0:1883");
}

/// A certificate is a way to be somebody.
#[test]
fn client_certificates_are_a_source_of_users() {
    let folder = folder();
    let tls =
        format!("{PAIR}client_ca = \"ca.pem\"\nclient_auth = \"optional\"\n[auth]\nanonymous = false\n");
    load(&sources(&folder, &tls)).expect("it is right");
    let errors =
        load(&sources(&folder, &format!("{PAIR}[auth]\nanonymous = false\n"))).expect_err("it is wrong");
    assert!(errors[0].to_string().contains("tls.client_auth"), "{errors:?}");
}
