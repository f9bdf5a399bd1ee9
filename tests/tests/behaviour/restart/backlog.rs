//! Long backlogs: their messages stay on disk until they are needed.

use std::time::Duration;

use tidewire::config::{ListenerConfig, ProtocolName, Transport};
use tidewire::session::Overflow;
use tidewire::store::{Owner, Record, Store};
use tidewire_tests::conversations;
use tidewire_tests::mqtt::{MqttPeer, disconnect, pub_ack, publish};
use tidewire_tests::peer::Wire;

use super::{Life, SECOND, absent_bob, bob, subscribed_bob};

conversations! {
    a_long_one_comes_in_order_and_little_of_it_is_in_memory => long;
    it_grows_while_it_is_delivered => grows;
    the_oldest_make_room => drop_oldest;
    a_listener_s_policy_holds_again_once_the_client_is_back => listener_s_policy;
    a_takeover_during_a_fetch_loses_nothing => takeover;
    what_cannot_be_read_is_left_out => unreadable;
    qos_0_keeps_its_place_among_them => mixed;
}

/// What may be in memory: a window, and what was fetched last.
const RESIDENT_MAX: usize = 1_000 + 512;

fn owner(life: &Life) -> Owner {
    let numbers = life.store.recover(life.store.applied()).sessions;
    let bob = numbers.iter().find(|session| &*session.client_id == "bob").expect("bob's session is stored");
    Owner::Session(bob.session)
}

/// Publishes that many messages with QoS 1, counting on from `first`, many at a time.
async fn fills(alice: &mut MqttPeer, first: u32, count: u32) {
    for number in first..first + count {
        let id = u16::try_from(number % 60_000 + 1).expect("it fits");
        alice.says(publish("t", number.to_string()).qos1(id)).await.hears(pub_ack(id)).await;
    }
}

/// Hears them, and acknowledges each.
async fn takes(b: &mut MqttPeer, first: u32, count: u32) {
    for number in first..first + count {
        let id = u16::try_from((number - 1) % 65_535 + 1).expect("it fits");
        b.hears(publish("t", number.to_string()).qos1(id)).await.says(pub_ack(id)).await;
    }
}

async fn long(wire: Wire) {
    const COUNT: u32 = 20_000;
    let life = Life::with(wire, Duration::ZERO, |config| config.session.outbox_messages_max = COUNT as usize);
    absent_bob(&life.world).await;
    fills(&mut life.world.client("alice").await, 1, COUNT).await;
    let owner = owner(&life);
    assert_eq!(life.store.resident(&owner), 0);
    let life = life.restarts();
    let mut b = life.world.client_with(bob(), true).await;
    for part in 0..20 {
        takes(&mut b, 1 + part * COUNT / 20, COUNT / 20).await;
        let resident = life.store.resident(&owner);
        // Those on their way come on top.
        assert!(resident <= RESIDENT_MAX + usize::from(life.world.broker.config().session.inflight_max));
    }
    b.hears_nothing().await;
    let fetches = life.store.fetches();
    assert!((20_000 / 512..100).contains(&fetches), "{fetches}");
}

async fn grows(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    let mut alice = life.world.client("alice").await;
    fills(&mut alice, 1, 700).await;
    let mut b = life.world.client_with(bob(), true).await;
    fills(&mut alice, 701, 3_000).await;
    takes(&mut b, 1, 2_000).await;
    fills(&mut alice, 3_701, 300).await;
    takes(&mut b, 2_001, 2_000).await;
    fills(&mut alice, 4_001, 1).await;
    takes(&mut b, 4_001, 1).await;
    b.hears_nothing().await;
}

