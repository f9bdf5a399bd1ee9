//! How a WebSocket connection ends when the client ends it.

use futures_util::{SinkExt, StreamExt};
use tidewire_tests::mqtt::{connect, publish, sub_ack, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;
use tokio_tungstenite::tungstenite::Message;

/// RFC 6455, section 5.5.1: a Close frame is answered by one. The client is lost to MQTT, which was told nothing.
#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_and_the_will_published() {
    let world = World::new(Wire::Ws);
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    bob.connects(connect("bob"), false).await;
    bob.says(subscribe("gone", 0)).await.hears(sub_ack(&[0])).await;
    alice.connects(connect("alice").will(publish("gone", "alice")), false).await;
    let stream = alice.peer.web_socket();
    stream.send(Message::Close(None)).await.expect("the frame is sent");
    assert!(matches!(stream.next().await, Some(Ok(Message::Close(_)))), "the broker answers");
    assert!(stream.next().await.is_none(), "and ends the connection");
    bob.hears(publish("gone", "alice")).await;
    assert_eq!(world.broker.link_count(), 1);
}
