//! How much a connection takes from its WebSocket at once, so that others have their turn.

use std::future::poll_fn;

use futures_util::SinkExt;
use tidewire::connection::Flow;
use tidewire::net::{Received, Socket, Stream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

#[tokio::test]
async fn a_turn_ends_behind_the_message_that_makes_64_kib() {
    assert_eq!(turns(12, 16 * 1024).await, [4, 4, 4]);
}

#[tokio::test]
async fn a_turn_ends_behind_64_messages() {
    assert_eq!(turns(130, 1).await, [64, 64, 2]);
}

#[tokio::test]
async fn a_turn_takes_a_larger_message_alone() {
    assert_eq!(turns(2, 256 * 1024).await, [1, 1]);
}

/// How many messages each turn takes of so many of that size, all of which have arrived.
async fn turns(count: usize, message_len: usize) -> Vec<usize> {
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut client = WebSocketStream::from_raw_socket(near, Role::Client, None).await;
    for _ in 0..count {
        client.feed(Message::binary(vec![0; message_len])).await.expect("the message is taken");
    }
    client.flush().await.expect("the messages are sent");
    let server = WebSocketStream::from_raw_socket(Socket::from(far), Role::Server, None).await;
    let mut stream = Stream::web_socket(server, false);

    let mut turns = Vec::new();
    while turns.iter().sum::<usize>() < count {
        let mut taken = 0;
        let mut handle = |bytes: &[u8], _| {
            assert_eq!(bytes.len(), message_len);
            taken += 1;
            Flow::Continue
        };
        let received = poll_fn(|cx| stream.poll_receive(cx, &mut handle)).await;
        assert!(matches!(received, Received::Bytes(Flow::Continue)));
        turns.push(taken);
    }
    turns
}
