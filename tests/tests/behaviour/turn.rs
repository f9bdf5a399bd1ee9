//! How much a connection takes from its WebSocket at once, so that others have their turn.

use std::future::poll_fn;

use futures_util::SinkExt;
use tidewire::connection::Flow;
use tidewire::net::Received;
use tidewire_protocols::websocket::Decoder;
use tidewire_tests::peer::{PIPE_BYTES, Peer, Wire};

/// What a thread reads at once.
const READ_BYTES: usize = 64 * 1024;

#[tokio::test]
async fn a_turn_ends_behind_64_messages() {
    let turns = turns(decoder(), 130, 1).await;
    assert_eq!(turns.iter().map(|pieces| pieces.len()).collect::<Vec<_>>(), [64, 64, 2]);
}

#[tokio::test]
async fn a_turn_takes_what_was_read_at_once() {
    let turns = turns(decoder(), 3, 15 * 1024).await;
    assert_eq!(turns, [[15 * 1024; 3]]);
}

/// As the broker has them.
#[tokio::test]
async fn messages_that_come_together_are_handled_as_one() {
    let turns = turns(decoder().joining(), 130, 100).await;
    assert_eq!(turns, [[130 * 100]]);
}

#[tokio::test]
async fn a_large_message_is_handled_as_it_comes() {
    for pieces in turns(decoder(), 2, 5 * READ_BYTES).await {
        assert!(pieces.iter().sum::<usize>() <= READ_BYTES, "{pieces:?}");
    }
}

fn decoder() -> Decoder {
    Decoder::new(16 << 20, None)
}

/// The pieces that each turn takes of so many messages of that size.
async fn turns(decoder: Decoder, count: usize, message_len: usize) -> Vec<Vec<usize>> {
    let (mut client, mut stream) = Peer::decoded_by(decoder, Wire::Ws).await;
    let client = client.web_socket();
    let sending = async {
        for _ in 0..count {
            client.feed(vec![0; message_len].into()).await.expect("the message is taken");
        }
        client.flush().await.expect("the messages are sent");
    };
    let receiving = async {
        let mut turns: Vec<Vec<usize>> = Vec::new();
        while turns.iter().flatten().sum::<usize>() < count * message_len {
            let mut pieces = Vec::new();
            let mut handle = |bytes: &[u8], _| {
                pieces.push(bytes.len());
                Flow::Continue
            };
            let now = std::time::Instant::now();
            let received = poll_fn(|cx| stream.poll_receive(cx, now, usize::MAX, &mut handle)).await;
            assert!(matches!(received, Received::Bytes(Flow::Continue)));
            turns.push(pieces);
        }
        turns
    };
    // What fits into the pipe has all arrived before any of it is read.
    match count * message_len < PIPE_BYTES {
        true => {
            sending.await;
            receiving.await
        }
        false => tokio::join!(sending, receiving).1,
    }
}
