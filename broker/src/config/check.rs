//! What is wrong with a configuration although it can be read.

use tidewire_protocols::topic::TopicName;
use tracing_subscriber::filter::LevelFilter;

use super::{AuthFault, Bind, Config, ListenerConfig, Redirect, Size, Transport};
use crate::tls::{ClientAuth, TlsFault};

/// Every fault, each with the key it belongs to; empty when there is none.
pub fn check(config: &Config) -> Vec<(String, String)> {
    let mut faults = Vec::new();
    let mut fault = |key: &str, text: String| faults.push((key.to_owned(), text));
    if config.listeners.is_empty() {
        fault("listeners", "nobody can connect without a listener: add a [[listeners]] table".into());
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        let key = |name: &str| format!("listeners[{index}].{name}");
        let bind = Bind::parse(&listener.bind);
        if bind.is_none() {
            fault(&key("bind"), describe_bind(&listener.bind));
        }
        if listener.protocols.is_empty() {
            fault(&key("protocols"), "name at least one of \"mqtt\" and \"stomp\"".into());
        }
        if listener.max_connections == 0 {
            fault(&key("max_connections"), "0 would let nobody in: use at least 1".into());
        }
        for (name, text) in misplaced(listener, bind.as_ref()) {
            fault(&key(name), text);
        }
        if let Some(compression) = listener.compression.0 {
            let ranges =
                [("level", compression.level, 1, 9), ("window_bits", compression.window_bits, 9, 15)];
            for (name, value, low, high) in
                ranges.into_iter().filter(|(_, value, low, high)| value < low || value > high)
            {
                let text = format!("{value} is out of range: use {low} to {high}");
                fault(&key(&format!("compression.{name}")), text);
            }
        }
        for path in listener.paths.iter().flatten().filter(|path| !path.starts_with('/')) {
            fault(&key("paths"), format!("\"{path}\" must begin with \"/\""));
        }
        for TlsFault { key: name, text } in listener.tls.iter().flat_map(|tls| tls.faults()) {
            fault(&key(&format!("tls.{name}")), text);
        }
        if config.listeners[..index]
            .iter()
            .any(|earlier| earlier.bind == listener.bind && !listener.bind.ends_with(":0"))
        {
            fault(&key("bind"), format!("{} is bound by another listener already", listener.bind));
        }
        if let Some(other) = config.listeners.iter().find(|other| takes_ipv4_of(listener, other)) {
            let text = format!(
                "{} is for IPv4 as well, and so in the way of {}: set ipv6_only = true",
                listener.bind, other.bind
            );
            fault(&key("bind"), text);
        }
        if bind.is_some() && !listener.is_loopback() && config.auth.anonymous.is_none() {
            let text = format!(
                "{} can be reached from other machines: say auth.anonymous = true if everybody may connect, or false",
                listener.bind
            );
            fault(&key("bind"), text);
        }
    }
    for index in config.listeners_at_odds() {
        let text = format!(
            "another listener is named \"{}\" too, with another overflow: sessions know listeners by their names",
            config.listeners[index].name
        );
        fault(&format!("listeners[{index}].overflow"), text);
    }
    if config.auth.anonymous == Some(false) && !config.auth.has_users() && !asks_for_certificates(config) {
        fault(
            "auth.anonymous",
            "false leaves nobody who could connect: configure a source of users, such as auth.password_file or a \
             listener's tls.client_auth"
                .into(),
        );
    }
    for (key, text) in config.auth.jwt.iter().flat_map(|jwt| jwt.faults()) {
        fault(&format!("auth.jwt.{key}"), text);
    }
    for (key, text) in config.auth.http.iter().flat_map(|http| http.faults()) {
        fault(&format!("auth.http.{key}"), text.into());
    }
    for AuthFault { key, text } in config.auth_faults() {
        fault(&key, text);
    }
    for (key, text) in config.admin.faults(&config.listeners) {
        fault(&format!("admin.{key}"), text);
    }
    for (key, text) in config.telemetry.faults() {
        fault(&format!("telemetry.{key}"), text);
    }
    if let Some((key, text)) = config.shutdown.faults() {
        fault(&format!("shutdown.{key}"), text);
    }
    if config.mqtt.redirect != Redirect::None && config.mqtt.server_reference.is_none() {
        fault(
            "mqtt.redirect",
            "clients are sent away without a word whereto: set mqtt.server_reference".into(),
        );
    }
    let dead_letter = &config.queues.dead_letter;
    let is_destination = config.queues.topic_pattern().is_some_and(|topic| TopicName::parse(&topic).is_ok());
    if !dead_letter.is_empty() && !is_destination {
        let text = format!(
            "\"{dead_letter}\" is no destination such as \"/queue/dead.{{queue}}\" or \"/topic/dead/{{queue}}\""
        );
        fault("queues.dead_letter", text);
    }
    let at_least_one = [
        ("queues.length_max", config.queues.length_max),
        ("queues.bytes_max", config.queues.bytes_max.0),
        ("queues.deliveries_max", config.queues.deliveries_max.try_into().unwrap_or(usize::MAX)),
        ("auth.password_queue_max", config.auth.password_queue_max),
        ("limits.connections_max", config.limits.connections_max),
        ("limits.connections_per_address_max", config.limits.connections_per_address_max),
        ("limits.connections_per_user_max", config.limits.connections_per_user_max),
        (
            "limits.connect_burst_per_address",
            config.limits.connect_burst_per_address.try_into().unwrap_or(usize::MAX),
        ),
        ("limits.topic_levels_max", config.limits.topic_levels_max),
        ("limits.subscriptions_per_session_max", config.limits.subscriptions_per_session_max),
        ("limits.header_count_max", config.limits.header_count_max),
        ("session.outbox_messages_max", config.session.outbox_messages_max),
        ("session.receive_maximum", config.session.receive_maximum.into()),
        ("session.inflight_max", config.session.inflight_max.into()),
    ];
    for (key, _) in at_least_one.iter().filter(|(_, value)| *value == 0) {
        fault(key, "0 would let nothing through: use at least 1".into());
    }
    let bytes_rate_max = config.limits.publish_bytes_rate_max.0;
    if (1..1 << 10).contains(&bytes_rate_max) {
        let text = format!("{bytes_rate_max} is out of range: use 0 for no limit, or at least 1KiB");
        fault("limits.publish_bytes_rate_max", text);
    }
    if let Some(Size(memory_max)) = config.limits.memory_max
        && (1..32 << 20).contains(&memory_max)
    {
        let text = format!("{memory_max} is out of range: use 0 for no limit, or at least 32MiB");
        fault("limits.memory_max", text);
    }
    let ranges = [
        ("limits.handshake_size_max", config.limits.handshake_size_max.0, 8 << 10, 1 << 20),
        ("limits.packet_size_max", config.limits.packet_size_max.0, 1 << 10, 268_435_460),
        ("storage.journal_bytes_max", config.storage.journal_bytes_max.0, 5 << 20, 16 << 30),
        ("storage.pending_bytes_max", config.storage.pending_bytes_max.0, 1 << 20, 16 << 30),
        ("limits.connect_packet_size_max", config.limits.connect_packet_size_max.0, 128, 268_435_460),
        ("limits.topic_levels_max", config.limits.topic_levels_max, 1, 1_000),
        // A header becomes an MQTT user property, which has 16 bits for its length.
        ("limits.header_line_max", config.limits.header_line_max.0, 256, 65_535),
        ("mqtt.maximum_qos", config.mqtt.maximum_qos.into(), 0, 2),
    ];
    for (key, value, low, high) in ranges {
        if value < low || value > high {
            fault(key, format!("{value} is out of range: use {low} to {high}"));
        }
    }
    if config.mqtt.server_keep_alive_max.secs() == 0 || config.mqtt.server_keep_alive_max.secs() > 65_535 {
        fault("mqtt.server_keep_alive_max", "use 1s to 65535s".into());
    }
    let spans = [
        ("limits.failures_window", config.limits.failures_window),
        ("limits.ban_time", config.limits.ban_time),
    ];
    for (key, _) in spans.iter().filter(|(_, span)| span.0.is_zero()) {
        fault(key, "0 would ban nobody: say limits.failures_max = 0 for that".into());
    }
    if config.limits.connect_timeout.0.is_zero() {
        fault("limits.connect_timeout", "0 would let nobody connect in time".into());
    }
    if let Err(text) = check_log_level(&config.log.level) {
        fault("log.level", text);
    }
    faults
}

