//! Bodies: NUL, `content-length`, and frames that have none.

use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, sender_and_subscriber};

conversations! {
    a_counted_body_may_hold_nul => nul_in_body;
    an_uncounted_body_ends_at_its_first_nul => uncounted;
    an_empty_body_is_a_message => empty;
    a_count_that_is_wrong_is_refused => wrong_count;
    a_count_that_is_no_number_is_refused => count_is_no_number;
    a_body_where_none_may_be_is_refused => unexpected_body;
    a_count_of_nothing_may_stand_anywhere => count_of_nothing;
    version_1_0_lets_a_needless_body_go => needless_body_in_1_0;
    ends_of_lines_between_frames_are_passed_over => end_of_lines;
    a_large_body_arrives_whole => large_body;
}

async fn nul_in_body(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\ncontent-length:5\n\na^b^c^").await;
    let heard = bob.next().await;
    assert_eq!((heard.body.as_slice(), heard.header("content-length")), (&b"a\0b\0c"[..], Some("5")));
}

async fn uncounted(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\n\none^SEND\ndestination:/topic/t\n\ntwo^").await;
    bob.hears_message("one").await;
    bob.hears_message("two").await;
}

async fn empty(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice.says("SEND\ndestination:/topic/t\n\n^").await;
    assert_eq!(bob.hears_message("").await.header("content-length"), Some("0"));
}

async fn wrong_count(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SEND\ndestination:/topic/t\ncontent-length:2\nreceipt:r\n\nhello^").await;
    let heard = alice.is_refused("no NUL after the 2 octets of content-length", 1002).await;
    assert_eq!(heard.header("receipt-id"), Some("r"));
}

async fn count_is_no_number(wire: Wire) {
    let world = World::new(wire);
    for count in ["-1", "five", "", "1.0", "+1"] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("SEND\ndestination:/topic/t\ncontent-length:{count}\n\nhello^")).await;
        alice.is_refused("content-length is a number of octets", 1002).await;
    }
}

async fn unexpected_body(wire: Wire) {
    let world = World::new(wire);
    for version in ["1.1", "1.2"] {
        let mut alice = connected(&world, version).await;
        alice.says("SUBSCRIBE\nid:s\ndestination:/topic/t\n\nbody^").await;
        alice.is_refused("SUBSCRIBE has no body\\c NUL follows the blank line", 1002).await;
    }
}

async fn count_of_nothing(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SUBSCRIBE\nid:s\ndestination:/topic/t\ncontent-length:0\nreceipt:r\n\n^").await;
    alice.hears_receipt("r").await;
}

async fn needless_body_in_1_0(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.0").await;
    alice.says("SUBSCRIBE\ndestination:/topic/t\nreceipt:r\n\nbody^").await.hears_receipt("r").await;
}

async fn end_of_lines(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    alice
        .says("\n\r\n\nSEND\ndestination:/topic/t\n\none^\n\n\r\nSEND\ndestination:/topic/t\n\ntwo^\n")
        .await;
    bob.hears_message("one").await;
    bob.hears_message("two").await;
    // Lines of 1.2 may end with CR LF, and with LF in the same frame.
    alice.says("SEND\r\ndestination:/topic/t\nname:value\r\n\r\nthree^").await;
    assert_eq!(bob.hears_message("three").await.header("name"), Some("value"));
}

async fn large_body(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let body = "0123456789abcdef".repeat(64 * 1024);
    let frame = format!("SEND\ndestination:/topic/t\ncontent-length:{}\nreceipt:r\n\n{body}^", body.len());
    tokio::join!(
        async {
            alice.says(&frame).await.hears_receipt("r").await.hears_nothing().await;
        },
        async {
            assert_eq!(bob.next().await.body.len(), 1 << 20);
        },
    );
}
