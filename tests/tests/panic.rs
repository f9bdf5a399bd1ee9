//! A panic in one connection ends that connection alone: it is counted, its session is let go of as if the network had
//! failed, and everybody else goes on.

use std::sync::Arc;
use std::time::Instant;

use tidewire::auth::Arrival;
use tidewire::broker::Loss;
use tidewire::connection::{Close, Flow, Protocol, serve};
use tidewire::counters::RefusalReason;
use tidewire::mqtt::Mqtt;
use tidewire::output::Output;
use tidewire::store::CommitId;
use tidewire::turn::Turn;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, PingReq, PingResp, connect, publish, sub_ack, subscribe};
use tidewire_tests::peer::{Peer, Wire};
use tidewire_tests::world::World;

/// MQTT, with a fault: it panics when a payload says so.
struct Faulty(Mqtt);

impl Protocol for Faulty {
    fn handle_input(&mut self, turn: &mut Turn<'_>, input: &[u8]) -> (usize, Flow) {
        let handled = self.0.handle_input(turn, input);
        assert!(!input.ends_with(b"panic"), "the fault that this test is about");
        handled
    }

    fn handle_wake(&mut self, turn: &mut Turn<'_>) -> Flow {
        self.0.handle_wake(turn)
    }

    fn handle_timeout(&mut self, turn: &mut Turn<'_>) -> Flow {
        self.0.handle_timeout(turn)
    }

    fn handle_breach(&mut self, turn: &mut Turn<'_>, close: Close, reason: RefusalReason) -> Flow {
        self.0.handle_breach(turn, close, reason)
    }

    fn handle_commit(&mut self, commit: CommitId) {
        self.0.handle_commit(commit);
    }

    fn handle_closed(&mut self, turn: &mut Turn<'_>, loss: Loss) {
        self.0.handle_closed(turn, loss);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn poll_transmit(&mut self, turn: &mut Turn<'_>, output: &mut Output) -> Option<CommitId> {
        self.0.poll_transmit(turn, output)
    }

    fn handle_blocked(&mut self) {}

    fn takes_input(&self) -> bool {
        self.0.takes_input()
    }

    fn takes_text(&self) -> bool {
        self.0.takes_text()
    }
}

conversations! {
    a_panic_ends_its_own_connection_alone => everybody_else_goes_on;
}

async fn everybody_else_goes_on(wire: Wire) {
    let world = World::new(wire);
    let mut bystander = world.mqtt().await;
    bystander.connects(connect("bystander"), false).await;
    bystander.says(subscribe("#", 0)).await.hears(sub_ack(&[0])).await;

    let broker = Arc::clone(&world.broker);
    let link = broker.new_link("a test");
    let protocol = Box::new(Faulty(Mqtt::new(Arc::clone(&broker), Arc::clone(&link), Arrival::default())));
    let (peer, stream) = Peer::direct(wire).await;
    tokio::spawn(serve(broker, stream, protocol, link));
    let mut victim = MqttPeer::new(peer);
    victim.connects(connect("victim").will(publish("wills/victim", "gone")), false).await;
    victim.says(publish("any", "panic")).await.peer.is_lost().await;

    // What the turn had done before is not undone, and whoever was to be woken for it is.
    bystander.hears(publish("any", "panic")).await.hears(publish("wills/victim", "gone")).await;
    bystander.says(PingReq).await.hears(PingResp).await;
    assert_eq!(world.broker.counters.panics.value(), 1);
    assert_eq!(world.broker.link_count(), 1, "the connection is off the list");
    assert_eq!(world.broker.session_count(), 1, "its session is gone");
}
