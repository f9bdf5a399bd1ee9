//! New certificates under connections that are alive.

use tidewire::tls::ClientAuth;
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::mqtt::connect;

use crate::client::{Client, connects, is_resumed, pings};
use crate::site::{Site, over_tls, tcp};

#[tokio::test]
async fn connections_stay_and_new_ones_get_what_is_new() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let settings = folder.serves(&authority.server(&["localhost"]));
    let site = Site::serve(over_tls(tcp(), &settings));
    let client = Client::new(&authority);
    let mut old = client.speaks(site.connect().await).await;
    assert_eq!(connects(&mut old, connect("old")).await, Some(0));

    let renewed = authority.server(&["localhost"]);
    folder.serves(&renewed);
    site.reloads(&settings);
    pings(&mut old).await;
    let fresh = Client::new(&authority).speaks(site.connect().await).await;
    assert_eq!(fresh.get_ref().1.peer_certificates().expect("a server shows one")[0], renewed.der);
    // Whom to trust has not changed, so sessions go on.
    assert!(is_resumed(&client.speaks(site.connect().await).await));
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let leaf = authority.server(&["localhost"]);
    let settings = folder.serves(&leaf);
    let site = Site::serve(over_tls(tcp(), &settings));
    folder.write("server.key", &authority.server(&["localhost"]).key_pem);
    let tls = site.tls.as_ref().expect("the listener speaks TLS");
    let Err(fault) = tls.prepare(&settings) else { panic!("the key is another one's") };
    assert!(fault.to_string().contains("server.key: the key does not belong to the certificate"), "{fault}");
    let stream = Client::new(&authority).speaks(site.connect().await).await;
    assert_eq!(stream.get_ref().1.peer_certificates().expect("a server shows one")[0], leaf.der);
}

#[tokio::test]
async fn who_is_revoked_cannot_resume() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let mut settings = folder.serves(&authority.server(&["localhost"]));
    settings.client_auth = ClientAuth::Required;
    settings.client_ca = Some(folder.write("clients.pem", &authority.pem()));
    settings.crl = vec![folder.write("revoked.pem", &authority.revokes(&[]))];
    let site = Site::serve(over_tls(tcp(), &settings));
    let (alice, bob) = (
        Client::certified(&authority, &authority.client("alice", 1)),
        Client::certified(&authority, &authority.client("bob", 2)),
    );
    for client in [&alice, &bob] {
        let mut stream = client.speaks(site.connect().await).await;
        assert_eq!(connects(&mut stream, connect("a client")).await, Some(0));
    }
    folder.write("revoked.pem", &authority.revokes(&[1]));
    site.reloads(&settings);
    // Over TLS 1.3, a client learns of it only when it reads.
    let outcome = match alice.speaks_to("localhost", site.connect().await).await {
        Ok(mut stream) => connects(&mut stream, connect("a client")).await,
        Err(_) => None,
    };
    assert_eq!(outcome, None);
    site.log.says_once("the TLS handshake failed", &["Revoked"]);
    let mut stream = bob.speaks(site.connect().await).await;
    assert_eq!(connects(&mut stream, connect("a client")).await, Some(0));
    assert!(!is_resumed(&stream));
}
