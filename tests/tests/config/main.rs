//! The configuration: where settings come from, and what is said of those that are wrong.

mod printed;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tidewire::config::{Config, ConfigError, Loaded, Size, Sources, Span, check, load, load_with_warnings};

/// A file of this text; it goes with its directory.
fn file(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let path = directory.path().join("tidewire.toml");
    std::fs::write(&path, text).expect("a temporary directory can be written to");
    (directory, path)
}

fn load_text(text: &str) -> Result<Config, Vec<ConfigError>> {
    let (_directory, path) = file(text);
    load(&Sources { file: Some(path), ..Sources::default() })
}

fn load_with(environment: &[(&str, &str)], overrides: &[&str]) -> Result<Config, Vec<ConfigError>> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load(&Sources {
        file: None,
        environment: environment.iter().map(owned).collect(),
        overrides: overrides.iter().map(|text| (*text).to_owned()).collect(),
    })
}

fn the_error(result: Result<Config, Vec<ConfigError>>) -> ConfigError {
    let errors = result.expect_err("it is wrong");
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.into_iter().next().expect("there is one")
}

/// Loads `text` and holds that the one error stands at this line and column of it and has these words.
fn is_wrong_at(text: &str, place: &str, words: &[&str]) {
    let error = the_error(load_text(text));
    assert!(error.place.ends_with(&format!("tidewire.toml:{place}")), "{error}");
    for word in words {
        assert!(error.to_string().contains(word), "{word} is not in: {error}");
    }
}

#[test]
fn durations_and_sizes_have_units() {
    let config =
        load_text("[limits]\nconnect_timeout = \"1500ms\"\nbody_size_max = \"1MiB\"\n").expect("it is right");
    assert_eq!(config.limits.connect_timeout, Span(Duration::from_millis(1500)));
    assert_eq!(config.limits.body_size_max, Size(1 << 20));
    is_wrong_at("[limits]\nconnect_timeout = \"10\"\n", "2:19", &["\"10\"", "10s"]);
    is_wrong_at("[limits]\nconnect_timeout = 10\n", "2:19", &["10", "10s"]);
    is_wrong_at("[limits]\nbody_size_max = \"1MB\"\n", "2:17", &["\"1MB\"", "1MiB"]);
}

#[test]
fn an_unknown_key_is_told_the_nearest() {
    is_wrong_at("[limits]\nconnection_max = 5\n", "2:1", &["did you mean \"connections_max\"?"]);
    is_wrong_at("[limit]\n", "1:2", &["did you mean \"limits\"?"]);
    is_wrong_at("[stomp]\nxyz = 1\n", "2:1", &["unknown key \"xyz\"", "known here:", "heart_beat"]);
}

#[test]
fn an_error_shows_its_line_with_a_mark_under_the_spot() {
    let error = the_error(load_text("# first\n[stomp]\n  denied = \"quietly\"\n"));
    let text = error.to_string();
    assert!(text.contains("tidewire.toml:3:12: "), "{text}");
    assert!(text.contains("error") && text.contains("ignore"), "what is allowed: {text}");
    assert!(text.ends_with("      denied = \"quietly\"\n               ^^^^^^^^^"), "{text}");
}

