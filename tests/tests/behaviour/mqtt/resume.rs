//! A client comes back to its session: what it was owed, in the order it was owed.

use std::num::NonZeroU16;

use tidewire_protocols::mqtt::{Property, Version};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    ConnectWords, connect, disconnect, pub_ack, pub_comp, pub_rec, pub_rel, publish, subscribe,
};
use tidewire_tests::peer::Wire;
use tidewire_tests::world::World;

use super::SECOND;

conversations! {
    what_was_not_acknowledged_comes_again => unacknowledged_comes_again;
    mqtt_311_resumes_too => mqtt_311_resumes;
    a_release_is_repeated_and_not_the_message => releases_are_repeated;
    the_new_receive_maximum_holds => resending_respects_the_window;
    what_came_meanwhile_follows => backlog_follows;
    qos_0_does_not_wait => qos_0_is_for_those_present;
    nothing_is_repeated_while_connected => no_timed_repeats;
    an_acknowledgement_comes_late => late_acknowledgements_count;
    a_message_that_has_grown_too_large_is_given_up => too_large_to_resend;
    a_clean_start_forgets => clean_start_forgets;
}

fn bob() -> ConnectWords {
    connect("bob").resume().expiry(600)
}

fn receive_maximum(maximum: u16) -> Property<'static> {
    Property::ReceiveMaximum(NonZeroU16::new(maximum).expect("a receive maximum is not zero"))
}

async fn unacknowledged_comes_again(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "one").qos1(1)).await;
    alice.publishes(publish("t", "two").qos2(2)).await;
    alice.publishes(publish("t", "three").qos1(3)).await;
    b.hears(publish("t", "one").qos1(1)).await.hears(publish("t", "two").qos2(2)).await;
    b.hears(publish("t", "three").qos1(3)).await.says(pub_ack(1)).await;
    for _ in 0..2 {
        drop(b);
        b = world.client_with(bob(), true).await;
        b.hears(publish("t", "two").qos2(2).dup()).await.hears(publish("t", "three").qos1(3).dup()).await;
        b.hears_nothing().await;
    }
    b.says(pub_ack(3)).await.says(pub_rec(2)).await.hears(pub_rel(2)).await.says(pub_comp(2)).await;
    drop(b);
    world.client_with(bob(), true).await.hears_nothing().await;
}

async fn mqtt_311_resumes(wire: Wire) {
    let world = World::new(wire);
    let lasting = || connect("bob").v311().resume();
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(lasting(), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "one").qos2(1)).await;
    b.hears(publish("t", "one").qos2(1)).await.says(disconnect()).await.is_closed().await;
    alice.publishes(publish("t", "two").qos1(2)).await;
    let mut b = world.client_with(lasting(), true).await;
    b.hears(publish("t", "one").qos2(1).dup()).await.hears(publish("t", "two").qos1(2)).await;
    // A clean session, and everything is gone.
    world.client_with(connect("bob").v311(), false).await.hears_nothing().await;
    world.client_with(lasting(), false).await.hears_nothing().await;
}

async fn releases_are_repeated(wire: Wire) {
    let world = World::new(wire);
    for version in [Version::V5, Version::V311] {
        let lasting = || match version.is_v5() {
            true => bob(),
            false => connect("carol").v311().resume(),
        };
        let (mut alice, mut b) = (world.client("alice").await, world.client_with(lasting(), false).await);
        b.subscribes(subscribe("t", 2)).await;
        alice.publishes(publish("t", "one").qos2(1)).await.publishes(publish("t", "two").qos2(2)).await;
        b.hears(publish("t", "one").qos2(1)).await.hears(publish("t", "two").qos2(2)).await;
        b.says(pub_rec(1)).await.hears(pub_rel(1)).await;
        drop(b);
        let mut b = world.client_with(lasting(), true).await;
        b.hears(pub_rel(1)).await.hears(publish("t", "two").qos2(2).dup()).await;
        b.says(pub_comp(1)).await.says(pub_rec(2)).await.hears(pub_rel(2)).await;
        drop(b);
        let mut b = world.client_with(lasting(), true).await;
        b.hears(pub_rel(2)).await.says(pub_comp(2)).await.hears_nothing().await;
        b.says(disconnect()).await.is_closed().await;
    }
}

