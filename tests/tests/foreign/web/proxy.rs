//! nginx or HAProxy in front of a broker, with a configuration and a port of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running proxy. Dropping it kills the process.
pub(crate) struct Proxy {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Proxy {
    /// nginx, which adds to X-Forwarded-For.
    pub(crate) fn nginx(broker: SocketAddr) -> Self {
        Self::nginx_at("PROXY", broker)
    }

    /// nginx where TLS ends, with the certificate and the key of these files.
    pub(crate) fn nginx_tls(certificate: &Path, key: &Path, broker: SocketAddr) -> Self {
        let files =
            format!("ssl_certificate {}; ssl_certificate_key {}", certificate.display(), key.display());
        Self::nginx_at(&format!("PROXY ssl; {files}"), broker)
    }

    fn nginx_at(listen: &str, broker: SocketAddr) -> Self {
        let arguments = ["-e", "stderr", "-p", "FOLDER", "-c", "FOLDER/configuration"];
        Self::start("nginx", &arguments, NGINX, &[("LISTEN", listen)], broker)
    }

    /// HAProxy, which hands on bytes, and says first where they come from: `how` is `send-proxy` or `send-proxy-v2`.
    pub(crate) fn haproxy_tcp(how: &str, broker: SocketAddr) -> Self {
        Self::haproxy(&[("MODE", "mode tcp"), ("HOW", how)], broker)
    }

    /// HAProxy, which adds an X-Forwarded-For.
    pub(crate) fn haproxy_http(broker: SocketAddr) -> Self {
        Self::haproxy(&[("MODE", "mode http\n    option forwardfor"), ("HOW", "")], broker)
    }

    fn haproxy(words: &[(&str, &str)], broker: SocketAddr) -> Self {
        Self::start("haproxy", &["-db", "-f", "FOLDER/configuration"], HAPROXY, words, broker)
    }

    fn start(
        program: &str,
        arguments: &[&str],
        text: &str,
        words: &[(&str, &str)],
        broker: SocketAddr,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory can be made");
        let path = folder.path().to_str().expect("its name is text");
        let address = free_port();
        let (here, there) = (address.to_string(), broker.to_string());
        let known =
            [("FOLDER", path), ("PROXY", here.as_str()), ("BROKER", there.as_str()), ("SOURCE", SOURCE)];
        let fill = |text: &str| {
            let words = words.iter().chain(&known);
            words.fold(text.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
        };
        std::fs::write(folder.path().join("configuration"), fill(text)).expect("it can be written to");
        let process = Command::new(program)
            .args(arguments.iter().map(|argument| fill(argument)))
            // Where Debian keeps servers, and where a plain user does not look.
            .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{program} does not start ({error}): run `tests/foreign/install`")
            });
        let mut proxy = Self { process, address, folder };
        proxy.await_listener(program);
        proxy
    }

    pub(crate) fn websocket_url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    pub(crate) fn secure_websocket_url(&self) -> String {
        format!("wss://{}/", self.address)
    }

    pub(crate) fn mqtt_url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    fn await_listener(&mut self, program: &str) {
        let deadline = Instant::now() + START_DEADLINE;
        while TcpStream::connect(self.address).is_err() {
            let ended = self.process.try_wait().expect("a child can be waited for");
            assert_eq!(ended, None, "{program} ends; its configuration: {}", self.folder.path().display());
            assert!(Instant::now() < deadline, "{program} does not listen");
            // A proxy gives no sign of its own.
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> SocketAddr {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of the loopback address is free");
    held.local_addr().expect("a listener has an address")
}

/// Where proxies connect to the broker from: another address than a browser's.
const SOURCE: &str = "127.0.0.3";

/// One process, in the foreground: it is killed as a whole.
const NGINX: &str = r#"
daemon off;
master_process off;
pid FOLDER/pid;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxied;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    server {
        listen LISTEN;
        location / {
            proxy_bind SOURCE;
            proxy_pass http://BROKER;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_read_timeout 1h;
        }
    }
}
"#;

const HAPROXY: &str = r"
global
    maxconn 100
defaults
    MODE
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
frontend clients
    bind PROXY
    default_backend broker
backend broker
    source SOURCE
    server broker BROKER HOW
";

const START_DEADLINE: Duration = Duration::from_secs(20);
