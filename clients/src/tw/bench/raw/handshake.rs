//! The upgrade to WebSocket, on a socket that blocks.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidewire_clients::{Error, Url};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Asks for `mqtt` and returns what came behind the answer.
pub(super) fn upgrade(socket: &mut TcpStream, url: &Url) -> Result<Vec<u8>, Error> {
    let failed = |detail: String| Error::Handshake { url: url.clone(), detail };
    let lost = |error: std::io::Error| failed(error.to_string());
    // It need not be secret, only another one for each connection.
    let key = STANDARD.encode(std::array::from_fn::<u8, 16, _>(|index| {
        let port = socket.local_addr().map(|address| address.port()).unwrap_or_default();
        port.to_be_bytes()[index % 2] ^ index as u8
    }));
    let (host, port, path) = (url.host(), url.port(), url.path());
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).map_err(lost)?;
    let mut answer = Vec::new();
    let end = loop {
        if let Some(at) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if answer.len() > ANSWER_BYTES_MAX {
            return Err(failed("the answer to the upgrade does not end".to_owned()));
        }
        let mut chunk = [0; 4096];
        match socket.read(&mut chunk).map_err(lost)? {
            0 => return Err(failed("closed before an answer".to_owned())),
            count => answer.extend_from_slice(&chunk[..count]),
        }
    };
    let rest = answer.split_off(end);
    check(&String::from_utf8_lossy(&answer), &key).map_err(failed)?;
    Ok(rest)
}

fn check(answer: &str, key: &str) -> Result<(), String> {
    let status = answer.lines().next().unwrap_or_default();
    let (_, status) = status.split_once(' ').unwrap_or_default();
    if !status.starts_with("101") {
        return Err(format!("HTTP {status}: is this the path that the broker speaks MQTT at?"));
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

const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_checked() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good =
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert_eq!(check(good, key), Ok(()));
        assert!(check(good, "another").is_err());
        assert!(check("HTTP/1.1 404 Not Found\r\n\r\n", key).unwrap_err().contains("404"));
    }
}
