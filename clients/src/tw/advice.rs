//! What to try, for each thing that goes wrong between `tw` and a broker.

use std::io::ErrorKind;

use tidewire_client::{Error, Scheme, Url};

use super::Failure;

/// The error with advice, where there is any.
pub(super) fn advised(error: Error, url: &Url) -> Failure {
    match advice(&error, url) {
        Some(advice) => Failure::Advised { error: Box::new(error), advice },
        None => Failure::Client(error),
    }
}

/// The same for a connection that did not come about: who hangs up at once may speak something else.
pub(super) fn advised_at_first(error: Error, url: &Url) -> Failure {
    match error {
        Error::Lost(_) | Error::EndedByBroker(_) => {
            Failure::Advised { error: Box::new(error), advice: other_ways(url) }
        }
        error => advised(error, url),
    }
}

fn advice(error: &Error, url: &Url) -> Option<String> {
    match error {
        Error::Connect { source, .. } => Some(for_connect(source.kind(), url)),
        Error::TimedOut { .. } => Some(format!("another port, or {}, if it speaks TLS", with_tls(url))),
        Error::Handshake { detail, .. } => Some(for_handshake(detail, url)),
        Error::Foreign { detail, .. } => Some(for_foreign(detail, url)),
        Error::Tls { detail, .. } => Some(for_tls(detail, url)),
        Error::Refused(reason) | Error::Rejected { reason, .. } => for_refusal(reason),
        Error::BadCredentials(_) => Some(CREDENTIALS.to_owned()),
        Error::Busy(_) => Some("again later, or --reconnect, which goes on trying".to_owned()),
        Error::TakenOver => Some("another identifier with -i: this one is in use elsewhere".to_owned()),
        Error::GaveUp { last, .. } => advice(last, url),
        _ => None,
    }
}