#[test]
fn what_is_no_toml_is_shown_where_it_ends_to_be() {
    is_wrong_at("[limits\n", "1:8", &["[limits"]);
    is_wrong_at("data_dir = \"a\"\ndata_dir = \"b\"\n", "2:1", &["duplicate"]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error =
        the_error(load(&Sources { file: Some("/nowhere/tidewire.toml".into()), ..Sources::default() }));
    assert!(error.to_string().starts_with("/nowhere/tidewire.toml: No such file"), "{error}");
}

#[test]
fn environment_and_set_override_the_file_in_that_order() {
    let (_directory, path) =
        file("data_dir = \"file\"\n[limits]\nconnections_max = 1\ntopic_levels_max = 1\n");
    let config = load(&Sources {
        file: Some(path),
        environment: vec![
            ("TIDEWIRE_LIMITS__CONNECTIONS_MAX".into(), "2".into()),
            ("TIDEWIRE_LIMITS__CONNECT_TIMEOUT".into(), "2s".into()),
            ("TIDEWIRE_DATA_DIR".into(), "environment".into()),
            ("TIDEWIRE_BIN".into(), "no setting".into()),
            ("PATH".into(), "no setting".into()),
        ],
        overrides: vec!["limits.connect_timeout=3s".into(), "stomp.heart_beat=[\"1s\", \"2s\"]".into()],
    })
    .expect("it is right");
    assert_eq!((config.limits.topic_levels_max, config.limits.connections_max), (1, 2));
    assert_eq!(config.limits.connect_timeout, Span(Duration::from_secs(3)));
    assert_eq!(config.data_dir, PathBuf::from("environment"));
    assert_eq!(config.stomp.heart_beat, [Span(Duration::from_secs(1)), Span(Duration::from_secs(2))]);
}

#[test]
fn an_override_that_is_wrong_is_named() {
    for (environment, overrides, place, words) in [
        (
            &[("TIDEWIRE_LIMITS__CONNECTIONS_MAX", "many")][..],
            &[][..],
            "environment variable TIDEWIRE_LIMITS__CONNECTIONS_MAX",
            "many",
        ),
        (
            &[("TIDEWIRE_LIMITS__CONNECTION_MAX", "5")],
            &[],
            "environment variable TIDEWIRE_LIMITS__CONNECTION_MAX",
            "did you mean \"connections_max\"?",
        ),
        (&[], &["limits.connections_max=many"], "--set limits.connections_max=many", "many"),
        (&[], &["logg.level=debug"], "--set logg.level=debug", "did you mean \"log\"?"),
        (&[], &["log.level=debug", "limits.body_size_max=1"], "--set limits.body_size_max=1", "1MiB"),
        (&[], &["log.level"], "--set log.level", "section.key=value"),
        (&[], &["log..level=x"], "--set log..level=x", "section.key"),
        (&[], &["data_dir.x=1"], "--set data_dir.x=1", ""),
        // Faults of what can be read are named by where it came from as well.
        (
            &[("TIDEWIRE_MQTT__MAXIMUM_QOS", "3")],
            &[],
            "environment variable TIDEWIRE_MQTT__MAXIMUM_QOS",
            "0 to 2",
        ),
        (&[], &["limits.topic_levels_max=2000"], "--set limits.topic_levels_max=2000", "1 to 1000"),
    ] {
        let error = the_error(load_with(environment, overrides));
        assert_eq!(error.place, place, "{error}");
        assert!(error.text.contains(words), "{words}: {error}");
    }
}

/// A file with one listener in which `lines` stand.
fn listener(lines: &str) -> String {
    format!(
        "[[listeners]]\nname = \"a\"\nbind = \"127.0.0.1:0\"\ntransport = \"tcp\"\nprotocols = [\"mqtt\"]\n{lines}"
    )
}

#[test]
fn every_fault_is_shown_at_its_line() {
    is_wrong_at(&listener("max_connections = 0\n"), "6:1", &["0 would let nobody in"]);
    is_wrong_at(&listener("paths = [\"/\"]\n"), "6:1", &["\"ws\""]);
    is_wrong_at(&listener("origins = [\"*\"]\n"), "6:1", &["\"ws\""]);
    is_wrong_at(&listener("").replace("\"mqtt\"", ""), "5:1", &["\"mqtt\" and \"stomp\""]);
    is_wrong_at(&listener("").replace("127.0.0.1:0", "127.0.0.1"), "3:1", &["\"0.0.0.0:8080\""]);
    is_wrong_at(&listener("paths = [\"x\"]\n").replace("tcp", "ws"), "6:1", &["must begin with \"/\""]);
    for (line, words) in [
        ("http2 = true", "[listeners.tls]"),
        ("compression = { level = 10 }", "1 to 9"),
        ("compression = { window_bits = 8 }", "9 to 15"),
        ("compression = \"yes\"", "true, false or a table"),
        ("compression = { levl = 1 }", "did you mean \"level\""),
    ] {
        let error = the_error(load_text(&listener(&format!("{line}\n")).replace("tcp", "ws")));
        assert!(error.place.contains("tidewire.toml:6:"), "{error}");
        assert!(error.to_string().contains(words), "{words} is not in: {error}");
    }
    let fixed = listener("").replace(":0", ":1883");
    is_wrong_at(&format!("{fixed}\n{fixed}"), "9:1", &["bound by another listener"]);
    for (section, line, words) in [
        ("limits", "connections_max = 0", "at least 1"),
        ("limits", "subscriptions_per_session_max = 0", "at least 1"),
        ("limits", "header_count_max = 0", "at least 1"),
        ("session", "outbox_messages_max = 0", "at least 1"),
        ("session", "receive_maximum = 0", "at least 1"),
        ("session", "inflight_max = 0", "at least 1"),
        ("limits", "connections_per_user_max = 0", "at least 1"),
        ("limits", "connect_burst_per_address = 0", "at least 1"),
        ("limits", "failures_window = \"0s\"", "limits.failures_max = 0"),
        ("limits", "ban_time = \"0s\"", "limits.failures_max = 0"),
        ("limits", "publish_bytes_rate_max = \"1023B\"", "0 for no limit, or at least 1KiB"),
        ("limits", "memory_max = \"31MiB\"", "0 for no limit, or at least 32MiB"),
        ("limits", "handshake_size_max = \"1KiB\"", "8192 to 1048576"),
        ("limits", "packet_size_max = \"1B\"", "1024 to 268435460"),
        ("limits", "connect_packet_size_max = \"1B\"", "128 to 268435460"),
        ("limits", "header_line_max = \"1MiB\"", "256 to 65535"),
        ("limits", "connect_timeout = \"0s\"", "nobody connect in time"),
        ("mqtt", "maximum_qos = 3", "0 to 2"),
        ("mqtt", "server_keep_alive_max = \"1d\"", "1s to 65535s"),
        ("auth", "anonymous = false", "nobody who could connect"),
        ("auth", "scram_file = \"nowhere.scram\"", "nowhere.scram"),
        ("auth.http", "url = \"users.example\"", "https://users.example/mqtt"),
        ("auth.http", "url = \"https://ann:secret@users.example/\"", "without a name and a password"),
        ("admin", "bind = \"0.0.0.0:8081\"", "admin.token_file"),
        ("admin", "bind = \"systemd:admin\"", "admin.token_file"),
        ("admin", "bind = \"localhost:8081\"", "\"127.0.0.1:8081\" nor \"unix:/path\""),
        ("admin", "bind = \"127.0.0.1:8080\"", "bound by the listener \"ws\" already"),
        ("admin", "token_file = \"nowhere.token\"", "nowhere.token"),
        ("admin", "token = \"secret\"", "did you mean \"token_file\""),
        ("mqtt", "redirect = \"server-moved\"", "mqtt.server_reference"),
        ("queues", "length_max = 0", "at least 1"),
        ("queues", "bytes_max = \"0B\"", "at least 1"),
        ("queues", "deliveries_max = 0", "at least 1"),
        ("queues", "dead_letter = \"dead\"", "/queue/dead.{queue}"),
        ("queues", "dead_letter = \"/topic/dead/+\"", "/topic/dead/{queue}"),
        ("shutdown", "timeout = \"0s\"", "no time to tell anybody"),
        ("shutdown", "spread = \"10s\"", "less than timeout, 10s"),
        ("telemetry", "otlp_endpoint = \"127.0.0.1:4318\"", "http://127.0.0.1:4318"),
        ("telemetry", "otlp_endpoint = \"grpc://127.0.0.1:4317\"", "http://127.0.0.1:4318"),
        ("telemetry", "otlp_endpoint = \"http://ann:secret@127.0.0.1:4318\"", "without a name, a password"),
        ("telemetry", "otlp_endpoint = \"https://otlp.example/?key=secret\"", "without a name, a password"),
        ("telemetry", "sample = 1.5", "1.5 is out of range: use 0.0 to 1.0"),
        ("telemetry", "sample = -0.1", "0.0 to 1.0"),
        ("telemetry", "sample = nan", "0.0 to 1.0"),
        ("telemetry", "service_name = \"\"", "the name is empty"),
        ("telemetry", "queue_spans_max = 0", "0 would drop every span"),
        ("telemetry", "interval = \"0s\"", "at least 1ms"),
        ("log", "level = \"inof\"", "\"inof\" is neither"),
        ("log", "level = \"info,tidewire::mqtt=loud\"", "tidewire::mqtt=loud"),
    ] {
        is_wrong_at(&format!("[{section}]\n{line}\n"), "2:1", &[words]);
    }
    is_wrong_at("[limits]\nexempt = [\"example.com\"]\n", "2:10", &["\"example.com\"", "\"10.0.0.0/8\""]);
    let no_listener = the_error(load_text("listeners = []\n"));
    assert!(no_listener.to_string().contains("[[listeners]]"), "{no_listener}");
}

#[test]
fn a_service_has_time_to_answer_and_a_token_to_be_sent() {
    let (directory, path) = file("");
    let http = "[auth.http]\nurl = \"https://users.example/\"\n";
    for (token, line, words) in [
        ("secret", "timeout = \"0s\"", "0 would let nobody in"),
        ("", "token_file = \"token\"", "token: expected one token"),
        ("two secrets\n", "token_file = \"token\"", "token: expected one token"),
        ("s\u{e9}cret\n", "token_file = \"token\"", "token: expected one token"),
    ] {
        std::fs::write(directory.path().join("token"), token)
            .expect("a temporary directory can be written to");
        std::fs::write(&path, format!("{http}{line}\n")).expect("a temporary directory can be written to");
        let error = the_error(load(&Sources { file: Some(path.clone()), ..Sources::default() })).to_string();
        assert!(error.contains("tidewire.toml:3:1: ") && error.contains(words), "{words}: {error}");
        assert!(!error.contains("secrets") && !error.contains("cret\n"), "{error}");
    }
}

#[test]
fn a_collector_is_given_headers_that_are_some() {
    let (directory, path) = file("");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("a temporary directory can be written to");
    };
    write("good", "Authorization: Bearer top-secret\n");
    write("bad", "# words\ntop-secret\n");
    let endpoint = "[telemetry]\notlp_endpoint = \"https://otlp.example\"\n";
    for (line, words) in [
        ("headers_file = \"good\"", None),
        ("headers_file = \"bad\"", Some("bad: line 2 is no header such as")),
        ("headers_file = \"nowhere\"", Some("nowhere")),
        ("ca_file = \"good\"", Some("it holds no certificate in PEM")),
        ("ca_file = \"nowhere\"", Some("nowhere")),
    ] {
        write("tidewire.toml", &format!("{endpoint}{line}\n"));
        let loaded = load(&Sources { file: Some(path.clone()), ..Sources::default() });
        let Some(words) = words else {
            let exporter = loaded.expect("it is right").telemetry.exporter();
            assert!(exporter.is_ok_and(|exporter| exporter.is_some()));
            continue;
        };
        let error = the_error(loaded).to_string();
        assert!(error.contains("tidewire.toml:3:1: ") && error.contains(words), "{words}: {error}");
        assert!(!error.contains("top-secret"), "{error}");
    }
}

