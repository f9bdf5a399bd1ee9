//! Escapes in headers, by version; and what a reader of another version sees.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::connected;

conversations! {
    what_is_escaped_arrives_as_each_version_writes_it => across_versions;
    names_are_escaped_as_well => names;
    an_escape_that_a_version_lacks_is_refused => unknown_escapes;
    in_1_0_a_backslash_is_a_backslash => backslash_in_1_0;
    destinations_may_hold_anything => destination;
    subscription_ids_may_hold_anything => subscription_id;
}

async fn across_versions(wire: Wire) {
    let world = World::new(wire);
    // How a writer of one version says it, and what readers of 1.0, 1.1 and 1.2 are told.
    for (version, sent, in_10, in_11, in_12) in [
        ("1.2", "a\\cb\\\\c", "a:b\\c", "a\\cb\\\\c", "a\\cb\\\\c"),
        ("1.2", "a\\nb", "a b", "a\\nb", "a\\nb"),
        ("1.2", "a\\rb", "a\rb", "a\rb", "a\\rb"),
        ("1.1", "a\\cb\\\\c\\n", "a:b\\c ", "a\\cb\\\\c\\n", "a\\cb\\\\c\\n"),
        ("1.0", "a:b\\c", "a:b\\c", "a\\cb\\\\c", "a\\cb\\\\c"),
        ("1.2", "grün ☃", "grün ☃", "grün ☃", "grün ☃"),
    ] {
        let mut alice = connected(&world, version).await;
        let mut readers = Vec::new();
        for (reader, expected) in [("1.0", in_10), ("1.1", in_11), ("1.2", in_12)] {
            let mut bob = connected(&world, reader).await;
            bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
            readers.push((bob, reader, expected));
        }
        alice.says(&format!("SEND\ndestination:/topic/t\nname:{sent}\n\nhello^")).await;
        for (mut bob, reader, expected) in readers {
            let heard = bob.hears_message("hello").await;
            assert_eq!(heard.header("name"), Some(expected), "{sent:?} of {version} for {reader}");
        }
    }
}

async fn names(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = super::sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\na\\cb\\n:value\n\nhello^").await;
    assert_eq!(bob.hears_message("hello").await.header("a\\cb\\n"), Some("value"));
}

async fn unknown_escapes(wire: Wire) {
    let world = World::new(wire);
    for (version, escape) in [("1.1", "\\r"), ("1.1", "\\t"), ("1.2", "\\t"), ("1.2", "\\N"), ("1.2", "\\ ")]
    {
        let mut alice = connected(&world, version).await;
        alice.says(&format!("SEND\ndestination:/topic/t\nreceipt:r\nname:{escape}\n\nhello^")).await;
        let heard = alice.next().await;
        let message = heard.header("message").expect("a message");
        assert!(message.starts_with("no such escape"), "{version} {escape}: {heard:?}");
        assert_eq!(heard.header("receipt-id"), Some("r"));
        alice.peer.is_closed_with(1002).await;
    }
}

async fn backslash_in_1_0(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.0").await, connected(&world, "1.0").await);
    bob.says("SUBSCRIBE\ndestination:/topic/a\\tb\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/a\\tb\nname:\\x\\\n\nhello^").await;
    let heard = bob.hears_message("hello").await;
    assert_eq!((heard.header("destination"), heard.header("name")), (Some("/topic/a\\tb"), Some("\\x\\")));
}

async fn destination(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    let destination = "/topic/a\\cb/ c \\\\/ä.b*>";
    bob.says(&format!("SUBSCRIBE\nid:s\ndestination:{destination}\nreceipt:r\n\n^"))
        .await
        .hears_receipt("r")
        .await;
    alice.says(&format!("SEND\ndestination:{destination}\n\nhello^")).await;
    assert_eq!(bob.hears_message("hello").await.header("destination"), Some(destination));
}

async fn subscription_id(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (connected(&world, "1.2").await, connected(&world, "1.2").await);
    let id = "a\\cb\\n\\\\ ";
    bob.says(&format!("SUBSCRIBE\nid:{id}\ndestination:/topic/t\nreceipt:r\n\n^"))
        .await
        .hears_receipt("r")
        .await;
    alice.says("SEND\ndestination:/topic/t\n\nhello^").await;
    assert_eq!(bob.hears_message("hello").await.header("subscription"), Some(id));
    bob.says(&format!("UNSUBSCRIBE\nid:{id}\nreceipt:r\n\n^")).await.hears_receipt("r").await;
}
