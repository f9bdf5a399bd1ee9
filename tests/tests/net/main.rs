//! Listeners on real sockets: TLS and its reload, client certificates, Unix sockets, proxies, and whoever comes to the
//! wrong port.
//!
//! * `authority`: certificates, as an authority of the test's own issues them
//! * `site`: a broker with one listener, and its log; `client`: who connects to it
//! * `process`: the daemon itself, for what only a process has: signals, sockets that it is given, memory (`memory`)
//!
//! Time is real here: TLS looks at the calendar, and the system's sockets know no other.

mod certificates;
mod check;
mod client;
mod client_certificates;
mod demo;
mod forwarded;
mod http2;
mod limits;
mod memory;
mod process;
mod proxy_protocol;
mod reload;
mod site;
mod sockets;
mod wrong_port;