/// Looks whether this can be `log.level`.
///
/// # Errors
///
/// What is wrong, in words.
pub fn check_log_level(level: &str) -> Result<(), String> {
    match level.split(',').map(str::trim).find(|part| !is_log_filter(part)) {
        Some(part) => {
            let levels = "\"error\", \"warn\", \"info\", \"debug\", \"trace\" or \"off\"";
            Err(format!("\"{part}\" is neither {levels} nor such as \"tidewire::mqtt=debug\""))
        }
        None => Ok(()),
    }
}

/// A level, or a target with one. A bare word that is no level would be taken for a target of that name, and nothing
/// would be logged at all.
fn is_log_filter(part: &str) -> bool {
    let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
    level.parse::<LevelFilter>().is_ok() && level.parse::<usize>().is_err()
}

/// Whether the first is bound to all addresses of both families, and the second to the same port.
fn takes_ipv4_of(listener: &ListenerConfig, other: &ListenerConfig) -> bool {
    let (Some(Bind::Ip(own)), Some(Bind::Ip(other))) =
        (Bind::parse(&listener.bind), Bind::parse(&other.bind))
    else {
        return false;
    };
    let is_for_both = own.is_ipv6() && own.ip().is_unspecified() && !listener.ipv6_only;
    is_for_both && other.is_ipv4() && own.port() == other.port() && own.port() != 0
}