fn for_connect(kind: ErrorKind, url: &Url) -> String {
    match kind {
        ErrorKind::ConnectionRefused if is_here(url) => {
            "`tidewire serve`, if no broker runs; otherwise its port, with -u or -p".to_owned()
        }
        ErrorKind::ConnectionRefused => {
            "another port: does the broker listen there, and to others?".to_owned()
        }
        ErrorKind::NotFound if url.socket().is_some() => {
            "the broker's socket: with Tidewire, what stands behind `unix:` in its configuration".to_owned()
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset if url.scheme().is_tls() => {
            format!("{}, if it speaks without TLS there", without_tls(url))
        }
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset if url.socket().is_none() => other_ways(url),
        ErrorKind::PermissionDenied => "as a user who may open the socket".to_owned(),
        _ => format!("whether {} is the right name, and can be reached from here", url.host()),
    }
}

/// By the status of the answer, if it was HTTP.
fn for_handshake(detail: &str, url: &Url) -> String {
    let (host, port) = (url.host(), url.port());
    let status = detail.strip_prefix("HTTP ").and_then(|rest| rest.get(..3)?.parse::<u16>().ok());
    match status {
        Some(401) => CREDENTIALS.to_owned(),
        Some(403) => {
            "--ws-header Origin=https://…, with a page that the broker serves; or credentials".to_owned()
        }
        Some(404) => format!("the broker's path, such as {}://{host}:{port}/mqtt or /ws", url.scheme()),
        Some(_) => "--stomp, or leave it out: the broker may not speak that protocol there".to_owned(),
        None => format!("mqtt://{host}:{port} or stomp://{host}:{port}, if that is a port without WebSocket"),
    }
}

/// By what the first bytes of the answer were.
fn for_foreign(detail: &str, url: &Url) -> String {
    match detail.contains("HTTP") {
        true => format!("ws://{}:{}/, as it answers in HTTP", url.host(), url.port()),
        false => other_ways(url),
    }
}

/// What else may be spoken at the same port.
fn other_ways(url: &Url) -> String {
    let at = format!("{}:{}", url.host(), url.port());
    let ways = match url.scheme() {
        Scheme::Ws => [format!("mqtt://{at}"), format!("stomp://{at}"), with_tls(url)],
        Scheme::Mqtt => [format!("ws://{at}/"), format!("stomp://{at}"), with_tls(url)],
        Scheme::Stomp => [format!("ws://{at}/"), format!("mqtt://{at}"), with_tls(url)],
        Scheme::Wss => [without_tls(url), format!("mqtts://{at}"), format!("stomps://{at}")],
        Scheme::Mqtts => [without_tls(url), format!("wss://{at}/"), format!("stomps://{at}")],
        Scheme::Stomps => [without_tls(url), format!("wss://{at}/"), format!("mqtts://{at}")],
    };
    let [first, second, third] = ways;
    format!("{first}, {second} or {third}")
}

fn for_tls(detail: &str, url: &Url) -> String {
    let is = |word: &str| detail.to_ascii_lowercase().contains(word);
    if is("unknownissuer") || is("unknown issuer") || is("self") {
        "--cafile FILE with the authority of the broker's certificate, or --insecure".to_owned()
    } else if is("notvalidforname") || is("not valid for name") {
        "--server-name with a name that is in the broker's certificate".to_owned()
    } else if is("certificaterequired") || is("certificate required") {
        "--cert and --key: the broker wants to see a certificate".to_owned()
    } else if is("expired") {
        "a new certificate on the broker's side, or this machine's clock".to_owned()
    } else if is("corrupt message") || is("invalidcontenttype") || is("invalid content type") {
        format!("{}: it seems to speak without TLS there", without_tls(url))
    } else {
        "--cafile, --server-name, or --cert and --key, as the broker wants it".to_owned()
    }
}

fn for_refusal(reason: &str) -> Option<String> {
    let reason = reason.to_ascii_lowercase();
    let is_about_rights = ["access", "authori", "denied", "permi", "password", "credential"]
        .iter()
        .any(|word| reason.contains(word));
    is_about_rights.then(|| CREDENTIALS.to_owned())
}

fn is_here(url: &Url) -> bool {
    matches!(url.host(), "localhost" | "::1") || url.host().starts_with("127.")
}

fn with_tls(url: &Url) -> String {
    let scheme = match url.scheme().plain() {
        Scheme::Ws => Scheme::Wss,
        Scheme::Stomp => Scheme::Stomps,
        _ => Scheme::Mqtts,
    };
    format!("{scheme}://{}:{}{}", url.host(), url.port(), shown_path(url))
}

fn without_tls(url: &Url) -> String {
    format!("{}://{}:{}{}", url.scheme().plain(), url.host(), url.port(), shown_path(url))
}

/// Without the query, which may hold a token.
fn shown_path(url: &Url) -> &str {
    url.path().split('?').next().unwrap_or_default()
}

const CREDENTIALS: &str = "-u USER with -P or TW_PASSWORD, or --token, of somebody who may";

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    /// A line each: where, what went wrong, and what is to be tried.
    #[test]
    fn every_error_that_can_be_helped() {
        let connect = |kind: ErrorKind, url: &str| Error::Connect {
            url: url.parse().unwrap(),
            source: Arc::new(io::Error::from(kind)),
        };
        let handshake = |detail: &str| Error::Handshake { url: ws(), detail: detail.to_owned() };
        let foreign =
            |detail: &str| Error::Foreign { url: ws(), protocol: "MQTT", detail: detail.to_owned() };
        let tls = |detail: &str| Error::Tls { url: ws(), detail: detail.to_owned() };
        for (url, error, advice) in [
            (
                "ws://127.0.0.1:9/",
                connect(ErrorKind::ConnectionRefused, "ws://127.0.0.1:9/"),
                "tidewire serve",
            ),
            ("ws://b/", connect(ErrorKind::ConnectionRefused, "ws://b/"), "another port"),
            ("ws://b/", handshake("HTTP 401 Unauthorized"), "TW_PASSWORD"),
            ("ws://b/", handshake("HTTP 403 Forbidden"), "Origin="),
            ("ws://b/", handshake("HTTP 404 Not Found"), "ws://b:80/mqtt"),
            ("ws://b:1883/", handshake("HTTP 426 Upgrade Required"), "--stomp"),
            ("ws://b:1883/", handshake("HTTP format error: invalid token"), "mqtt://b:1883"),
            ("ws://b:1883/", handshake("the connection ended"), "mqtt://b:1883"),
            ("mqtt://b:8080", foreign("it begins with HTTP"), "ws://b:8080/, as it answers in HTTP"),
            ("mqtt://b:61613", foreign("malformed"), "stomp://b:61613"),
            ("stomp://b:1883", foreign("malformed"), "mqtt://b:1883"),
            ("wss://b/", connect(ErrorKind::UnexpectedEof, "wss://b/"), "ws://b:443/"),
            ("ws://b:1883/", connect(ErrorKind::UnexpectedEof, "ws://b:1883/"), "mqtt://b:1883"),
            ("wss://b/", tls("invalid peer certificate: UnknownIssuer"), "--cafile"),
            ("wss://b/", tls("certificate not valid for name \"b\""), "--server-name"),
            ("wss://b/", tls("received fatal alert: CertificateRequired"), "--cert and --key"),
            ("wss://b:80/", tls("received corrupt message of type InvalidContentType"), "ws://b:80/"),
            ("ws://b/", Error::BadCredentials("no".to_owned()), "-u USER"),
            ("ws://b/", Error::Refused("not authorized".to_owned()), "-u USER"),
            ("ws://b/", Error::TakenOver, "-i"),
            ("ws://b/", Error::GaveUp { attempts: 3, last: Arc::new(Error::TakenOver) }, "-i"),
        ] {
            let said = advised(error, &url.parse().unwrap());
            let Failure::Advised { advice: given, .. } = &said else { panic!("{said:?}") };
            assert!(given.contains(advice), "{said:?}: {given:?} is without {advice:?}");
        }
        let at_first = advised_at_first(Error::Lost("closed".to_owned()), &ws());
        assert!(matches!(&at_first, Failure::Advised { advice, .. } if advice.contains("mqtt://b:80")));
        assert!(matches!(advised(Error::Lost("closed".to_owned()), &ws()), Failure::Client(_)));
        let plain = advised(Error::Refused("the server is full".to_owned()), &ws());
        assert!(matches!(plain, Failure::Client(_)), "{plain:?}");
    }

    fn ws() -> Url {
        "ws://b/".parse().unwrap()
    }
}
