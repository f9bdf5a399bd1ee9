//! Client certificates: who is let in with which, and as whom.

use rcgen::{DnType, SanType};
use tidewire::config::Config;
use tidewire::tls::{ClientAuth, ClientName, TlsSettings};
use tidewire_protocols::mqtt::Version;
use tidewire_tests::authority::{Authority, Folder, Leaf};
use tidewire_tests::mqtt::connect;

use crate::client::{Client, connects, connects_stomp, upgrades};
use crate::site::{Site, over_tls, tcp, ws};

const SUCCESS: Option<u8> = Some(0);
const BAD_USER_NAME: Option<u8> = Some(0x86);
const NOT_AUTHORIZED: Option<u8> = Some(0x87);
/// The serial number of a certificate that is revoked.
const REVOKED: u8 = 66;

/// A server, its authority, and that of its clients.
struct Scene {
    server_authority: Authority,
    authority: Authority,
    settings: TlsSettings,
    _folder: Folder,
}

impl Scene {
    fn new(client_auth: ClientAuth) -> Self {
        let (server_authority, authority) = (Authority::new("servers"), Authority::new("clients"));
        let folder = Folder::new();
        let mut settings = folder.serves(&server_authority.server(&["localhost"]));
        settings.client_auth = client_auth;
        if client_auth != ClientAuth::None {
            settings.client_ca = Some(folder.write("clients.pem", &authority.pem()));
            settings.crl = vec![folder.write("revoked.pem", &authority.revokes(&[REVOKED]))];
        }
        Self { server_authority, authority, settings, _folder: folder }
    }

    /// Connects with a certificate or without; none when it does not come so far.
    async fn outcome(&self, site: &Site, leaf: Option<&Leaf>) -> Option<u8> {
        let client = Client::with(&self.server_authority, leaf, &[]);
        let mut stream = client.speaks_to("localhost", site.connect().await).await.ok()?;
        connects(&mut stream, connect("a client")).await
    }
}

fn only_certified(config: &mut Config) {
    config.auth.anonymous = Some(false);
}

#[tokio::test]
async fn who_is_let_in_with_which_certificate() {
    for (client_auth, without, right, wrong, revoked) in [
        (ClientAuth::None, SUCCESS, SUCCESS, SUCCESS, SUCCESS),
        (ClientAuth::Optional, SUCCESS, SUCCESS, None, None),
        (ClientAuth::Required, None, SUCCESS, None, None),
    ] {
        let scene = Scene::new(client_auth);
        let site = Site::serve(over_tls(tcp(), &scene.settings));
        for (words, leaf, outcome) in [
            ("without", None, without),
            ("right", Some(scene.authority.client("alice", 1)), right),
            ("wrong", Some(Authority::new("clients").client("alice", 1)), wrong),
            ("revoked", Some(scene.authority.client("alice", REVOKED)), revoked),
        ] {
            assert_eq!(scene.outcome(&site, leaf.as_ref()).await, outcome, "{client_auth:?} {words}");
        }
        let refusals = [without, right, wrong, revoked].iter().filter(|outcome| outcome.is_none()).count();
        assert_eq!(site.log.lines("the TLS handshake failed").len(), refusals, "{client_auth:?}");
        assert_eq!(site.log.lines("Revoked").len(), usize::from(client_auth != ClientAuth::None));
    }
}

#[tokio::test]
async fn the_common_name_is_the_user() {
    let scene = Scene::new(ClientAuth::Optional);
    let site = Site::serve_with(over_tls(tcp(), &scene.settings), only_certified);
    let alice = scene.authority.client("alice", 1);
    assert_eq!(scene.outcome(&site, Some(&alice)).await, SUCCESS);
    site.log.says_once(": connected ", &["with the certificate of alice"]);
    assert_eq!(scene.outcome(&site, None).await, NOT_AUTHORIZED);
    // What CONNECT says besides must be the same.
    let client = Client::certified(&scene.server_authority, &alice);
    for (user_name, outcome) in [("alice", SUCCESS), ("bob", BAD_USER_NAME)] {
        let mut stream = client.speaks(site.connect().await).await;
        let connect = connect("a client").in_version(Version::V5).user_name(user_name);
        assert_eq!(connects(&mut stream, connect).await, outcome, "{user_name}");
    }
}

#[tokio::test]
async fn stomp_over_web_socket_knows_the_user_as_well() {
    let scene = Scene::new(ClientAuth::Optional);
    let site = Site::serve_with(over_tls(ws(), &scene.settings), only_certified);
    let alice = scene.authority.client("alice", 1);
    for (leaf, answer) in [(Some(&alice), "CONNECTED\n"), (None, "ERROR\n")] {
        let client = Client::with(&scene.server_authority, leaf, &[]);
        let mut stream = client.speaks(site.connect().await).await;
        assert!(upgrades(&mut stream, &[]).await.starts_with("HTTP/1.1 101 "));
        let heard = connects_stomp(&mut stream).await;
        assert!(heard.contains(answer), "{heard}");
    }
    site.log.says_once(": connected ", &["with the certificate of alice"]);
}

#[tokio::test]
async fn a_resumed_session_has_its_user_too() {
    let scene = Scene::new(ClientAuth::Required);
    let site = Site::serve_with(over_tls(tcp(), &scene.settings), only_certified);
    let client = Client::certified(&scene.server_authority, &scene.authority.client("alice", 1));
    for is_second in [false, true] {
        let mut stream = client.speaks(site.connect().await).await;
        assert_eq!(connects(&mut stream, connect("a client")).await, SUCCESS);
        assert_eq!(crate::client::is_resumed(&stream), is_second);
    }
    let connects = site.log.lines(": connected ");
    assert!(
        connects.len() == 2 && connects.iter().all(|line| line.contains("with the certificate of alice"))
    );
}

#[tokio::test]
async fn an_alternative_name_may_be_the_user() {
    let mut scene = Scene::new(ClientAuth::Required);
    scene.settings.client_name = ClientName::San;
    let site = Site::serve_with(over_tls(tcp(), &scene.settings), only_certified);
    let leaf = scene.authority.issue(&["127.0.0.1"], |params| {
        params.distinguished_name.push(DnType::CommonName, "not this");
        params.subject_alt_names.push(SanType::Rfc822Name("alice@example.org".try_into().expect("ASCII")));
        params.subject_alt_names.push(SanType::DnsName("nor.this".try_into().expect("ASCII")));
    });
    assert_eq!(scene.outcome(&site, Some(&leaf)).await, SUCCESS);
    site.log.says_once(": connected ", &["with the certificate of alice@example.org"]);
}

#[tokio::test]
async fn a_certificate_that_names_nobody_does_not_count() {
    let scene = Scene::new(ClientAuth::Required);
    let site = Site::serve_with(over_tls(tcp(), &scene.settings), only_certified);
    for name in ["", "line\nfeed"] {
        let leaf = scene.authority.client(name, 1);
        assert_eq!(scene.outcome(&site, Some(&leaf)).await, NOT_AUTHORIZED, "{name:?}");
    }
}
