//! Where listeners are bound: Unix sockets, IPv6, ports that are shared.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt as _;

use tidewire::config::{ListenerConfig, Mode};
use tidewire::net::bind;
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::mqtt::connect;
use tokio::net::{TcpStream, UnixStream};

use crate::client::{Client, connects, connects_stomp, upgrades};
use crate::site::{Site, over_tls, tcp, ws};

fn unix(folder: &Folder, listener: ListenerConfig) -> ListenerConfig {
    ListenerConfig { bind: format!("unix:{}", folder.path("a.sock").display()), ..listener }
}

fn at(bind: &str, listener: ListenerConfig) -> ListenerConfig {
    ListenerConfig { bind: bind.to_owned(), ..listener }
}

#[tokio::test]
async fn a_unix_socket_serves_both_transports_with_tls_and_without() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let settings = folder.serves(&authority.server(&["localhost"]));
    let path = folder.path("a.sock");

    let site = Site::serve(unix(&folder, tcp()));
    let mut stream = UnixStream::connect(&path).await.expect("the listener accepts");
    assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
    site.log.says_once(": connected ", &["from a Unix socket "]);
    site.stops().await;

    let site = Site::serve(unix(&folder, over_tls(ws(), &settings)));
    let stream = UnixStream::connect(&path).await.expect("the listener accepts");
    let mut stream = Client::new(&authority).speaks(stream).await;
    assert!(upgrades(&mut stream, &[]).await.starts_with("HTTP/1.1 101 "));
    assert!(connects_stomp(&mut stream).await.contains("CONNECTED\n"));
    site.stops().await;
}

#[tokio::test]
async fn a_proxy_on_a_unix_socket_may_be_trusted() {
    let folder = Folder::new();
    let trusted_proxies = vec!["unix".parse().expect("it is one")];
    let site = Site::serve(ListenerConfig { trusted_proxies, ..unix(&folder, ws()) });
    let mut stream = UnixStream::connect(folder.path("a.sock")).await.expect("the listener accepts");
    assert!(upgrades(&mut stream, &["X-Forwarded-For: 192.0.2.1"]).await.starts_with("HTTP/1.1 101 "));
    assert!(connects_stomp(&mut stream).await.contains("CONNECTED\n"));
    site.log.says_once(": connected ", &["from 192.0.2.1 "]);
}

#[tokio::test]
async fn its_file_has_permissions_and_goes_with_it() {
    let folder = Folder::new();
    for (unix_mode, mode) in [(None, 0o660), (Some(Mode(0o600)), 0o600)] {
        let site = Site::serve(ListenerConfig { unix_mode, ..unix(&folder, tcp()) });
        let metadata = fs::metadata(folder.path("a.sock")).expect("the file is there");
        assert_eq!(metadata.permissions().mode() & 0o777, mode);
        site.stops().await;
        assert!(!folder.path("a.sock").exists());
    }
}

#[tokio::test]
async fn a_file_that_was_left_behind_is_replaced_and_others_are_not() {
    let folder = Folder::new();
    let path = folder.path("a.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).expect("the name is free"));
    assert!(path.exists(), "it was left behind");
    let site = Site::serve(unix(&folder, tcp()));
    // Somebody listens there now.
    let error = bind(unix(&folder, tcp())).err().expect("it is in use").to_string();
    assert!(error.contains("a.sock: Address in use") || error.contains("address in use"), "{error}");
    let mut stream = UnixStream::connect(&path).await.expect("the listener still accepts");
    assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
    // A file that somebody else has put in its place stays.
    fs::remove_file(&path).expect("it is there");
    fs::write(&path, "a letter").expect("the name is free");
    site.stops().await;
    let error = bind(unix(&folder, tcp())).err().expect("it is no socket").to_string();
    assert!(error.contains("which is no socket"), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "a letter");
}

#[tokio::test]
async fn ipv6_is_spoken_and_ipv4_with_it_unless_that_is_left_out() {
    let site = Site::serve(at("[::1]:0", tcp()));
    assert_eq!(connects(&mut site.connect().await, connect("alice")).await, Some(0));
    site.log.says_once(": connected ", &["from [::1]:"]);
    drop(site);

    let site = Site::serve(at("[::]:0", tcp()));
    let port = site.address.expect("a port has an address").port();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("IPv4 as well");
    assert_eq!(connects(&mut stream, connect("alice")).await, Some(0));
    // As an IPv4 address, and not as one mapped into IPv6.
    site.log.says_once(": connected ", &["from 127.0.0.1:"]);
    drop(site);

    let site = Site::serve(ListenerConfig { ipv6_only: true, ..at("[::]:0", tcp()) });
    let port = site.address.expect("a port has an address").port();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err());
    assert!(TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.is_ok());
}

#[tokio::test]
async fn a_port_is_shared_only_by_those_who_say_so() {
    let sharing = |bind: &str| ListenerConfig { reuse_port: true, ..at(bind, tcp()) };
    let first = bind(sharing("127.0.0.1:0")).expect("a port is free");
    let address = first.address().expect("a port has an address").to_string();
    assert!(bind(sharing(&address)).is_ok());
    assert!(bind(at(&address, tcp())).is_err());
}

#[tokio::test]
async fn a_socket_that_nobody_passed_is_named() {
    let error = bind(at("systemd:ws", tcp())).err().expect("there is none").to_string();
    assert!(error.contains("cannot bind systemd:ws: this process was given no sockets"), "{error}");
}
