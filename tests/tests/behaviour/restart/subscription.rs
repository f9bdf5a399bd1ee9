//! Subscriptions.

use std::num::NonZeroU32;

use tidewire::store::{Batch, Record, SessionKind, Store};
use tidewire_protocols::mqtt::Property;
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{
    connect, pub_ack, pub_comp, pub_rec, pub_rel, publish, subscribe, unsub_ack, unsubscribe,
};
use tidewire_tests::peer::Wire;

use super::{Life, SECOND, bob};

conversations! {
    they_are_there_with_their_options => options;
    what_was_unsubscribed_is_not => unsubscribed;
    shared_ones_have_their_members => shared;
    a_member_that_ends_leaves_what_waited_to_the_others => passed_on;
    what_ends_with_its_last_member_is_not_for_who_comes_after => ended;
    a_crash_while_it_is_passed_on_loses_and_doubles_nothing => passed_on_across_a_crash;
    of_two_sessions_of_one_client_the_later_stands => two_sessions;
}

fn identifier(number: u32) -> Property<'static> {
    Property::SubscriptionIdentifier(NonZeroU32::new(number).expect("a test's number is not zero"))
}

async fn options(wire: Wire) {
    let life = Life::new(wire);
    let mut b = life.world.client_with(bob(), false).await;
    b.subscribes(subscribe("own", 1).options(|options| options.no_local = true)).await;
    b.subscribes(subscribe("flag", 1).options(|options| options.retain_as_published = true)).await;
    b.subscribes(subscribe("id/+", 1).with(identifier(77))).await;
    b.subscribes(subscribe("id/#", 0).with(identifier(78))).await;
    let life = life.restarts();
    assert_eq!(life.world.broker.subscription_count(), 4);
    let mut b = life.world.client_with(bob(), true).await;
    let mut alice = life.world.client("alice").await;
    b.says(publish("own", "mine").qos1(1)).await.hears(pub_ack(1)).await;
    alice.publishes(publish("own", "hers").qos1(1)).await;
    b.hears(publish("own", "hers").qos1(1)).await.says(pub_ack(1)).await;
    alice.publishes(publish("flag", "x").qos1(1).retained()).await;
    b.hears(publish("flag", "x").qos1(2).retained()).await.says(pub_ack(2)).await;
    alice.publishes(publish("id/1", "y").qos1(1)).await;
    b.hears(publish("id/1", "y").qos1(3).with(identifier(78)).with(identifier(77))).await;
    b.hears_nothing().await;
}

async fn unsubscribed(wire: Wire) {
    let life = Life::new(wire);
    let mut b = life.world.client_with(bob(), false).await;
    b.subscribes(subscribe("t", 1).and("u", 1)).await;
    b.says(unsubscribe(&["t"])).await.hears(unsub_ack(&[0])).await;
    let life = life.restarts();
    let mut alice = life.world.client("alice").await;
    alice.says(publish("t", "1").qos1(1)).await.hears(pub_ack(1).unmatched()).await;
    alice.says(publish("u", "2").qos1(2)).await.hears(pub_ack(2)).await;
    life.world.client_with(bob(), true).await.hears(publish("u", "2").qos1(1)).await.hears_nothing().await;
}

async fn shared(wire: Wire) {
    let life = Life::new(wire);
    let carol = || connect("carol").resume().expiry(600);
    for words in [bob(), carol()] {
        life.world.client_with(words, false).await.subscribes(subscribe("$share/g/t", 1)).await;
    }
    let life = life.restarts();
    let (mut b, mut c) =
        (life.world.client_with(bob(), true).await, life.world.client_with(carol(), true).await);
    let mut alice = life.world.client("alice").await;
    alice.publishes(publish("t", "1").qos1(1)).await.publishes(publish("t", "2").qos1(2)).await;
    // One each, in turn.
    let first = b.looks_at(|packet| format!("{packet:?}")).await;
    let second = c.looks_at(|packet| format!("{packet:?}")).await;
    assert_ne!(first, second);
    b.hears_nothing().await;
    c.hears_nothing().await;
}