#[test]
fn the_admin_listener_has_a_token_where_others_reach_it() {
    let (directory, path) = file("");
    let write = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("a temporary directory can be written to");
    };
    for (token, bind, words) in [
        ("fifteen-bytes-x\n", "127.0.0.1:8081", Some("too short: use at least 16")),
        ("two tokens, and long ones\n", "127.0.0.1:8081", Some("token: expected one token")),
        (" sixteen-bytes-xy\n", "127.0.0.1:8081", None),
        ("sixteen-bytes-xy", "0.0.0.0:8081", None),
        ("sixteen-bytes-xy", "systemd:admin", None),
        ("short", "", None),
    ] {
        write("token", token);
        write("tidewire.toml", &format!("[admin]\nbind = \"{bind}\"\ntoken_file = \"token\"\n"));
        let loaded = load(&Sources { file: Some(path.clone()), ..Sources::default() });
        match words {
            Some(words) => {
                let error = the_error(loaded).to_string();
                assert!(error.contains("tidewire.toml:3:1: ") && error.contains(words), "{words}: {error}");
                assert!(!error.contains(token.trim()), "{error}");
            }
            None => {
                let config = loaded.unwrap_or_else(|errors| panic!("{bind}: {errors:?}"));
                let printed = format!("{:?}{:?}", config.admin, config.admin.token());
                assert!(!printed.contains("sixteen"), "{printed}");
            }
        }
    }
    for bind in ["", "unix:/run/tidewire/admin.sock", "[::1]:8081", "127.0.0.1:0"] {
        load_text(&format!("[admin]\nbind = \"{bind}\"\n")).expect("it is right");
    }
    assert_eq!(load_text("[log]\n").expect("it is right").admin.bind, "127.0.0.1:8081");
}

