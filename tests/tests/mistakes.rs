//! What can be wrong with a configuration, one mistake a line: where the answer points to, and what it says.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tidewire::config::{ConfigError, Sources, load_with_warnings};

const DENIED: &str = "[[rules]]\nalow = [\"publish\"]\ntopics = [\"#\"]\n";

/// A folder with the files that configurations name.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory can be made");
    let write = |name: &str, text: &[u8]| {
        std::fs::write(folder.path().join(name), text).expect("a temporary directory can be written to");
    };
    for (name, year) in [("good", 3000), ("other", 3000), ("old", 2021)] {
        let names = vec!["localhost".to_owned()];
        let mut params = CertificateParams::new(names).expect("the name is one");
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("it can be signed");
        write(&format!("{name}.pem"), certificate.pem().as_bytes());
        write(&format!("{name}.key"), key.serialize_pem().as_bytes());
    }
    write("acl.toml", DENIED.as_bytes());
    write("users", b"# people\nann:$argon2id$v=19$m=abc\n");
    write("jwks.json", b"{\"keys\": [}");
    write("short.token", b"short\n");
    folder
}

fn found(folder: &Path, text: &[u8]) -> Vec<ConfigError> {
    let file = folder.join("tidewire.toml");
    std::fs::write(&file, text).expect("a temporary directory can be written to");
    match load_with_warnings(&Sources { file: Some(file), ..Sources::default() }) {
        Ok(loaded) => loaded.warnings,
        Err(errors) => errors,
    }
}

/// A listener at line 1 to 5, and more from line 6 on.
fn listener(bind: &str, rest: &str) -> String {
    format!(
        "[[listeners]]\nname = \"a\"\nbind = \"{bind}\"\ntransport = \"ws\"\nprotocols = [\"mqtt\"]\n{rest}"
    )
}

const LOOPBACK: &str = "127.0.0.1:0";

