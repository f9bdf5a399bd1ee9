//! The process is killed and starts again: what was acknowledged is there, and nothing comes twice that must not.

mod backlog;
mod delivery;
mod durable;
mod end;
mod queue;
mod random;
mod received;
mod retain;
mod subscription;
mod taken;
mod will;

use std::sync::Arc;
use std::time::Duration;

use tidewire::config::Config;
use tidewire::store::{CommitId, Store};
use tidewire_tests::mqtt::{ConnectWords, MqttPeer, connect, publish};
use tidewire_tests::peer::Wire;
use tidewire_tests::store::KeepingStore;
use tidewire_tests::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// A broker and its disk.
struct Life {
    world: World,
    store: Arc<KeepingStore>,
}

impl Life {
    /// With a disk that takes no time.
    fn new(wire: Wire) -> Self {
        Self::with(wire, Duration::ZERO, |_| ())
    }

    /// With a disk that takes its time, and some settings changed.
    fn with(wire: Wire, delay: Duration, change: impl FnOnce(&mut Config)) -> Self {
        let store = Arc::new(KeepingStore::new(delay));
        let world = World::with_store(wire, Arc::clone(&store) as Arc<dyn Store>, change);
        Self { world, store }
    }

    /// The process is killed at this moment, and another one starts, which finds what was durable.
    fn restarts(self) -> Self {
        let durable = self.store.durable();
        self.restarts_from(durable)
    }

    /// The same, but no more was kept than the batches up to `kept`.
    fn restarts_from(self, kept: CommitId) -> Self {
        self.restarts_with(kept, |_| ())
    }

    /// The same, with a disk that is changed in between.
    fn restarts_with(self, kept: CommitId, change: impl FnOnce(&KeepingStore)) -> Self {
        let Self { world, store } = self;
        let store = Arc::new(store.reopened(kept));
        change(&store);
        let recovered = store.recover(CommitId::NONE);
        let world = world.succeeded_by(Arc::clone(&store) as Arc<dyn Store>, recovered);
        Self { world, store }
    }
}

/// A client whose session lasts ten minutes.
fn bob() -> ConnectWords {
    connect("bob").resume().expiry(600)
}

/// Publishes these payloads to `t` with QoS 1.
async fn publishes(world: &World, payloads: &[&str]) {
    let mut alice = world.client("alice").await;
    for payload in payloads {
        alice.publishes(publish("t", payload).qos1(1)).await;
    }
}

/// A client that has subscribed to `t` with QoS 2, and left.
async fn absent_bob(world: &World) {
    let mut bob = subscribed_bob(world).await;
    bob.says(tidewire_tests::mqtt::disconnect()).await.is_closed().await;
}

async fn subscribed_bob(world: &World) -> MqttPeer {
    let mut peer = world.client_with(bob(), false).await;
    peer.subscribes(tidewire_tests::mqtt::subscribe("t", 2)).await;
    peer
}
