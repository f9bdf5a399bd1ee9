//! CONNECT: which version is spoken, who may come, and when.

use std::time::Duration;

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, time};

conversations! {
    the_highest_version_in_common_is_spoken => highest_common_version;
    no_version_in_common_is_refused => no_common_version;
    stomp_is_another_word_for_connect => stomp_command;
    without_accept_version_it_is_1_0 => without_accept_version;
    connected_names_server_session_and_heart_beat => what_connected_says;
    connecting_twice_is_refused => connects_twice;
    anything_before_connect_is_refused => not_connected;
    a_connection_that_says_nothing_ends => connect_timeout;
    login_and_passcode_are_ignored_where_everybody_may_come => login_ignored;
    nobody_may_come_where_anonymous_clients_may_not => nobody_may_come;
    every_session_has_a_name_of_its_own => unique_sessions;
    many_that_come_and_go_at_once_are_served => rapid_connections;
}

async fn highest_common_version(wire: Wire) {
    let world = World::new(wire);
    for (accepted, spoken) in
        [("1.0,1.1,2.0", "1.1"), ("1.2,1.0,1.1", "1.2"), ("1.1", "1.1"), ("3.0,1.2", "1.2")]
    {
        let mut alice = world.stomp().await;
        alice.says(&format!("CONNECT\naccept-version:{accepted}\nhost:h\n\n^")).await;
        let heard = alice.next().await;
        assert_eq!(
            (heard.command.as_str(), heard.header("version")),
            ("CONNECTED", Some(spoken)),
            "{accepted}"
        );
    }
}

async fn no_common_version(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says("CONNECT\naccept-version:2.0,9.9\nhost:h\n\n^").await;
    let heard = alice.is_refused("no common version", 1000).await;
    assert!(heard.text().contains("1.0, 1.1 and 1.2"), "{heard:?}");
}

async fn stomp_command(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says("STOMP\naccept-version:1.2\nhost:h\n\n^").await;
    let heard = alice.next().await;
    assert_eq!((heard.command.as_str(), heard.header("version")), ("CONNECTED", Some("1.2")));
    // Where both are told apart by the first byte, it is known by its S.
    let mut bob = world.stomp().await;
    bob.says("\n\nSTOMP\naccept-version:1.1\nhost:h\n\n^").await;
    assert_eq!(bob.next().await.header("version"), Some("1.1"));
}

async fn without_accept_version(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says("CONNECT\n\n^").await;
    let heard = alice.next().await;
    assert_eq!(heard.command, "CONNECTED");
    assert_eq!((heard.header("version"), heard.header("heart-beat")), (None, None), "1.0 knows neither");
    assert!(heard.header("session").is_some());
    // 1.0 it is: without id, with a body that means nothing, and without NACK.
    alice.says("SUBSCRIBE\ndestination:/topic/t\nreceipt:r\n\nbody^").await.hears_receipt("r").await;
    alice.says("NACK\nmessage-id:1-1\n\n^").await.is_refused("STOMP 1.0 has no NACK", 1000).await;
}

async fn what_connected_says(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says("CONNECT\naccept-version:1.2\nhost:h\nheart-beat:1000,2000\n\n^").await;
    let heard = alice.next().await;
    assert_eq!(heard.header("heart-beat"), Some("10000,10000"));
    let server = heard.header("server").expect("a server header");
    assert!(server.starts_with("tidewire/") && !server.contains(' '), "{server}");
    assert!(heard.body.is_empty());
}

async fn connects_twice(wire: Wire) {
    let world = World::new(wire);
    for command in ["CONNECT", "STOMP"] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("{command}\naccept-version:1.2\nhost:h\n\n^")).await;
        alice.is_refused("already connected", 1000).await;
    }
}

async fn not_connected(wire: Wire) {
    let world = World::new(wire);
    for frame in [
        "SEND\ndestination:/topic/t\n\nhello^",
        "DISCONNECT\n\n^",
        "SUBSCRIBE\nid:1\ndestination:/topic/t\n\n^",
    ] {
        let mut alice = world.stomp().await;
        let heard = alice.says(frame).await.is_refused("not connected", 1000).await;
        assert!(heard.text().contains("CONNECT"), "{heard:?}");
    }
}

async fn connect_timeout(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    // Half a frame is no CONNECT, and more of it wins no time.
    alice.says("CONNECT\naccept-").await.peer.hears_nothing_for(Duration::from_secs(8)).await;
    alice.says("version:1.2\n").await;
    let waited = time(alice.is_refused("connect timeout", 1000)).await;
    assert!(waited <= Duration::from_secs(2), "the connect timeout is ten seconds in all: {waited:?} more");
}

async fn login_ignored(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    // A backslash is no escape here.
    alice.says("CONNECT\naccept-version:1.2\nhost:h\nlogin:al:ice\npasscode:c:\\temp\n\n^").await;
    assert_eq!(alice.next().await.command, "CONNECTED");
}

async fn nobody_may_come(wire: Wire) {
    let world = World::with(wire, |config| config.auth.anonymous = Some(false));
    let mut alice = world.stomp().await;
    alice.says("CONNECT\naccept-version:1.2\nhost:h\n\n^").await.is_refused("access refused", 1000).await;
}

async fn unique_sessions(wire: Wire) {
    let world = World::new(wire);
    let mut names = Vec::new();
    for _ in 0..3 {
        let mut alice = world.stomp().await;
        alice.says("CONNECT\n\n^").await;
        names.push(alice.next().await.header("session").map(str::to_owned));
    }
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
}

async fn rapid_connections(wire: Wire) {
    let world = World::new(wire);
    for _ in 0..200 {
        connected(&world, "1.2").await.peer.closes().await;
    }
    let mut last = connected(&world, "1.2").await;
    last.says("DISCONNECT\nreceipt:bye\n\n^").await.hears_receipt("bye").await.is_closed().await;
    assert_eq!(world.broker.session_count(), 0);
}
