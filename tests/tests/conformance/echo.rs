//! The broker's message layer as an echo endpoint, for the cases that need one.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tidewire_tests::binary::binary;

/// A running `ws_echo`; dropping it ends it.
pub(crate) struct Echo {
    process: Child,
    address: SocketAddr,
}

const START_DEADLINE: Duration = Duration::from_secs(20);

impl Echo {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = binary().with_file_name("examples").join("ws_echo");
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback address is free");
        let address = listener.local_addr().expect("a listener has an address");
        drop(listener);
        let process = Command::new(&program)
            .args(["--bind", &address.to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}: run `cargo build --release --workspace --examples`", program.display())
            });
        let echo = Self { process, address };
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "ws_echo does not listen");
            std::thread::yield_now();
        }
        echo
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