async fn passed_on(wire: Wire) {
    let life = Life::new(wire);
    let mut b = life.world.client_with(connect("bob").resume().expiry(60), false).await;
    b.subscribes(subscribe("$share/g/t", 1)).await;
    drop(b);
    life.world.settles().await;
    let mut alice = life.world.client("alice").await;
    for number in 1..=1_200_u32 {
        alice.publishes(publish("t", number.to_string()).qos1(1)).await;
    }
    let life = life.restarts();
    let mut c = life.world.client("carol").await;
    c.subscribes(subscribe("$share/g/t", 1)).await;
    life.world.passes(61 * super::SECOND).await;
    for number in 1..=1_200_u16 {
        c.hears(publish("t", number.to_string()).qos1(number)).await.says(pub_ack(number)).await;
    }
    c.hears_nothing().await;
    assert_eq!(life.world.broker.session_count(), 1);
    let life = life.restarts();
    assert_eq!(life.world.broker.session_count(), 0);
}

/// [MQTT50-U-4.8.2-5]
async fn ended(wire: Wire) {
    // The message is still being fetched when the next member comes.
    let life = Life::with(wire, SECOND, |_| ());
    let mut b = life.world.client_with(bob(), false).await;
    b.subscribes(subscribe("$share/g/t", 1)).await;
    drop(b);
    life.world.settles().await;
    let mut alice = life.world.client("alice").await;
    alice.publishes(publish("t", "old").qos1(1)).await;
    let life = life.restarts();
    let mut b = life.world.client_with(connect("bob"), false).await;
    b.subscribes(subscribe("$share/g/t", 1)).await;
    life.world.passes(10 * SECOND).await;
    b.hears_nothing().await;
    life.world.client("alice").await.publishes(publish("t", "new").qos1(1)).await;
    b.hears(publish("t", "new").qos1(1)).await;
}

async fn passed_on_across_a_crash(wire: Wire) {
    const COUNT: u32 = 1_200;
    // A fetch takes as long as the disk does.
    let life = Life::with(wire, SECOND, |_| ());
    let mut b = life.world.client_with(connect("bob").resume().expiry(5_000), false).await;
    b.subscribes(subscribe("$share/g/t", 2)).await;
    drop(b);
    life.world.settles().await;
    let mut alice = life.world.client("alice").await;
    for number in 1..=COUNT {
        let id = u16::try_from(number).expect("it fits");
        alice.says(publish("t", number.to_string()).qos2(id)).await.hears(pub_rec(id)).await;
        alice.says(pub_rel(id)).await.hears(pub_comp(id)).await;
    }
    let carol = || connect("carol").resume().expiry(50_000);
    let mut c = life.world.client_with(carol(), false).await;
    c.subscribes(subscribe("$share/g/t", 2)).await;
    drop(c);
    // Bob's session ends, and the first chunks are on their way.
    life.world.passes(5_000 * SECOND - COUNT * 2 * SECOND).await;
    let owes = |life: &Life| {
        let sessions = life.store.recover(life.store.durable()).sessions;
        sessions.iter().map(|session| session.deliveries.len()).collect::<Vec<_>>()
    };
    while owes(&life)[0] == COUNT as usize {
        life.world.passes(SECOND / 10).await;
    }
    let both = owes(&life);
    assert!(both[0] > 0 && both[1] > 0 && both[0] + both[1] == COUNT as usize, "{both:?}");
    let life = life.restarts();
    life.world.passes(10 * SECOND).await;
    assert_eq!(owes(&life), [COUNT as usize]);
}

/// A clean start whose end of the old session was not kept: the store may find both.
async fn two_sessions(wire: Wire) {
    let life = Life::new(wire);
    super::absent_bob(&life.world).await;
    super::publishes(&life.world, &["1"]).await;
    let mut batch = Batch::default();
    let (kind, client_id) = (SessionKind::Mqtt, "bob".into());
    batch.push(Record::SessionOpened { session: 1_000, kind, client_id, expiry_secs: 600 });
    life.store.apply(&mut batch).expect("the store takes it");
    let life = life.restarts();
    assert_eq!((life.world.broker.session_count(), life.world.broker.subscription_count()), (1, 0));
    life.world.client_with(bob(), true).await.hears_nothing().await;
    let life = life.restarts();
    assert_eq!(life.world.broker.session_count(), 1);
}