/// What is warned of in a file with these lines, with its line and column.
fn warnings_of(text: &str) -> Vec<String> {
    let (directory, path) = file(text);
    let secret = "0123456789abcdef0123456789abcdef";
    for (name, mode, text) in [
        ("closed", 0o640, secret),
        ("readable", 0o644, secret),
        ("writable", 0o602, secret),
        ("users", 0o644, "# nobody\n"),
        ("header", 0o600, "Authorization: Bearer top-secret\n"),
        ("open-header", 0o644, "Authorization: Bearer top-secret\n"),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("a temporary directory can be written to");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is the test's own file");
    }
    let loaded = load_with_warnings(&Sources { file: Some(path), ..Sources::default() });
    let Loaded { warnings, .. } = loaded.unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    warnings.iter().map(|warning| format!("{}: {}", warning.place, warning.text)).collect()
}

#[test]
fn what_should_be_otherwise_is_a_warning_at_its_line() {
    let jwt = "[auth.jwt]\nalgorithms = [\"HS256\", \"ES256\"]\nsecret_file = \"closed\"\n";
    for (text, expected) in [
        ("[auth.http]\nurl = \"https://users.example/\"\n", None),
        ("[auth.http]\nurl = \"http://127.0.0.1:9000/\"\n", None),
        ("[auth.http]\nurl = \"http://[::1]:9000/\"\n", None),
        ("[auth.http]\nurl = \"http://localhost/\"\n", None),
        (
            "[auth.http]\nurl = \"http://users.example:9000/\"\n",
            Some(("2:1", "users.example is asked without TLS, and passwords travel")),
        ),
        ("[auth.http]\nurl = \"http://[2001:db8::1]/\"\n", Some(("2:1", "[2001:db8::1] is asked"))),
        ("[auth.http]\nurl = \"http://localhost.example/\"\n", Some(("2:1", "localhost.example is asked"))),
        ("[auth.jwt]\njwks_url = \"https://issuer.example/\"\n", None),
        ("[auth.jwt]\njwks_url = \"http://127.0.0.1/\"\n", None),
        (
            "[auth.jwt]\njwks_url = \"http://192.0.2.7/\"\n",
            Some(("2:1", "192.0.2.7 is asked without TLS, and everybody on the way")),
        ),
        (
            &format!("{jwt}jwks_url = \"https://issuer.example/\"\n"),
            Some(("2:1", "HS256 beside public keys")),
        ),
        (&jwt.replace(", \"ES256\"", ""), None),
        (&jwt.replace(", \"ES256\"", "").replace("closed", "readable"), Some(("3:1", "readable: everybody"))),
        (
            "[auth.http]\nurl = \"https://users.example/\"\ntoken_file = \"writable\"\n",
            Some(("3:1", "chmod o= ")),
        ),
        ("[auth.http]\nurl = \"https://users.example/\"\ntoken_file = \"closed\"\n", None),
        ("[auth]\npassword_file = \"users\"\n", Some(("2:1", "users: everybody on this machine"))),
        ("[auth]\nscram_file = \"users\"\n", Some(("2:1", "users: everybody on this machine"))),
        ("[telemetry]\notlp_endpoint = \"http://otlp.example\"\n", None),
        ("[telemetry]\notlp_endpoint = \"https://otlp.example\"\nheaders_file = \"header\"\n", None),
        ("[telemetry]\notlp_endpoint = \"http://127.0.0.1:4318\"\nheaders_file = \"header\"\n", None),
        (
            "[telemetry]\notlp_endpoint = \"http://otlp.example\"\nheaders_file = \"header\"\n",
            Some(("2:1", "otlp.example is asked without TLS, and the headers")),
        ),
        (
            "[telemetry]\notlp_endpoint = \"https://otlp.example\"\nheaders_file = \"open-header\"\n",
            Some(("3:1", "open-header: everybody on this machine")),
        ),
        ("[admin]\ntoken_file = \"closed\"\n", None),
        ("[admin]\ntoken_file = \"readable\"\n", Some(("2:1", "readable: everybody"))),
        (
            "[admin]\nbind = \"192.0.2.7:8081\"\ntoken_file = \"closed\"\n",
            Some(("2:1", "192.0.2.7:8081 is served without TLS")),
        ),
    ] {
        let warnings = warnings_of(text);
        let is_it = |(place, words): (&str, &str)| {
            warnings.len() == 1
                && warnings[0].contains(&format!("tidewire.toml:{place}: "))
                && warnings[0].contains(words)
        };
        assert!(expected.map_or(warnings.is_empty(), is_it), "{text}: {warnings:?}");
    }
}

