//! Sessions that end while the process is away, or not.

use std::time::Duration;

use tidewire::session::Overflow;
use tidewire::store::Store;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{connect, disconnect, publish, subscribe};
use tidewire_tests::peer::Wire;

use super::{Life, SECOND, absent_bob, bob, publishes};

conversations! {
    a_session_may_end_while_the_process_is_away => away;
    its_expiry_goes_on => goes_on;
    one_that_was_connected_begins_to_expire => connected;
    one_that_ends_with_its_connection_is_gone => not_kept;
    one_that_has_ended_is_gone => ended;
    the_bounds_of_its_outbox_hold => bounded;
}

async fn away(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    publishes(&life.world, &["1"]).await;
    let kept = life.store.durable();
    life.world.passes(601 * SECOND).await;
    let life = life.restarts_from(kept);
    assert_eq!((life.world.broker.session_count(), life.world.broker.subscription_count()), (0, 0));
    life.world.client_with(bob(), false).await.hears_nothing().await;
}

async fn goes_on(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    life.world.passes(500 * SECOND).await;
    let life = life.restarts();
    life.world.passes(99 * SECOND).await;
    assert_eq!(life.world.broker.session_count(), 1);
    life.world.passes(2 * SECOND).await;
    assert_eq!(life.world.broker.session_count(), 0);
    assert_eq!(life.restarts().world.broker.session_count(), 0);
}

async fn connected(wire: Wire) {
    let life = Life::new(wire);
    let _b = super::subscribed_bob(&life.world).await;
    life.world.passes(30 * SECOND).await;
    let life = life.restarts();
    life.world.passes(500 * SECOND).await;
    let life = life.restarts();
    life.world.passes(99 * SECOND).await;
    assert_eq!(life.world.broker.session_count(), 1);
    life.world.passes(2 * SECOND).await;
    assert_eq!(life.world.broker.session_count(), 0);
}

async fn not_kept(wire: Wire) {
    let life = Life::new(wire);
    let mut b = life.world.client("bob").await;
    b.subscribes(subscribe("t", 1)).await;
    let life = life.restarts();
    assert_eq!((life.world.broker.session_count(), life.world.broker.subscription_count()), (0, 0));
}

async fn ended(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    // A clean start that asks for no expiry.
    life.world.client_with(connect("bob"), false).await.says(disconnect()).await.is_closed().await;
    let life = life.restarts();
    assert_eq!((life.world.broker.session_count(), life.world.broker.subscription_count()), (0, 0));
}

async fn bounded(wire: Wire) {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let life = Life::with(wire, Duration::ZERO, |config| {
            config.session.outbox_messages_max = 3;
            config.session.overflow = overflow;
        });
        absent_bob(&life.world).await;
        publishes(&life.world, &["1", "2"]).await;
        let life = life.restarts();
        publishes(&life.world, &["3", "4"]).await;
        let kept = match overflow {
            Overflow::DropOldest => ["2", "3", "4"],
            _ => ["1", "2", "3"],
        };
        let mut b = life.restarts().world.client_with(bob(), true).await;
        for payload in kept {
            b.hears(publish("t", payload).qos1(payload.parse().expect("a number"))).await;
        }
        b.hears_nothing().await;
    }
}
