//! SEND: what it needs, and what reaches the subscriber.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, sender_and_subscriber};

conversations! {
    a_message_arrives_with_its_destination => arrives;
    without_destination_it_is_refused => missing_destination;
    a_wildcard_or_an_empty_name_is_no_destination => bad_destination;
    a_destination_beyond_topics_is_unknown => unknown_destination;
    user_headers_arrive_in_order_repeats_included => user_headers;
    of_repeated_headers_the_first_counts => repeated_headers;
    spaces_in_headers_are_kept => spaces;
    message_ids_are_unique => unique_message_ids;
    what_was_sent_before_the_connection_was_lost_arrives => sent_and_gone;
    messages_arrive_in_order => in_order;
    a_head_that_comes_again_means_the_same_again => same_head;
    a_head_that_comes_again_is_judged_by_its_body => same_head_wrong_body;
    a_head_that_comes_again_is_said_to_each_in_its_version => same_head_to_each;
}

async fn arrives(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\n\nhello^").await.hears_nothing().await;
    let heard = bob.hears_message("hello").await;
    assert_eq!(heard.header("destination"), Some("/topic/t"));
    assert_eq!(heard.header("subscription"), Some("s"));
    assert_eq!(heard.header("content-length"), Some("5"));
    assert_eq!(heard.header("ack"), None, "mode auto needs none");
    assert!(heard.header("message-id").is_some());
    bob.hears_nothing().await;
}

async fn missing_destination(wire: Wire) {
    let world = World::new(wire);
    for version in ["1.0", "1.1", "1.2"] {
        let mut alice = connected(&world, version).await;
        alice.says("SEND\n\nhello^").await.is_refused("SEND needs a destination header", 1000).await;
    }
}

async fn bad_destination(wire: Wire) {
    let world = World::new(wire);
    for destination in ["/topic/a/+", "/topic/#", "/topic/"] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("SEND\ndestination:{destination}\n\nhello^")).await;
        alice.is_refused("bad destination", 1000).await;
    }
}

async fn unknown_destination(wire: Wire) {
    let world = World::new(wire);
    for destination in ["t", "/t", "topic/t", "/Topic/t", "/elsewhere/t", ""] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("SEND\ndestination:{destination}\n\nhello^")).await;
        let heard = alice.is_refused("unknown destination", 1000).await;
        assert!(heard.text().contains("/topic/"), "{heard:?}");
    }
}

async fn user_headers(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\nb:1\na:2\nb:3\nempty:\nBig:Ä\n\nhello^").await;
    let heard = bob.hears_message("hello").await;
    let own = ["a", "b", "empty", "Big"];
    let headers: Vec<_> = heard.headers.iter().filter(|(name, _)| own.contains(&name.as_str())).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("b", "1"), ("a", "2"), ("b", "3"), ("empty", ""), ("Big", "Ä")]);
}

async fn repeated_headers(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice
        .says(
            "SEND\ndestination:/topic/t\ndestination:/topic/other\ncontent-type:text/a\ncontent-type:text/b\n\
             qos:0\nqos:9\ncontent-length:5\ncontent-length:1\n\nhello^",
        )
        .await;
    let heard = bob.hears_message("hello").await;
    assert_eq!(heard.header("content-type"), Some("text/a"));
    assert_eq!(heard.header("qos"), Some("0"));
    assert_eq!(heard.headers.iter().filter(|(name, _)| name == "content-type").count(), 1);
}

async fn spaces(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\nfoo: bar \n foo:x\n\nhello^").await;
    let heard = bob.hears_message("hello").await;
    assert_eq!((heard.header("foo"), heard.header(" foo")), (Some(" bar "), Some("x")));
}

async fn unique_message_ids(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    bob.says("SUBSCRIBE\nid:2\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..5 {
        alice.says("SEND\ndestination:/topic/t\n\nhello^").await;
        for _ in 0..2 {
            ids.insert(bob.hears_message("hello").await.header("message-id").map(str::to_owned));
        }
    }
    assert_eq!(ids.len(), 10);
}