#[test]
fn all_faults_are_shown_at_once() {
    let errors =
        load_text("[limits]\nconnections_max = 0\n[session]\ninflight_max = 0\n").expect_err("it is wrong");
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn an_address_that_others_reach_needs_a_word_about_anonymous_clients() {
    for bind in ["0.0.0.0:1883", "[::]:1883", "192.0.2.1:1883"] {
        let text = listener("").replace("127.0.0.1:0", bind);
        is_wrong_at(&text, "3:1", &[bind, "auth.anonymous = true"]);
        let config = load_text(&format!("{text}[auth]\nanonymous = true\n")).expect("it is right");
        assert!(config.allows_anonymous());
    }
    for bind in ["127.0.0.1:1883", "127.1.2.3:1883", "[::1]:1883"] {
        assert!(
            load_text(&listener("").replace("127.0.0.1:0", bind)).expect("it is right").allows_anonymous()
        );
    }
}

#[test]
fn the_embedded_default_is_right() {
    assert_eq!(check(&Config::default()), []);
    let config = load_with(&[], &[]).expect("it is right");
    assert!(config.allows_anonymous());
    let binds: Vec<_> = config.listeners.iter().map(|listener| listener.bind.as_str()).collect();
    assert_eq!(binds, ["127.0.0.1:8080", "127.0.0.1:1883", "127.0.0.1:61613"]);
}
