//! WebSocket pings: a quiet peer is asked whether it is there, and one that does not answer is let go of.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tidewire::config::Span;
use tidewire_tests::mqtt::{MqttPeer, PingReq, PingResp, connect, publish, subscribe};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::Message;

const SECOND: Duration = Duration::from_secs(1);

fn world() -> World {
    World::with(Wire::Ws, |config| config.limits.ping_interval = Span(30 * SECOND))
}

/// A client without keep alive.
async fn alice(world: &World) -> MqttPeer {
    world.client_with(connect("alice").v311().keep_alive(0), false).await
}

#[tokio::test(start_paused = true)]
async fn a_quiet_peer_is_pinged_and_stays_as_long_as_it_answers() {
    let world = world();
    let mut alice = alice(&world).await;
    for _ in 0..10 {
        world.passes(29 * SECOND).await;
        alice.hears_nothing().await;
        world.passes(SECOND).await;
        let ping = alice.peer.web_socket().next().await.expect("it is open").expect("it is whole");
        assert_eq!(ping, Message::Ping(Vec::new().into()));
        // The answer leaves with the flush.
        alice.peer.web_socket().flush().await.expect("the answer is taken");
        world.settles().await;
    }
    alice.says(PingReq).await.hears(PingResp).await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_is_let_go_of() {
    let world = world();
    let mut alice = alice(&world).await;
    // Nobody looks at what comes, so nobody answers.
    world.passes(59 * SECOND).await;
    assert_eq!(world.broker.link_count(), 1);
    world.passes(2 * SECOND).await;
    let mut codes = Vec::new();
    while let Some(Ok(message)) = alice.peer.web_socket().next().await {
        if let Message::Close(Some(close)) = message {
            codes.push(u16::from(close.code));
        }
    }
    assert_eq!(codes, [1002]);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_heard_counts() {
    let world = world();
    let mut alice = alice(&world).await;
    for _ in 0..4 {
        world.passes(20 * SECOND).await;
        alice.says(PingReq).await.hears(PingResp).await;
    }
    world.passes(20 * SECOND).await;
    alice.hears_nothing().await;
}

/// A message is on its way for minutes, and no ping comes before its end; but what has come of it is read.
#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_there() {
    let world = world();
    let mut alice = alice(&world).await;
    alice.subscribes(subscribe("t", 0)).await;
    let mut bob = world.client_with(connect("bob").v311().keep_alive(0), false).await;
    bob.publishes(publish("t", "x".repeat(2 << 20))).await;
    bob.peer.closes().await;
    let mut piece = vec![0; 32 * 1024];
    for _ in 0..40 {
        world.passes(5 * SECOND).await;
        alice.peer.web_socket().get_mut().read_exact(&mut piece).await.expect("it is still sent");
    }
    assert_eq!(world.broker.link_count(), 1);
    world.passes(100 * SECOND).await;
    assert_eq!(world.broker.link_count(), 0, "and gone when it reads no more");
}

#[tokio::test(start_paused = true)]
async fn where_they_are_off_none_comes() {
    let world = World::with(Wire::Ws, |config| config.limits.ping_interval = Span(Duration::ZERO));
    let mut alice = alice(&world).await;
    world.passes(3_600 * SECOND).await;
    alice.hears_nothing().await;
}
