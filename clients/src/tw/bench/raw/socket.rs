//! Sockets to a broker: more than one address has ports for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, ipproto, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tidewire_client::Error;

use super::Broker;

/// Connects; to a loopback address from the `index`-th of several others, each of which has ports of its own.
pub(super) fn open(broker: &Broker, index: usize) -> Result<TcpStream, Error> {
    let stream = match broker.address {
        SocketAddr::V4(address) if address.ip().is_loopback() => connect_from(source(index), address.into()),
        address => TcpStream::connect(address),
    };
    let stream = stream.and_then(|stream| {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(super::peer::ANSWER_TIMEOUT))?;
        Ok(stream)
    });
    stream.map_err(|error| Error::Connect { url: broker.url.clone(), source: Arc::new(error) })
}

/// 127.0.0.1 is left to others.
fn source(index: usize) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, 2 + (index % SOURCES) as u8).into()
}

fn connect_from(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket =
        socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, Some(ipproto::TCP))?;
    match bind(&socket, &SocketAddr::new(source, 0)) {
        // A loopback interface with one address only.
        Ok(()) | Err(Errno::ADDRNOTAVAIL) => {}
        Err(error) => return Err(error.into()),
    }
    connect(&socket, &address)?;
    Ok(socket.into())
}

/// Lets this process have as many sockets as the system allows it.
pub(in super::super) fn raise_open_files_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where this fails, connecting says that there are too many.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// From 127.0.0.2 on, with some 28,000 ports each.
const SOURCES: usize = 50;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn neighbours_come_from_different_addresses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        for (index, expected) in [(0, "127.0.0.2"), (1, "127.0.0.3"), (50, "127.0.0.2")] {
            let stream = connect_from(source(index), address).unwrap();
            assert_eq!(stream.local_addr().unwrap().ip().to_string(), expected);
        }
    }
}
