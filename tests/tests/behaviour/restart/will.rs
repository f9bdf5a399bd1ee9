//! Wills.

use tidewire::store::Store;
use tidewire_protocols::mqtt::Property;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{ConnectWords, connect, disconnect, publish, subscribe};
use tidewire_tests::peer::Wire;

use super::{Life, SECOND, bob};

conversations! {
    a_client_that_was_connected_is_lost => lost;
    a_goodbye_before_has_withdrawn_it => goodbye;
    a_delay_goes_on => delay;
    a_session_that_ended_meanwhile_publishes => ended;
    a_return_withdraws_it => returned;
}

fn alice(delay_secs: u32) -> ConnectWords {
    let delay = Property::WillDelayInterval(delay_secs);
    connect("alice").resume().expiry(600).will_with(publish("will", "gone").qos1(1), &[delay])
}

async fn listening(wire: Wire) -> Life {
    let life = Life::new(wire);
    life.world.client_with(bob(), false).await.subscribes(subscribe("will", 1)).await;
    life
}

async fn lost(wire: Wire) {
    let life = listening(wire).await;
    life.world.client_with(alice(0), false).await;
    let mut b = life.restarts().world.client_with(bob(), true).await;
    b.hears(publish("will", "gone").qos1(1)).await.hears_nothing().await;
}

async fn goodbye(wire: Wire) {
    let life = listening(wire).await;
    life.world.client_with(alice(0), false).await.says(disconnect()).await.is_closed().await;
    life.restarts().world.client_with(bob(), true).await.hears_nothing().await;
}

async fn delay(wire: Wire) {
    let life = listening(wire).await;
    drop(life.world.client_with(alice(100), false).await);
    life.world.passes(60 * SECOND).await;
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    life.world.passes(38 * SECOND).await;
    b.hears_nothing().await;
    life.world.passes(2 * SECOND).await;
    b.hears(publish("will", "gone").qos1(1)).await.hears_nothing().await;
    // And once.
    let life = life.restarts();
    life.world.passes(100 * SECOND).await;
    life.world.client_with(bob(), true).await.hears(publish("will", "gone").qos1(1).dup()).await;
}

async fn ended(wire: Wire) {
    let life = listening(wire).await;
    drop(life.world.client_with(alice(5_000), false).await);
    life.world.settles().await;
    let kept = life.store.durable();
    // The process is away for long, and comes back before bob's session is over.
    life.world.passes(500 * SECOND).await;
    let life = life.restarts_from(kept);
    let mut b = life.world.client_with(bob(), true).await;
    life.world.passes(200 * SECOND).await;
    b.hears(publish("will", "gone").qos1(1)).await.hears_nothing().await;
}

async fn returned(wire: Wire) {
    let life = listening(wire).await;
    drop(life.world.client_with(alice(100), false).await);
    life.world.settles().await;
    let life = life.restarts();
    let (mut b, _a) =
        (life.world.client_with(bob(), true).await, life.world.client_with(alice(100), true).await);
    life.world.passes(200 * SECOND).await;
    b.hears_nothing().await;
}
