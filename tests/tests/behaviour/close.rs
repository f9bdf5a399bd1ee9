//! How a WebSocket connection ends when the client ends it, and when it breaks WebSocket's own rules.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tidewire::config::{Config, ListenerConfig, ProtocolName, Size, Transport};
use tidewire::net::{bind, serve};
use tidewire_protocols::mqtt::ReasonCode;
use tidewire_tests::mqtt::{MqttPeer, Say, connect, pub_ack, publish, sub_ack, subscribe};
use tidewire_tests::peer::{PATIENCE, QUIET, Wire};
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::{World, broker_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Largest packet in the tests on real sockets.
const PACKET_BYTES: usize = 1 << 20;
/// What comes behind the broken rule: more than the sockets' buffers hold, so that the broker must read it.
const BEHIND_BYTES: usize = 16 << 20;

/// RFC 6455, section 5.5.1: a Close frame is answered by one. The client is lost to MQTT, which was told nothing.
#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_and_the_will_published() {
    let world = World::new(Wire::Ws);
    let (mut alice, mut bob) = (world.mqtt().await, world.mqtt().await);
    bob.connects(connect("bob"), false).await;
    bob.says(subscribe("gone", 0)).await.hears(sub_ack(&[0])).await;
    alice.connects(connect("alice").will(publish("gone", "alice")), false).await;
    closes_and_is_answered(&mut alice, &[Message::Close(None)]).await;
    bob.hears(publish("gone", "alice")).await;
    drop(alice);
    world.settles().await;
    assert_eq!(world.broker.link_count(), 1);
}

/// Over TCP a client may end its half of the stream right behind its last words, and is answered still.
#[tokio::test(start_paused = true)]
async fn what_came_before_the_end_of_the_stream_is_answered() {
    let world = World::new(Wire::Tcp);
    let mut alice = world.client("alice").await;
    alice.says(publish("t", "last words").qos1(1)).await;
    alice.peer.closes().await;
    alice.hears(pub_ack(1).because(ReasonCode::NoMatchingSubscribers)).await;
}

/// The PUBACK can be delivered no more, and does not hold the answer up.
#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_though_a_reply_is_due() {
    let world = World::new(Wire::Ws);
    let mut alice = world.client("alice").await;
    let publish = publish("t", "last words").qos1(1).bytes(alice.version);
    closes_and_is_answered(&mut alice, &[Message::binary(publish), Message::Close(None)]).await;
}

/// Nor does a reply that waits for the disk.
#[tokio::test(start_paused = true)]
async fn a_close_frame_is_answered_though_a_reply_is_held() {
    let world = World::with_store(Wire::Ws, Arc::new(KeepingStore::new(Duration::from_secs(2))), |_| ());
    let mut alice = world.client_with(connect("alice").expiry(60), false).await;
    alice.subscribes(subscribe("t", 1)).await;
    let publish = publish("t", "last words").qos1(1).bytes(alice.version);
    closes_and_is_answered(&mut alice, &[Message::binary(publish), Message::Close(None)]).await;
}

/// A ping's answer still leaves before the Close frame.
#[tokio::test(start_paused = true)]
async fn a_close_frame_right_behind_a_ping_is_answered() {
    let world = World::new(Wire::Ws);
    let mut alice = world.client("alice").await;
    closes_and_is_answered(&mut alice, &[Message::Ping("still there?".into()), Message::Close(None)]).await;
}

/// Sends all of it at once, and holds that the broker's Close frame comes soon, with nothing but a Pong before it and
/// nothing behind.
async fn closes_and_is_answered(peer: &mut MqttPeer, messages: &[Message]) {
    let stream = peer.peer.web_socket();
    for message in messages {
        stream.feed(message.clone()).await.expect("the message is taken");
    }
    stream.flush().await.expect("the messages are sent");
    let sent_at = Instant::now();
    let mut answer = stream.next().await;
    if let Some(Ok(Message::Pong(_))) = answer {
        answer = stream.next().await;
    }
    assert!(matches!(answer, Some(Ok(Message::Close(_)))), "the broker answers, and not {answer:?}");
    assert!(sent_at.elapsed() < QUIET, "the answer took {:?}", sent_at.elapsed());
    assert!(stream.next().await.is_none(), "and ends the connection");
}

/// A WebSocket frame's header with the mask 0, which leaves the payload as it is.
fn frame_header(first: u8, payload_len: usize) -> Vec<u8> {
    let mut header = vec![first];
    match payload_len {
        0..=125 => header.push(0x80 | payload_len as u8),
        _ => {
            header.push(0x80 | 127);
            header.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
    header.extend_from_slice(&[0; 4]);
    header
}

#[tokio::test]
async fn a_message_too_large_is_answered_with_1009() {
    hears_code(&frame_header(0x82, BEHIND_BYTES), 1009).await;
}

#[tokio::test]
async fn a_reserved_bit_is_answered_with_1002() {
    hears_code(&[frame_header(0xC2, 1), vec![0]].concat(), 1002).await;
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_answered_with_1007() {
    hears_code(&[frame_header(0x81, 1), vec![0xFF]].concat(), 1007).await;
}

/// Breaks a rule over TCP, with much more right behind it, and holds that all of that is taken, that the Close frame says
/// `code`, and that the connection ends behind it. A socket that were closed with bytes unread would be reset instead, and
/// the reset can overtake the Close frame.
async fn hears_code(broken: &[u8], code: u16) {
    let mut config = Config::default();
    config.limits.packet_size_max = Size(PACKET_BYTES);
    config.limits.body_size_max = Size(PACKET_BYTES);
    let broker = Arc::new(broker_of(config));
    let listener = ListenerConfig::new("test", "127.0.0.1:0", Transport::Ws, &[ProtocolName::Mqtt]);
    let bound = bind(listener).expect("a free port is found");
    let address = bound.address().expect("a port has an address");
    let (_stop, stopped) = watch::channel(false);
    tokio::spawn(serve(broker, bound, stopped));

    let mut request = "ws://broker/".into_client_request().expect("the address is well-formed");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "mqtt".parse().expect("the name is a header value"));
    let socket = TcpStream::connect(address).await.expect("the broker listens");
    let (stream, _) = client_async(request, socket).await.expect("the upgrade succeeds");
    let mut socket = stream.into_inner();

    let mut heard = Vec::new();
    let conversation = async {
        socket.write_all(broken).await.expect("the broken rule is sent");
        socket.write_all(&vec![0; BEHIND_BYTES]).await.expect("what is behind it is taken");
        socket.read_to_end(&mut heard).await.expect("the connection is not reset");
    };
    timeout(PATIENCE, conversation).await.expect("the connection ends");
    assert_eq!(heard.first(), Some(&0x88), "a Close frame");
    assert_eq!(heard[2..4], code.to_be_bytes(), "WebSocket close code");
    assert_eq!(heard.len(), 2 + usize::from(heard[1]), "and nothing else");
}
