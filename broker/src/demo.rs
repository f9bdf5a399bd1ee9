//! What `tidewire serve --demo` says to whoever has started it, on standard output: the log may be elsewhere, or silent.

use std::net::SocketAddr;

use tidewire::config::Transport;
use tidewire::net::{Bound, DEMO_PATH};

/// Where to open the examples, or why they are nowhere.
pub(super) fn invitation(bound: &[Bound]) -> String {
    let listeners = bound.iter().filter(|listener| listener.config.transport == Transport::Ws);
    let addresses = listeners.filter_map(|listener| Some((listener.tls.is_some(), listener.address()?)));
    let pages: Vec<_> = addresses.map(|(is_secure, address)| url(is_secure, address)).collect();
    match pages.is_empty() {
        true => "--demo shows nothing: no listener for WebSocket has a port\n".to_owned(),
        false => format!("\n  Open {} in a browser.\n\n", pages.join(" or ")),
    }
}

/// The page as a browser on this machine opens it.
fn url(is_secure: bool, address: SocketAddr) -> String {
    let scheme = if is_secure { "https" } else { "http" };
    // A certificate names hosts rather than addresses.
    let is_named = address.ip().is_unspecified() || (is_secure && address.ip().is_loopback());
    match is_named {
        true => format!("{scheme}://localhost:{}{DEMO_PATH}", address.port()),
        false => format!("{scheme}://{address}{DEMO_PATH}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_on_this_machine_finds_the_page() {
        for (is_secure, address, expected) in [
            (false, "127.0.0.1:8080", "http://127.0.0.1:8080/demo/"),
            (false, "[::1]:8080", "http://[::1]:8080/demo/"),
            (false, "0.0.0.0:80", "http://localhost:80/demo/"),
            (false, "[::]:8080", "http://localhost:8080/demo/"),
            (false, "192.0.2.1:8080", "http://192.0.2.1:8080/demo/"),
            (true, "127.0.0.1:8443", "https://localhost:8443/demo/"),
            (true, "192.0.2.1:8443", "https://192.0.2.1:8443/demo/"),
        ] {
            assert_eq!(url(is_secure, address.parse().unwrap()), expected);
        }
    }
}
