//! How many connections there may be, in all and from one address.

use tidewire::config::Transport;
use tidewire_tests::authority::{Authority, Folder};
use tidewire_tests::mqtt::connect;
use tokio::net::TcpStream;

use crate::client::{Client, connects, hears_all, upgrades};
use crate::site::{Site, over_tls, tcp, ws};

fn two(config: &mut tidewire::config::Config) {
    config.limits.connections_per_address_max = 2;
}

#[tokio::test]
async fn over_tcp_one_more_is_closed_and_another_address_is_not() {
    let mut listener = tcp();
    listener.bind = "0.0.0.0:0".to_owned();
    let site = Site::serve_with(listener, two);
    let port = site.address.expect("a port has an address").port();
    let from = |host: &'static str| async move {
        TcpStream::connect((host, port)).await.expect("the listener accepts")
    };
    let mut streams = [from("127.0.0.1").await, from("127.0.0.1").await];
    for (stream, name) in streams.iter_mut().zip(["a", "b"]) {
        assert_eq!(connects(stream, connect(name)).await, Some(0));
    }
    assert!(hears_all(&mut from("127.0.0.1").await).await.is_empty());
    site.log.says_once("as many connections from 127.0.0.1 are open as there may be (2)", &["refused"]);
    // To the broker, a client's own address is where the connection comes from.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket can be made");
    socket.bind("127.0.0.2:0".parse().expect("it is an address")).expect("all of 127/8 is ours");
    let address = site.address.map(|address| (std::net::Ipv4Addr::LOCALHOST, address.port()).into());
    let mut other =
        socket.connect(address.expect("a port has an address")).await.expect("the listener accepts");
    assert_eq!(connects(&mut other, connect("c")).await, Some(0));
    // Whoever leaves makes room.
    let [first, _second] = streams;
    drop(first);
    while site.broker.link_count() > 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(connects(&mut from("127.0.0.1").await, connect("d")).await, Some(0));
}

#[tokio::test]
async fn over_web_socket_one_more_is_told_so_with_tls_as_well() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let secure = over_tls(ws(), &folder.serves(&authority.server(&["localhost"])));
    for (listener, client) in [(ws(), None), (secure, Some(Client::new(&authority)))] {
        let site = Site::serve_with(listener, two);
        let mut kept = Vec::new();
        for status in ["101", "101", "429"] {
            let mut stream = site.connect().await;
            let answer = match &client {
                None => {
                    let answer = upgrades(&mut stream, &[]).await;
                    kept.push((Some(stream), None));
                    answer
                }
                Some(client) => {
                    let mut stream = client.speaks(stream).await;
                    let answer = upgrades(&mut stream, &[]).await;
                    kept.push((None, Some(stream)));
                    answer
                }
            };
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
        }
        site.log.says_once("as many connections from 127.0.0.1 are open as there may be (2)", &["refused"]);
    }
}

/// However many each listener may serve.
#[tokio::test]
async fn all_listeners_together_serve_so_many() {
    for listener in [tcp(), ws()] {
        let is_tcp = listener.transport == Transport::Tcp;
        let site = Site::serve_with(listener, |config| config.limits.connections_max = 1);
        // On another listener, so to speak.
        let other = site.broker.new_link("elsewhere");
        let mut stream = site.connect().await;
        match is_tcp {
            true => assert!(hears_all(&mut stream).await.is_empty()),
            false => {
                let answer = upgrades(&mut stream, &[]).await;
                assert!(
                    answer.starts_with("HTTP/1.1 503 ") && answer.contains("try again later"),
                    "{answer}"
                );
            }
        }
        site.broker.remove_link(&other);
        let mut stream = site.connect().await;
        match is_tcp {
            true => assert_eq!(connects(&mut stream, connect("a")).await, Some(0)),
            false => assert!(upgrades(&mut stream, &[]).await.starts_with("HTTP/1.1 101 ")),
        }
    }
}

#[tokio::test]
async fn where_all_places_are_taken_it_is_said_over_tls_too() {
    let (authority, folder) = (Authority::new("root"), Folder::new());
    let mut listener = over_tls(ws(), &folder.serves(&authority.server(&["localhost"])));
    listener.max_connections = 1;
    let site = Site::serve(listener);
    let client = Client::new(&authority);
    let mut first = client.speaks(site.connect().await).await;
    assert!(upgrades(&mut first, &[]).await.starts_with("HTTP/1.1 101 "));
    let mut second = client.speaks(site.connect().await).await;
    let answer = upgrades(&mut second, &[]).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("try again later"), "{answer}");
}
