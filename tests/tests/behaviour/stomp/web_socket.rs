//! Frames and WebSocket messages: text or binary, split or several together. Over TCP the same bytes in the same pieces.

use tidewire::config::WebSocketFrame;
use tidewire_protocols::mqtt::Property;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::stomp::StompPeer;
use tidewire_tests::world::World;

use super::{connected, sender_and_subscriber, sends};

conversations! {
    a_frame_that_is_text_comes_as_text => text;
    a_frame_that_is_no_text_comes_as_binary => binary;
    the_configuration_may_want_binary => always_binary;
    the_configuration_may_want_text => text_where_it_can_be;
    a_frame_may_come_in_text_or_binary => either_way_in;
    a_frame_may_come_byte_by_byte => byte_by_byte;
    a_frame_may_be_split_anywhere => split_anywhere;
    several_frames_may_come_at_once => several_at_once;
    each_frame_goes_in_a_message_of_its_own => one_frame_each;
    a_frame_that_was_begun_in_binary_is_not_text => begun_in_binary;
}

/// Over TCP there is no such thing as text.
fn is_text(wire: Wire, text: bool) -> bool {
    wire == Wire::Ws && text
}

async fn text(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says("CONNECT\naccept-version:1.2\nhost:h\n\n^").await;
    assert_eq!(alice.next().await.was_text, is_text(wire, true));
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await;
    assert_eq!(alice.next().await.was_text, is_text(wire, true));
    alice.says("SEND\ndestination:/topic/t\n\ngrün^").await;
    assert_eq!(alice.hears_message("grün").await.was_text, is_text(wire, true));
    alice.says("FOO\n\n^").await;
    assert_eq!(alice.next().await.was_text, is_text(wire, true));
}

async fn binary(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says_bytes(b"SEND\ndestination:/topic/t\ncontent-length:2\n\n\xff\xfe\0").await;
    let heard = bob.next().await;
    assert_eq!((heard.body.as_slice(), heard.was_text), (&b"\xff\xfe"[..], false));
}

async fn begun_in_binary(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let mut carol = world.client("carol").await;
    carol.subscribes(subscribe("t", 0)).await;
    let head = "SEND\ndestination:/topic/t\n\n";
    let as_text = |body| match is_text(wire, true) {
        true => publish("t", body).with(Property::PayloadFormatIndicator(true)),
        false => publish("t", body),
    };
    // The same head before, so that it is known, and behind it, in the text that ends the frame.
    for round in 0..2 {
        alice.says(&format!("{head}text^")).await;
        assert_eq!(bob.hears_message("text").await.was_text, is_text(wire, true), "round {round}");
        carol.hears(as_text("text")).await;
        alice.peer.send_as(&[head.as_bytes(), b"\xff"].concat(), false).await;
        alice.peer.send_as(format!("end\0{head}after\0").as_bytes(), true).await;
        let heard = bob.next().await;
        assert_eq!((heard.body.as_slice(), heard.was_text), (&b"\xffend"[..], false), "round {round}");
        carol.hears(publish("t", b"\xffend")).await;
        assert_eq!(bob.hears_message("after").await.was_text, is_text(wire, true), "round {round}");
        carol.hears(as_text("after")).await;
    }
}

async fn always_binary(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.websocket_frame = WebSocketFrame::Binary);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    sends(&mut alice, &["hello"]).await;
    assert!(!bob.hears_message("hello").await.was_text);
    bob.says("BEGIN\ntransaction:t\nreceipt:r\n\n^").await;
    assert!(!bob.next().await.was_text, "RECEIPT is a frame too");
    bob.says("FOO\n\n^").await;
    assert!(!bob.next().await.was_text, "ERROR is a frame too");
}

async fn text_where_it_can_be(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.websocket_frame = WebSocketFrame::Text);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    sends(&mut alice, &["hello"]).await;
    assert_eq!(bob.hears_message("hello").await.was_text, is_text(wire, true));
    alice.says_bytes(b"SEND\ndestination:/topic/t\n\n\xff\0").await;
    assert!(!bob.next().await.was_text, "text could not carry it");
}

async fn either_way_in(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says_bytes(b"CONNECT\naccept-version:1.2\nhost:h\n\n\0").await;
    assert_eq!(alice.next().await.command, "CONNECTED");
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/t\n\n^").await;
    alice.says_bytes(b"SEND\ndestination:/topic/t\n\nhello\0").await.hears_message("hello").await;
}

/// Says `frames` in pieces of `size` bytes, each a binary message of its own, and listens.
async fn says_in_pieces(peer: &mut StompPeer, frames: &str, size: usize) {
    peer.peer.send_in_pieces(frames.replace('^', "\0").as_bytes(), size).await;
}

const CONVERSATION: &str = "\nCONNECT\naccept-version:1.2\nhost:h\n\n^\r\n\
                            SUBSCRIBE\r\nid:s\r\ndestination:/topic/t\r\nreceipt:r\\c\\\\\r\n\r\n^\n\n\
                            SEND\ndestination:/topic/t\ncontent-length:7\nname:\u{e4}\n\nh\u{e4}^llo^";

async fn hears_the_conversation(peer: &mut StompPeer) {
    assert_eq!(peer.next().await.command, "CONNECTED");
    peer.hears_receipt("r\\c\\\\").await;
    let heard = peer.hears_message("h\u{e4}\0llo").await;
    assert_eq!(heard.header("name"), Some("\u{e4}"));
    peer.hears_nothing().await;
}

async fn byte_by_byte(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    says_in_pieces(&mut alice, CONVERSATION, 1).await;
    hears_the_conversation(&mut alice).await;
}

async fn split_anywhere(wire: Wire) {
    let world = World::new(wire);
    for size in [2, 3, 5, 7, 11, 50] {
        let mut alice = world.stomp().await;
        says_in_pieces(&mut alice, CONVERSATION, size).await;
        hears_the_conversation(&mut alice).await;
    }
}

async fn several_at_once(wire: Wire) {
    let world = World::new(wire);
    let mut alice = world.stomp().await;
    alice.says(CONVERSATION).await;
    hears_the_conversation(&mut alice).await;
}

async fn one_frame_each(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = (world.mqtt().await, connected(&world, "1.2").await);
    alice.connects(connect("alice"), false).await;
    bob.says("SUBSCRIBE\nid:s\ndestination:/topic/t\nreceipt:r\n\n^").await.hears_receipt("r").await;
    // All are there before the broker writes the first.
    for payload in [&b"one"[..], b"\xff", b"three"] {
        alice.says(publish("t", payload)).await;
    }
    for (payload, text) in [(&b"one"[..], true), (b"\xff", false), (b"three", true)] {
        let heard = bob.next().await;
        assert_eq!((heard.body.as_slice(), heard.was_text), (payload, is_text(wire, text)));
        if wire == Wire::Ws {
            assert!(bob.peer.buffer.is_empty(), "two frames came in one message");
        }
    }
}