#[test]
fn each_mistake_is_named_with_its_line_and_column() {
    let folder = folder();
    let tls = |lines: &str| listener(LOOPBACK, &format!("[listeners.tls]\n{lines}"));
    let twice = |bind: &str| format!("{}{}", listener(bind, ""), listener(bind, ""));
    let cases: &[(&str, String, &str, &str)] = &[
        ("a table that does not end", "[limits\n".into(), "1:8", "]"),
        ("a text that does not end", "data_dir = \"a\n".into(), "1:", "basic string"),
        ("the same key twice", "data_dir = \"a\"\ndata_dir = \"b\"\n".into(), "2:1", "duplicate"),
        ("a section twice", "[limits]\n[log]\n[limits]\n".into(), "3:2", "duplicate"),
        ("no value", "[log]\nlevel =\n".into(), "2:8", "value"),
        ("a number for a text", "[log]\nlevel = 5\n".into(), "2:9", "expected a string"),
        ("a text for a number", "[limits]\nconnections_max = \"many\"\n".into(), "2:19", "\"many\""),
        ("a negative number", "[limits]\nconnections_max = -1\n".into(), "2:19", "-1"),
        ("too large a number", "[mqtt]\nmaximum_qos = 256\n".into(), "2:15", "256"),
        ("a text for yes or no", "[mqtt]\nmqtt31 = \"yes\"\n".into(), "2:10", "a boolean"),
        ("one of two", "[stomp]\nheart_beat = [\"10s\"]\n".into(), "2:14", "an array of length 2"),
        ("an unknown section", "[limit]\n".into(), "1:2", "did you mean \"limits\"?"),
        (
            "an unknown key",
            "[limits]\nconnection_max = 5\n".into(),
            "2:1",
            "did you mean \"connections_max\"?",
        ),
        ("in a listener", listener(LOOPBACK, "origin = [\"*\"]\n"), "6:1", "did you mean \"origins\"?"),
        ("in TLS", tls("certt = \"good.pem\"\n"), "7:1", "did you mean \"cert\"?"),
        (
            "in compression",
            listener(LOOPBACK, "compression = { levl = 1 }\n"),
            "6:",
            "did you mean \"level\"?",
        ),
        ("in auth", "[auth]\npassword_fil = \"users\"\n".into(), "2:1", "did you mean \"password_file\"?"),
        ("in tokens", "[auth.jwt]\nalgorithm = [\"ES256\"]\n".into(), "2:1", "did you mean \"algorithms\"?"),
        (
            "in a service",
            "[auth.http]\nurll = \"https://a.example/\"\n".into(),
            "2:1",
            "did you mean \"url\"?",
        ),
        ("in sessions", "[session]\nexpiry = \"1d\"\n".into(), "2:1", "did you mean \"expiry_max\"?"),
        ("in MQTT", "[mqtt]\nmax_qos = 1\n".into(), "2:1", "maximum_qos"),
        ("in STOMP", "[stomp]\nheartbeat = []\n".into(), "2:1", "did you mean \"heart_beat\"?"),
        ("in queues", "[queues]\nlengthmax = 1\n".into(), "2:1", "did you mean \"length_max\"?"),
        ("in storage", "[storage]\nsynch = \"always\"\n".into(), "2:1", "did you mean \"sync\"?"),
        ("in admin", "[admin]\ntoken = \"secret\"\n".into(), "2:1", "did you mean \"token_file\"?"),
        ("in log", "[log]\nlevels = \"info\"\n".into(), "2:1", "did you mean \"level\"?"),
        (
            "an unknown value",
            "[storage]\nsync = \"allways\"\n".into(),
            "2:8",
            "\"always\", \"interval\", \"never\"",
        ),
        (
            "a duration without a unit",
            "[limits]\nban_time = \"10\"\n".into(),
            "2:12",
            "such as \"250ms\", \"10s\"",
        ),
        (
            "a size in other units",
            "[limits]\nbody_size_max = \"1MB\"\n".into(),
            "2:17",
            "such as \"512B\", \"64KiB\"",
        ),
        ("no network", "[limits]\nexempt = [\"10.0.0.0/33\"]\n".into(), "2:10", "such as \"10.0.0.0/8\""),
        ("no address", listener("localhost:80", ""), "3:1", "\"0.0.0.0:8080\" or \"[::1]:8080\""),
        ("a relative socket", listener("unix:ws.sock", ""), "3:1", "not an absolute path"),
        ("no transport", listener(LOOPBACK, "").replace("\"ws\"", "\"udp\""), "4:13", "\"ws\" or \"tcp\""),
        ("no name", listener(LOOPBACK, "").replace("name = \"a\"\n", ""), "1:1", "missing field \"name\""),
        ("no overflow", listener(LOOPBACK, "overflow = \"drop\"\n"), "6:12", "\"drop-oldest\""),
        (
            "no overflow of a user",
            "[session.overflow_by_user]\nann = \"disconnect\"\nbob = \"drop\"\n".into(),
            "3:7",
            "\"drop-oldest\"",
        ),
        (
            "two overflows of one name",
            format!("{}{}", listener(LOOPBACK, ""), listener(LOOPBACK, "overflow = \"disconnect\"\n")),
            "11:1",
            "another listener is named \"a\" too",
        ),
        ("an address twice", twice("127.0.0.1:8080"), "8:1", "bound by another listener already"),
        (
            "the admin listener's",
            format!("{}[admin]\nbind = \"127.0.0.1:1\"\n", listener("127.0.0.1:1", "")),
            "7:1",
            "bound by the listener \"a\" already",
        ),
        ("nothing said of a public address", listener("0.0.0.0:80", ""), "3:1", "say auth.anonymous = true"),
        (
            "nobody who could connect",
            "[auth]\nanonymous = false\n".into(),
            "2:1",
            "configure a source of users",
        ),
        ("TLS without a key", tls("cert = \"good.pem\"\n"), "6:1", "missing field \"key\""),
        (
            "a certificate that is not there",
            tls("cert = \"none.pem\"\nkey = \"good.key\"\n"),
            "7:1",
            "none.pem",
        ),
        (
            "a key of another certificate",
            tls("cert = \"good.pem\"\nkey = \"other.key\"\n"),
            "8:1",
            "does not belong",
        ),
        (
            "a key for a certificate",
            tls("cert = \"good.key\"\nkey = \"good.key\"\n"),
            "7:1",
            "no certificate",
        ),
        (
            "a certificate that expired",
            tls("cert = \"old.pem\"\nkey = \"old.key\"\n"),
            "7:1",
            "expired on Jan  1",
        ),
        (
            "an unknown key of a rule",
            "[auth]\nacl_file = \"acl.toml\"\n".into(),
            "2:1",
            "acl.toml:2:1: unknown key \"alow\": did you mean \"allow\"?",
        ),
        ("a hash of no known form", "[auth]\npassword_file = \"users\"\n".into(), "2:1", "users:2"),
        ("no key set", "[auth.jwt]\njwks_file = \"jwks.json\"\n".into(), "2:1", "jwks.json:1:11: "),
        (
            "a token that is too short",
            "[admin]\ntoken_file = \"short.token\"\n".into(),
            "2:1",
            "at least 16 bytes",
        ),
        ("out of range", "[limits]\npacket_size_max = \"1B\"\n".into(), "2:1", "1024 to 268435460"),
        ("no level", "[log]\nlevel = \"inof\"\n".into(), "2:1", "\"inof\" is neither"),
    ];
    let wrong = cases.iter().filter_map(|(name, text, place, words)| {
        let found = found(folder.path(), text.as_bytes());
        let [error] = found.as_slice() else { return Some(format!("{name}: {found:?}")) };
        let shown = error.to_string();
        let expected = format!("tidewire.toml:{place}");
        let is_there = match place.ends_with(':') {
            true => error.place.contains(&expected),
            false => error.place.ends_with(&expected),
        };
        let has_mark = shown.contains("\n    ") && shown.ends_with('^');
        (!is_there || !shown.contains(words) || !has_mark)
            .then(|| format!("{name}: {place}, {words}: {shown}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bytes_that_are_no_text_are_shown_where_they_stand() {
    let folder = folder();
    let found = found(folder.path(), b"[log]\nlevel = \"\xe9\"\n");
    let [error] = found.as_slice() else { panic!("{found:?}") };
    assert!(error.place.ends_with("tidewire.toml:2:10"), "{error}");
    assert!(error.text.contains("0xE9 is not UTF-8"), "{error}");
}

#[test]
fn what_cannot_be_read_is_named_all_at_once() {
    let folder = folder();
    let text = "data = \"a\"\n[limits]\nconnections_max = \"x\"\nban_time = \"5\"\nexempt = [\"a\", \"b\"]\n\
                [[listeners]]\nname = \"a\"\nbind = 5\ntransport = \"x\"\nprotocols = [\"mqtt\"]\n[stomp]\nheart_beat = [\"1\", \"2s\"]\n";
    let found = found(folder.path(), text.as_bytes());
    let mut places: Vec<_> =
        found.iter().filter_map(|error| error.place.rsplit_once("toml:")).map(|(_, place)| place).collect();
    places.sort_unstable();
    assert_eq!(places, ["12:15", "1:1", "3:19", "4:12", "5:10", "8:8", "9:13"], "{found:?}");
}

#[test]
fn what_can_be_read_and_not_be_used_is_named_all_at_once() {
    let folder = folder();
    let text = "[auth]\npassword_file = \"users\"\nacl_file = \"acl.toml\"\n[log]\nlevel = \"x\"\n[mqtt]\nmaximum_qos = 3\n";
    let found = found(folder.path(), text.as_bytes());
    let mut places: Vec<_> =
        found.iter().filter_map(|error| error.place.rsplit_once("toml:")).map(|(_, place)| place).collect();
    places.sort_unstable();
    assert_eq!(places, ["2:1", "3:1", "5:1", "7:1"], "{found:?}");
}

/// Settings from outside the file: `TIDEWIRE_…` of the environment where there is no dot, else `--set`.
#[test]
fn what_comes_from_elsewhere_is_named_by_its_origin() {
    for (set, words) in [
        ("TIDEWIRE_LIMITS__CONNECTIONS_MAX=many", "\"many\""),
        ("TIDEWIRE_LOGG__LEVEL=debug", "did you mean \"log\"?"),
        ("TIDEWIRE_LISTENERS__browsers__BIND=[::1]:1", "there are \"ws\", \"mqtt\", \"stomp\""),
        ("TIDEWIRE_LISTENERS__9__BIND=[::1]:1", "there are \"ws\""),
        ("TIDEWIRE_LISTENERS__WS__BIND=nowhere", "not an address and port"),
        ("limits.body_size_max=1", "1MiB"),
        ("listeners.ws.transport=udp", "\"ws\" or \"tcp\""),
        ("listeners[0].max_connections=0", "at least 1"),
        ("auth.credential_sources=connect,header", "unknown variant"),
        ("log..level=x", "section.key"),
        ("data_dir.x=1", "expected path string"),
    ] {
        let (name, value) = set.split_once('=').expect("it is an assignment");
        let is_variable = !name.contains('.');
        let sources = Sources {
            file: None,
            environment: is_variable.then(|| (name.to_owned(), value.to_owned())).into_iter().collect(),
            overrides: (!is_variable).then(|| set.to_owned()).into_iter().collect(),
        };
        let errors = load_with_warnings(&sources).expect_err("it is wrong");
        let place = if is_variable { format!("environment variable {name}") } else { format!("--set {set}") };
        let [error] = errors.as_slice() else { panic!("{set}: {errors:?}") };
        assert!(error.place == place && error.text.contains(words), "{set}: {words} is not in: {error}");
    }
}