async fn resending_respects_the_window(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(), false).await);
    b.subscribes(subscribe("t", 2)).await;
    for number in 1..=5_u16 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
        b.hears(publish("t", number.to_string()).qos1(number)).await;
    }
    drop(b);
    let mut b = world.client_with(bob().with(receive_maximum(2)), true).await;
    b.hears(publish("t", "1").qos1(1).dup()).await.hears(publish("t", "2").qos1(2).dup()).await;
    b.hears_nothing().await;
    for number in 3..=5_u16 {
        b.says(pub_ack(number - 2)).await.hears(publish("t", number.to_string()).qos1(number).dup()).await;
        b.hears_nothing().await;
    }
    // What is new waits behind what is old.
    alice.publishes(publish("t", "6").qos1(6)).await;
    b.hears_nothing().await.says(pub_ack(4)).await.hears(publish("t", "6").qos1(6)).await;
}

async fn backlog_follows(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(), false).await);
    b.subscribes(subscribe("t/#", 2)).await;
    alice.publishes(publish("t/1", "before").qos1(1)).await;
    b.hears(publish("t/1", "before").qos1(1)).await;
    drop(b);
    world.settles().await;
    alice.publishes(publish("t/2", "meanwhile").qos1(2)).await;
    alice.publishes(publish("t/1", "meanwhile").qos2(3)).await;
    let mut b = world.client_with(bob(), true).await;
    alice.publishes(publish("t/3", "after").qos1(4)).await;
    b.hears(publish("t/1", "before").qos1(1).dup()).await;
    b.hears(publish("t/2", "meanwhile").qos1(2)).await;
    b.hears(publish("t/1", "meanwhile").qos2(3)).await;
    b.hears(publish("t/3", "after").qos1(4)).await;
}

async fn qos_0_is_for_those_present(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(), false).await);
    b.subscribes(subscribe("t", 0).and("u", 1)).await;
    drop(b);
    world.settles().await;
    alice.publishes(publish("t", "qos 1 to a subscription of 0").qos1(1)).await;
    alice.publishes(publish("u", "qos 0 to a subscription of 1")).await;
    alice.publishes(publish("u", "qos 1").qos1(1)).await;
    world.client_with(bob(), true).await.hears(publish("u", "qos 1").qos1(1)).await.hears_nothing().await;
}

async fn no_timed_repeats(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) =
        (world.client("alice").await, world.client_with(bob().keep_alive(60_000), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "one").qos1(1)).await;
    b.hears(publish("t", "one").qos1(1)).await;
    world.passes(600 * SECOND).await;
    b.hears_nothing().await;
}

async fn late_acknowledgements_count(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(), false).await);
    b.subscribes(subscribe("t", 2)).await;
    for number in 1..=3_u16 {
        alice.publishes(publish("t", number.to_string()).qos1(number)).await;
        b.hears(publish("t", number.to_string()).qos1(number)).await;
    }
    drop(b);
    // The acknowledgement is of what came on the first connection; it comes before the repeat has been sent.
    let mut b = world.client_with(bob().with(receive_maximum(1)), true).await;
    b.hears(publish("t", "1").qos1(1).dup())
        .await
        .says(pub_ack(1))
        .await
        .hears(publish("t", "2").qos1(2).dup())
        .await;
    b.says(pub_ack(2)).await.hears(publish("t", "3").qos1(3).dup()).await;
    b.says(pub_ack(3)).await.hears_nothing().await;
}

async fn too_large_to_resend(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", [b'x'; 1000]).qos1(1)).await;
    b.hears(publish("t", [b'x'; 1000]).qos1(1)).await;
    drop(b);
    let size_max = Property::MaximumPacketSize(std::num::NonZeroU32::new(500).expect("500 is not zero"));
    let mut b = world.client_with(bob().with(size_max).with(receive_maximum(1)), true).await;
    // It takes no place in the window.
    alice.publishes(publish("t", "small").qos1(1)).await;
    b.hears(publish("t", "small").qos1(2)).await.says(pub_ack(2)).await.hears_nothing().await;
    // And it is over, as one that was too large at first would have been.
    drop(b);
    world.client_with(bob(), true).await.hears_nothing().await;
}

async fn clean_start_forgets(wire: Wire) {
    let world = World::new(wire);
    let (mut alice, mut b) = (world.client("alice").await, world.client_with(bob(), false).await);
    b.subscribes(subscribe("t", 2)).await;
    alice.publishes(publish("t", "one").qos1(1)).await;
    b.hears(publish("t", "one").qos1(1)).await;
    drop(b);
    let mut b = world.client_with(connect("bob").expiry(600), false).await;
    alice.publishes(publish("t", "two").qos1(1)).await;
    b.hears_nothing().await;
    drop(b);
    world.client_with(bob(), true).await.hears_nothing().await;
}
