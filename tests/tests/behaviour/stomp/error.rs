//! ERROR: what it says, and how the connection ends.

use tidewire::config::{Denied, Size};
use tidewire_tests::conversations;
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::{connected, sender_and_subscriber};

conversations! {
    an_error_says_what_to_do => what_it_says;
    an_unknown_command_is_refused => unknown_command;
    a_servers_frame_is_refused => servers_frame;
    what_is_no_frame_is_refused => malformed;
    a_header_too_many_is_refused => header_count;
    a_header_too_long_is_refused => header_line;
    a_body_too_large_is_refused => body;
    a_body_without_end_is_refused => body_without_end;
    before_connect_less_may_come => before_connect;
    what_is_not_allowed_is_refused => denied_with_error;
    or_ignored_if_the_configuration_says_so => denied_and_ignored;
    a_refused_client_leaves_no_trace => no_trace;
}

async fn what_it_says(wire: Wire) {
    let world = World::new(wire);
    for version in ["1.0", "1.1", "1.2"] {
        let mut alice = connected(&world, version).await;
        let heard = alice
            .says("SEND\nreceipt:r\n\nhello^")
            .await
            .is_refused("SEND needs a destination header", 1000)
            .await;
        assert_eq!(heard.text(), "Add destination:… to the SEND frame.\n");
        assert_eq!(heard.header("content-type"), Some("text/plain"));
        assert_eq!(heard.header("content-length"), Some(heard.body.len().to_string().as_str()));
    }
}

async fn unknown_command(wire: Wire) {
    let world = World::new(wire);
    for (command, message) in [
        ("FOO", "unknown command FOO"),
        ("send", "unknown command send; should it be SEND and LF?"),
        ("SEND ", "unknown command SEND ; should it be SEND and LF?"),
    ] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("{command}\ndestination:/topic/t\n\n^")).await.is_refused(message, 1000).await;
    }
}

async fn servers_frame(wire: Wire) {
    let world = World::new(wire);
    for command in ["CONNECTED", "MESSAGE", "RECEIPT", "ERROR"] {
        let mut alice = connected(&world, "1.2").await;
        alice.says(&format!("{command}\n\n^")).await.is_refused("not a client's frame", 1000).await;
    }
}

async fn malformed(wire: Wire) {
    let world = World::new(wire);
    for (frame, message) in [
        ("SEND\nno colon\n\n^", "a header line has no colon"),
        ("SEND\n:no name\n\n^", "a header has no name before its colon"),
        ("SEND\na:b^\n\n^", "a NUL in a header"),
        ("SEND\na:b\\t\n\n^", "no such escape\\c \\\\t; known are \\\\r \\\\n \\\\c \\\\\\\\"),
        ("SEND\na:b\rc\n\n^", "a CR in a header is neither escaped nor part of CR LF"),
    ] {
        let mut alice = connected(&world, "1.2").await;
        let heard = alice.says(frame).await.is_refused(message, 1002).await;
        assert!(heard.text().contains("(STOMP12-"), "{heard:?}");
    }
    let mut alice = connected(&world, "1.2").await;
    alice.says_bytes(b"SEND\na:\xff\n\n\0").await.is_refused("the headers are not UTF-8", 1002).await;
}

async fn header_count(wire: Wire) {
    let world = World::with(wire, |config| config.limits.header_count_max = 3);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SEND\ndestination:/topic/t\na:1\nreceipt:r\n\n^").await.hears_receipt("r").await;
    let heard = alice.says("SEND\ndestination:/topic/t\nreceipt:r\na:1\nb:2\n\n^").await;
    let heard = heard.is_refused("more than 3 headers", 1009).await;
    assert_eq!(heard.header("receipt-id"), Some("r"));
}

async fn header_line(wire: Wire) {
    let world = World::with(wire, |config| config.limits.header_line_max = Size(256));
    let mut alice = connected(&world, "1.2").await;
    let line = |length: usize| format!("a:{}", "x".repeat(length - 2));
    alice
        .says(&format!("SEND\ndestination:/topic/t\nreceipt:r\n{}\n\n^", line(256)))
        .await
        .hears_receipt("r")
        .await;
    // The line need not even end.
    alice.says(&format!("SEND\ndestination:/topic/t\n{}", line(257))).await;
    alice.is_refused("a header line is longer than 256 bytes", 1009).await;
}

async fn body(wire: Wire) {
    let world = World::with(wire, |config| config.limits.body_size_max = Size(1000));
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let body = "x".repeat(1000);
    alice.says(&format!("SEND\ndestination:/topic/t\ncontent-length:1000\n\n{body}^")).await;
    bob.hears_message(&body).await;
    // Refused for what it announces, before any of it has come.
    alice.says("SEND\ndestination:/topic/t\ncontent-length:1001\nreceipt:r\n\n").await;
    let heard = alice.is_refused("the body is larger than 1000 bytes", 1009).await;
    assert_eq!(heard.header("receipt-id"), Some("r"));
}

async fn body_without_end(wire: Wire) {
    let world = World::with(wire, |config| config.limits.body_size_max = Size(1000));
    let mut alice = connected(&world, "1.2").await;
    alice.says(&format!("SEND\ndestination:/topic/t\n\n{}", "x".repeat(1001))).await;
    alice.is_refused("the body is larger than 1000 bytes", 1009).await;
}

async fn before_connect(wire: Wire) {
    let world = World::with(wire, |config| config.limits.connect_packet_size_max = Size(1000));
    let mut alice = world.stomp().await;
    alice.says("SEND\ndestination:/topic/t\ncontent-length:1001\n\n").await;
    alice.is_refused("the body is larger than 1000 bytes", 1009).await;
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    let body = "x".repeat(1001);
    alice.says(&format!("SEND\ndestination:/topic/t\ncontent-length:1001\n\n{body}^")).await;
    bob.hears_message(&body).await;
}

async fn denied_with_error(wire: Wire) {
    let world = World::new(wire);
    let mut alice = connected(&world, "1.2").await;
    alice.says("SEND\ndestination:/topic/$SYS/x\nreceipt:r\n\nhello^").await;
    let heard = alice.is_refused("access refused", 1000).await;
    assert_eq!(heard.header("receipt-id"), Some("r"));
    assert!(heard.text().contains("/topic/$SYS/x"), "{heard:?}");
}

async fn denied_and_ignored(wire: Wire) {
    let world = World::with(wire, |config| config.stomp.denied = Denied::Ignore);
    let (mut alice, mut bob) = sender_and_subscriber(&world, "").await;
    bob.says("SUBSCRIBE\nid:sys\ndestination:/topic/$SYS/#\nreceipt:r\n\n^").await.hears_receipt("r").await;
    alice.says("SEND\ndestination:/topic/$SYS/x\nreceipt:withheld\n\nhello^").await.hears_nothing().await;
    bob.hears_nothing().await;
    alice.says("SEND\ndestination:/topic/t\nreceipt:r\n\nhello^").await.hears_receipt("r").await;
    bob.hears_message("hello").await;
}

async fn no_trace(wire: Wire) {
    let world = World::new(wire);
    let (alice, mut bob) = sender_and_subscriber(&world, "").await;
    drop(alice);
    bob.says("FOO\n\n^").await.is_refused("unknown command FOO", 1000).await;
    assert_eq!((world.broker.session_count(), world.broker.subscription_count()), (0, 0));
}