fn asks_for_certificates(config: &Config) -> bool {
    let tls = config.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    tls.into_iter().any(|tls| tls.client_auth != ClientAuth::None)
}

fn describe_bind(bind: &str) -> String {
    if bind.starts_with("unix:") {
        return format!(
            "\"{bind}\" is not an absolute path of at most 107 bytes, as in \"unix:/run/tidewire/ws.sock\""
        );
    }
    if bind.starts_with("systemd:") {
        return format!(
            "\"{bind}\" names no socket: use the FileDescriptorName of its unit, as in \"systemd:ws\""
        );
    }
    format!(
        "\"{bind}\" is not an address and port such as \"0.0.0.0:8080\" or \"[::1]:8080\", nor \"unix:/path\" or \
         \"systemd:NAME\""
    )
}

/// Settings that do nothing on such a listener.
fn misplaced(listener: &ListenerConfig, bind: Option<&Bind>) -> Vec<(&'static str, String)> {
    let is_ip = |address: &Bind| matches!(address, Bind::Ip(_));
    let (is_tcp, is_bound_here) = (listener.transport == Transport::Tcp, bind.is_none_or(is_ip));
    let for_ws = |name| format!("{name} are for transport = \"ws\"; this listener is \"tcp\"");
    let for_ip = |name| format!("{name} is for an address and port, which \"{}\" is not", listener.bind);
    let mut faults = Vec::new();
    let mut hold = |is_wrong: bool, name: &'static str, text: String| {
        if is_wrong {
            faults.push((name, text));
        }
    };
    hold(is_tcp && listener.paths.is_some(), "paths", for_ws("paths"));
    hold(is_tcp && listener.origins.is_some(), "origins", for_ws("origins"));
    let text = "http2 is for transport = \"ws\" with TLS: add [listeners.tls]";
    hold(listener.http2 && (is_tcp || listener.tls.is_none()), "http2", text.into());
    hold(!is_bound_here && listener.reuse_port, "reuse_port", for_ip("reuse_port"));
    let is_ipv6 = matches!(bind, Some(Bind::Ip(address)) if address.is_ipv6());
    hold(
        !is_ipv6 && listener.ipv6_only,
        "ipv6_only",
        "ipv6_only is for an IPv6 address such as \"[::]:8080\"".into(),
    );
    let is_unix = matches!(bind, Some(Bind::Unix(_)));
    let text = "unix_mode is for a socket such as \"unix:/run/tidewire/ws.sock\"";
    hold(!is_unix && listener.unix_mode.is_some(), "unix_mode", text.into());
    hold(listener.backlog == 0, "backlog", "0 would let nobody in: use at least 1".into());
    let is_asked = listener.proxy_protocol || listener.transport == Transport::Ws;
    let text =
        "nobody asks who is trusted: on \"tcp\", proxies tell a client's address by proxy_protocol = true";
    hold(!is_asked && !listener.trusted_proxies.is_empty(), "trusted_proxies", text.into());
    faults
}
