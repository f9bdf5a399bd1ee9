//! The admin listener with TLS of its own, and certificates that are as good as the token.

use std::process::{Command, Stdio};

use tidewire_tests::authority::{Authority, Folder, Leaf};
use tidewire_tests::binary::binary;
use tidewire_tests::daemon::Daemon;

use crate::site::TOKEN;

/// A daemon with TLS on its admin listener, and `tidewire ctl` that asks it.
struct Site {
    folder: Folder,
    daemon: Daemon,
}

impl Site {
    /// With this behind `[admin.tls]`.
    fn new(tls: &str) -> Self {
        let (folder, authority) = (Folder::new(), Authority::new("operators"));
        folder.write("token", TOKEN);
        folder.write("ca.pem", &authority.pem());
        folder.serves(&authority.server(&["localhost", "127.0.0.1"]));
        keep(&folder, "ann", &authority.client("ann", 1));
        keep(&folder, "stranger", &Authority::new("others").client("ann", 1));
        folder.write("tidewire.toml", &format!("{CONFIG}{tls}"));
        let mut command = Command::new(binary());
        command.args(["serve", "--config", "tidewire.toml"]).current_dir(folder.path(""));
        let mut daemon = Daemon::start(command);
        daemon.says("ready");
        Self { folder, daemon }
    }

    fn url(&self) -> String {
        format!("https://{}", self.daemon.address("https"))
    }

    /// Runs `tidewire ctl`, which has to print these words, or to fail with them.
    fn asks(&self, arguments: &[&str], expected: Result<&str, &str>) {
        let mut command = Command::new(binary());
        command.arg("ctl").args(["--url", &self.url()]).args(arguments).current_dir(self.folder.path(""));
        let output = command.stdin(Stdio::null()).output().expect("the binary can be run");
        let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy);
        let (code, words, said) = match expected {
            Ok(words) => (0, words, &said[0]),
            Err(words) => (1, words, &said[1]),
        };
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {words:?} is not in {said}");
    }
}

/// A client's certificate and key as files.
fn keep(folder: &Folder, name: &str, leaf: &Leaf) {
    folder.write(&format!("{name}.key"), &leaf.key_pem);
    folder.write(&format!("{name}.pem"), &leaf.pem);
}

const CONFIG: &str = r#"
[[listeners]]
name = "services"
bind = "127.0.0.1:0"
transport = "tcp"
protocols = ["mqtt"]
[storage]
sync = "memory"
[admin]
bind = "127.0.0.1:0"
token_file = "token"
[admin.tls]
cert = "server.pem"
key = "server.key"
"#;

const OPTIONAL: &str = "client_ca = \"ca.pem\"\nclient_auth = \"optional\"\n";
const REQUIRED: &str = "client_ca = \"ca.pem\"\nclient_auth = \"required\"\n";

/// What `tidewire ctl` is told of certificates.
const CA: [&str; 2] = ["--ca", "ca.pem"];
const ANN: [&str; 4] = ["--cert", "ann.pem", "--key", "ann.key"];

#[test]
fn a_certificate_is_as_good_as_the_token() {
    let mut site = Site::new(OPTIONAL);
    let overview = |how: &[&'static str]| [&["overview"], how].concat();
    let stranger = ["--cert", "stranger.pem", "--key", "stranger.key"];
    for (how, expected) in [
        ([&CA[..], &ANN].concat(), Ok("connections")),
        ([&CA[..], &["--token-file", "token"]].concat(), Ok("connections")),
        (CA.to_vec(), Err("401 Unauthorized")),
        (CA.to_vec(), Err("a certificate by --cert and --key")),
        ([&CA[..], &stranger].concat(), Err("cannot ask https://127.0.0.1:")),
        (ANN.to_vec(), Err("UnknownIssuer")),
        ([&CA[..], &ANN[..2]].concat(), Err("--cert and --key go together")),
        ([&CA[..], &["--cert", "ann.pem", "--key", "stranger.key"]].concat(), Err("--ca, --cert or --key: ")),
        (vec!["--ca", "token"], Err("it holds no certificate in PEM")),
        (vec!["--ca", "nowhere.pem"], Err("nowhere.pem: No such file")),
    ] {
        site.asks(&overview(&how), expected);
    }
    site.asks(&[&["log", "debug"][..], &CA, &ANN].concat(), Ok("debug"));
    let said = site.daemon.says("asked for on the admin listener");
    assert!(said.contains("certificate=\"ann\"") && said.contains("path=\"/api/v1/log\""), "{said}");
}

#[test]
fn where_certificates_are_required_nobody_asks_anything_without() {
    let mut site = Site::new(REQUIRED);
    site.asks(&[&["overview", "--token-file", "token"][..], &CA].concat(), Err("cannot ask https://"));
    let said = site.daemon.says("a TLS handshake failed on the admin listener");
    assert!(said.contains("peer=\"127.0.0.1:") && said.contains("certificate"), "{said}");
    site.asks(&[&["overview"][..], &CA, &ANN].concat(), Ok("connections"));
}

#[test]
fn a_reload_exchanges_its_certificates() {
    let site = Site::new(OPTIONAL);
    let reload = [&["reload"][..], &CA, &ANN].concat();
    site.folder.write("server.key", "no key");
    site.asks(&reload, Err("tls.key: "));
    let renewed = Authority::new("renewed");
    site.folder.serves(&renewed.server(&["127.0.0.1"]));
    site.folder.write("renewed.pem", &renewed.pem());
    site.asks(&reload, Ok("admin.tls.cert: "));
    site.asks(&reload, Err("UnknownIssuer"));
    let renewed = [&["overview", "--ca", "renewed.pem"][..], &ANN].concat();
    site.asks(&renewed, Ok("connections"));
    // Whose certificates are taken is exchanged as well.
    site.folder.write("ca.pem", &Authority::new("nobody").pem());
    site.asks(&[&["reload", "--ca", "renewed.pem"][..], &ANN].concat(), Ok("admin.tls.client_ca: "));
    site.asks(&renewed, Err("cannot ask https://"));
}