async fn drop_oldest(wire: Wire) {
    let life = Life::with(wire, Duration::ZERO, |config| {
        config.session.outbox_messages_max = 50;
        config.session.overflow = Overflow::DropOldest;
    });
    absent_bob(&life.world).await;
    let mut alice = life.world.client("alice").await;
    fills(&mut alice, 1, 70).await;
    assert_eq!(life.world.broker.counters.dropped.value(), 20);
    let life = life.restarts();
    fills(&mut life.world.client("alice").await, 71, 10).await;
    let mut b = life.world.client_with(bob(), true).await;
    takes(&mut b, 31, 50).await;
    b.hears_nothing().await;
    let kept = life.store.recover(life.store.applied());
    assert!(kept.sessions.iter().all(|session| session.deliveries.is_empty()));
}

async fn listener_s_policy(wire: Wire) {
    let life = Life::with(wire, Duration::ZERO, |config| {
        config.session.outbox_messages_max = 5;
        let listener = ListenerConfig::new("test", "127.0.0.1:0", Transport::Tcp, &[ProtocolName::Mqtt]);
        config.listeners = vec![ListenerConfig { overflow: Some(Overflow::DropOldest), ..listener }];
    });
    absent_bob(&life.world).await;
    fills(&mut life.world.client("alice").await, 1, 7).await;
    let life = life.restarts();
    // Nobody knows any more by which listener he came: these are dropped themselves.
    fills(&mut life.world.client("alice").await, 8, 2).await;
    let mut b = life.world.client_with(bob(), true).await;
    takes(&mut b, 3, 5).await;
    b.says(disconnect()).await.is_closed().await;
    fills(&mut life.world.client("alice").await, 10, 7).await;
    takes(&mut life.world.client_with(bob(), true).await, 12, 5).await;
}

async fn takeover(wire: Wire) {
    let life = Life::with(wire, SECOND, |_| ());
    absent_bob(&life.world).await;
    fills(&mut life.world.client("alice").await, 1, 20).await;
    let mut first = life.world.mqtt().await;
    first.connects(bob(), true).await;
    life.world.settles().await;
    // Its fetch is under way.
    let mut second = life.world.mqtt().await;
    second.connects(bob(), true).await;
    takes(&mut second, 1, 10).await;
    drop(second);
    life.world.passes(3 * SECOND).await;
    let mut third = life.world.client_with(bob(), true).await;
    for number in 11..=20_u16 {
        third.hears(publish("t", number.to_string()).qos1(number).dup()).await.says(pub_ack(number)).await;
    }
    third.hears_nothing().await;
}

async fn unreadable(wire: Wire) {
    let life = Life::new(wire);
    absent_bob(&life.world).await;
    fills(&mut life.world.client("alice").await, 1, 4).await;
    let (owner, kept) = (owner(&life), life.store.durable());
    let life = life.restarts_with(kept, |store| {
        store.damage(owner.clone(), 2);
        store.damage(owner, 4);
    });
    let mut b = life.world.client_with(bob(), true).await;
    takes(&mut b, 1, 1).await;
    takes(&mut b, 3, 1).await;
    b.hears_nothing().await;
    assert_eq!(life.world.broker.counters.dropped.value(), 2);
    let settled = |record: &Record| matches!(record, Record::Settled { sequence: 2 | 4, .. });
    assert_eq!(life.store.records().iter().filter(|record| settled(record)).count(), 2);
    b.says(disconnect()).await.is_closed().await;
    life.restarts().world.client_with(bob(), true).await.hears_nothing().await;
}

/// A client that does not read: what comes stays in the outbox, and beyond the window on disk.
async fn mixed(wire: Wire) {
    let life = Life::new(wire);
    let mut b = subscribed_bob(&life.world).await;
    let mut alice = life.world.client("alice").await;
    let window = u32::from(life.world.broker.config().session.inflight_max);
    let count = window + 1_500;
    fills(&mut alice, 1, count).await;
    alice.says(publish("t", "zero")).await;
    fills(&mut alice, count + 1, 10).await;
    takes(&mut b, 1, count).await;
    b.hears(publish("t", "zero")).await;
    takes(&mut b, count + 1, 10).await;
    b.hears_nothing().await;
}