async fn sent_and_gone(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\n\nlast words^").await.peer.closes().await;
    drop(alice);
    bob.hears_message("last words").await;
}

async fn in_order(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let bodies: Vec<_> = (0..2000).map(|number| number.to_string()).collect();
    let frames = bodies.iter().map(|body| format!("SEND\ndestination:/topic/t\n\n{body}^"));
    alice.says(&frames.collect::<String>()).await;
    for body in &bodies {
        bob.hears_message(body).await;
    }
}

async fn same_head(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let plain = "SEND\ndestination:/topic/t\n\n";
    let counted = "SEND\ndestination:/topic/t\ncontent-length:3\nunit:C\n\n";
    let elsewhere = "SEND\ndestination:/topic/u\n\n";
    bob.says("SUBSCRIBE\nid:u\ndestination:/topic/u\nreceipt:r\n\n^").await.hears_receipt("r").await;
    // Each head beside itself, in one piece and octet by octet, with beats between, and beside the others.
    let frames = format!(
        "{plain}one^{plain}two^\n\n{plain}^{counted}\u{e4}1^{counted}a^b^{counted}abc^{elsewhere}u^{plain}three^\
         {counted}^^^^{elsewhere}v^{elsewhere}w^"
    );
    let expected = [
        ("one", None),
        ("two", None),
        ("", None),
        ("\u{e4}1", Some("C")),
        ("a\0b", Some("C")),
        ("abc", Some("C")),
        ("u", None),
        ("three", None),
        ("\0\0\0", Some("C")),
        ("v", None),
        ("w", None),
    ];
    for in_pieces in [false, true] {
        if in_pieces {
            alice.peer.send_in_pieces(frames.replace('^', "\0").as_bytes(), 1).await;
        } else {
            alice.says(&frames).await;
        }
        for (body, unit) in expected {
            let heard = bob.hears_message(body).await;
            assert_eq!(heard.header("unit"), unit, "{body:?}");
            let destination = if ["u", "v", "w"].contains(&body) { "/topic/u" } else { "/topic/t" };
            assert_eq!(heard.header("destination"), Some(destination), "{body:?}");
        }
    }
    // What a head asks for this once, it asks for again each time.
    for _ in 0..3 {
        alice.says("SEND\ndestination:/topic/t\nreceipt:7\n\nx^").await.hears_receipt("7").await;
        bob.hears_message("x").await;
    }
}

async fn same_head_wrong_body(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let counted = "SEND\ndestination:/topic/t\ncontent-length:3\n\n";
    alice.says(&format!("{counted}one^{counted}two^{counted}three^")).await;
    bob.hears_message("one").await;
    bob.hears_message("two").await;
    alice.is_refused("no NUL after the 3 octets of content-length", 1002).await;
}

/// Short bodies and one that makes the longest WebSocket head; a name and a value that each version escapes its own way.
async fn same_head_to_each(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let (mut carol, mut dave) = (connected(&world, "1.0").await, connected(&world, "1.1").await);
    for peer in [&mut carol, &mut dave] {
        peer.says("SUBSCRIBE\nid:other\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    }
    let long = "x".repeat(70_000);
    for body in ["a", "", long.as_str(), "two", "a"] {
        alice.says(&format!("SEND\ndestination:/topic/t\na\\cb:c\\\\d\n\n{body}^")).await;
        for (peer, id, name, value) in [
            (&mut bob, "s", "a\\cb", "c\\\\d"),
            (&mut carol, "other", "a_b", "c\\d"),
            (&mut dave, "other", "a\\cb", "c\\\\d"),
        ] {
            let heard = peer.hears_message(body).await;
            assert_eq!(heard.header(name), Some(value), "{heard:?}");
            assert_eq!(heard.header("subscription"), Some(id));
            assert_eq!(heard.header("content-length"), Some(body.len().to_string().as_str()));
        }
    }
}
