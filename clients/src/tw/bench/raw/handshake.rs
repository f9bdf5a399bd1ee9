//! The upgrade to WebSocket.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::Broker;
use super::broker::Speech;

/// A key that is another one for each connection; it need not be secret.
pub(super) fn key(index: usize) -> String {
    let index = index.to_be_bytes();
    STANDARD.encode(std::array::from_fn::<u8, 16, _>(|at| index[at % index.len()] ^ at as u8))
}

/// What asks for the upgrade.
pub(super) fn request(broker: &Broker, key: &str) -> String {
    let url = &broker.url;
    let (host, port, path) = (url.host(), url.port(), url.path());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let subprotocol = match broker.wire.speech {
        Speech::Mqtt(_) => "mqtt",
        Speech::Stomp => "v12.stomp",
    };
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    )
}

/// How many bytes of `input` the answer takes; `None` if it is not whole.
pub(super) fn take(input: &[u8], key: &str) -> Result<Option<usize>, String> {
    match memchr::memmem::find(input, END) {
        Some(at) => {
            check(&String::from_utf8_lossy(&input[..at]), key)?;
            Ok(Some(at + END.len()))
        }
        None if input.len() > ANSWER_BYTES_MAX => Err("the answer to the upgrade does not end".to_owned()),
        None => Ok(None),
    }
}

fn check(answer: &str, key: &str) -> Result<(), String> {
    let status = answer.lines().next().unwrap_or_default();
    let (_, status) = status.split_once(' ').unwrap_or_default();
    if !status.starts_with("101") {
        return Err(format!("HTTP {status}: is this the path that the broker speaks this protocol at?"));
    }
    let header = |name: &str| {
        answer.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    match header("sec-websocket-accept") {
        Some(accept) if accept == derive_accept_key(key.as_bytes()) => Ok(()),
        _ => Err("the answer to the upgrade does not fit its key".to_owned()),
    }
}

const END: &[u8] = b"\r\n\r\n";
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_checked() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good =
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        let taken = |answer: &str, key| take(answer.as_bytes(), key);
        assert_eq!(taken(&format!("{good}rest"), key), Ok(Some(good.len())));
        assert_eq!(taken(&good[..good.len() - 1], key), Ok(None));
        assert!(taken(good, "another").is_err());
        assert!(taken("HTTP/1.1 404 Not Found\r\n\r\n", key).unwrap_err().contains("404"));
    }

    #[test]
    fn keys_differ() {
        assert_ne!(key(1), key(2));
        assert_eq!(key(1).len(), 24);
    }
}
